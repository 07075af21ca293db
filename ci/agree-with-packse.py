#!/usr/bin/env python3
"""The scenarios of astral-sh/packse, which uv is tested with: each is served as an index on loopback, resolved by envlock,
and compared with what the scenario expects. Prints who agrees and who differs and why; exit 1 for a difference that is
not explained below.

Usage: ci/agree-with-packse.py FOLDER [NAME…]; FOLDER is a checkout of packse. ENVLOCK names the program (target/debug/envlock).
"""

import collections
import hashlib
import http.server
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import tomllib
import zipfile

# What a scenario is about that envlock does not do: it locks one platform, and compiles nothing.
NOT_OURS = {
    "universal": "a lock for several platforms",
    "no_binary": "wheels forbidden",
    "prereleases": "a switch for pre-releases of everything",
    "required_environments": "a lock for several platforms",
}

SDIST = "needs a source distribution to be built, and envlock compiles nothing"
EXTRA = "a requirement for an extra that is not there is refused, not met without it; the way out is advised"
PRERELEASE = "any requirement that names a pre-release allows it, as for pip; a warning says so"
# SCENARIO → why envlock rightly differs from what uv is to do. docs/agreement.md says more.
EXPLAINED = {
    "missing-extra": EXTRA,
    "extra-does-not-exist-backtrack": EXTRA,
    "transitive-prerelease-and-stable-dependency": PRERELEASE,
    "transitive-prerelease-and-stable-dependency-many-versions": PRERELEASE,
    "transitive-prerelease-and-stable-dependency-many-versions-holes": PRERELEASE,
    "transitive-yanked-and-unyanked-dependency": "a withdrawn version is taken for any `==`, as by pip; it is told",
    "python-less-than-current": "upper bounds of Requires-Python hold, as for pip",
    "incompatible-python-compatible-override-available-no-wheels": SDIST,
    "incompatible-python-compatible-override-no-compatible-wheels": SDIST,
    "incompatible-python-compatible-override-other-wheel": SDIST,
    "incompatible-python-compatible-override-unavailable-no-wheels": SDIST,
    "no-wheels-with-matching-platform": SDIST,
    "no-wheels": SDIST,
}


def wheel(name, version, tag, meta):
    """The bytes of a wheel that has nothing but metadata."""
    lines = ["Metadata-Version: 2.3", f"Name: {name}", f"Version: {version}"]
    if requires_python := meta.get("requires_python", ">=3.12"):
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {text}" for text in meta.get("requires", [])]
    for extra, needs in meta.get("extras", {}).items():
        lines.append(f"Provides-Extra: {extra}")
        for text in needs:
            front, _, marker = text.partition(";")
            both = f"({marker.strip()}) and " if marker.strip() else ""
            lines.append(f'Requires-Dist: {front.strip()}; {both}extra == "{extra}"')
    module, stem = name.replace("-", "_"), f"{name.replace('-', '_')}-{version}"
    files = {
        f"{module}/__init__.py": "",
        f"{stem}.dist-info/METADATA": "\n".join(lines) + "\n",
        f"{stem}.dist-info/WHEEL": f"Wheel-Version: 1.0\nGenerator: packse\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},,\n" for path in files) + f"{stem}.dist-info/RECORD,,\n"
    files[f"{stem}.dist-info/RECORD"] = record
    return files


def write(index, scenario):
    """The scenario's packages as pages and files below `index`."""
    for name, package in scenario.get("packages", {}).items():
        folder, links = index / "simple" / name, []
        folder.mkdir(parents=True)
        for version, meta in package["versions"].items():
            yanked = ' data-yanked=""' if meta.get("yanked") else ""
            requires = meta.get("requires_python", ">=3.12") or ""
            requires = f' data-requires-python="{requires.replace("<", "&lt;").replace(">", "&gt;")}"'
            stem = f"{name.replace('-', '_')}-{version}"
            if meta.get("wheel", True):
                for tag in meta.get("wheel_tags") or ["py3-none-any"]:
                    file = folder / f"{stem}-{tag}.whl"
                    with zipfile.ZipFile(file, "w") as archive:
                        for path, text in wheel(name, version, tag, meta).items():
                            archive.writestr(path, text)
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()
                    href = file.name.replace("+", "%2B")
                    links.append(f'<a href="{href}#sha256={digest}"{yanked}{requires}>{file.name}</a>')
            if meta.get("sdist", True):
                links.append(f'<a href="{stem.replace("+", "%2B")}.tar.gz"{yanked}{requires}>{stem}.tar.gz</a>')
        (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>")


def resolved(scenario, url, folder, envlock):
    """The versions envlock takes; None: it has no set. And what it said."""
    options, environment = scenario.get("resolver_options", {}), scenario.get("environment", {})
    python = options.get("python") or environment.get("python", "3.12")
    python += ".0" * (2 - python.count("."))
    requirements = ", ".join(repr(text) for text in scenario["root"]["requires"])
    (folder / "envlock.toml").write_text(
        f'[python]\nversion = "{python}"\nsource = "base"\n[target]\ncuda = "cpu"\nglibc = "2.39"\n'
        '[base]\nruntime = "127.0.0.1:1/none:1"\ndevel = "127.0.0.1:1/none:1"\n'
        f"[groups.all]\npackages = [{requirements}]\n[images.all]\ngroups = [\"all\"]\n"
        f'[sources.pypi]\nurl = "{url}"\n'
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    run = subprocess.run([envlock, "-C", str(folder), "resolve"], capture_output=True, text=True, env=environment)
    lock = folder / "env.lock"
    if not lock.exists():
        return None, run.stderr
    packages = tomllib.loads(lock.read_text()).get("package", [])
    return {p["name"]: p["version"] for p in packages}, run.stderr


def compare(scenario, root, envlock, port):
    name = scenario["name"]
    index = root / "index" / name
    index.mkdir(parents=True)
    write(index, scenario)
    folder = root / "project" / name
    folder.mkdir(parents=True)
    found, said = resolved(scenario, f"http://127.0.0.1:{port}/{name}/simple/", folder, envlock)
    expected = scenario["expected"]
    wanted = expected.get("packages", {}) if expected["satisfiable"] else None
    if wanted == found or (wanted == {} and found is not None):
        return "agrees", ""
    told = re.sub(r"\s+", " ", said).strip()[-300:]
    detail = f"expected {wanted}, found {found}; {expected.get('explanation', '')} | {told}"
    return EXPLAINED.get(name, "UNEXPLAINED"), detail


def main():
    folder, only = pathlib.Path(sys.argv[1]), set(sys.argv[2:])
    envlock = os.path.realpath(os.environ.get("ENVLOCK", "target/debug/envlock"))
    counts, not_ours = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        root = pathlib.Path(work)
        (root / "index").mkdir()

        class Quiet(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(root / "index"))

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path in sorted((folder / "scenarios").rglob("*.toml")):
            scenario = tomllib.loads(path.read_text())
            options = scenario.get("resolver_options", {})
            other = next((why for key, why in NOT_OURS.items() if options.get(key)), None)
            if path.parent.name == "examples" or (only and scenario["name"] not in only):
                continue
            if options.get("python_platform", "linux") != "linux":
                other = "another platform"
            if other:
                not_ours[other] += 1
                continue
            verdict, detail = compare(scenario, root, envlock, server.server_port)
            counts[verdict] += 1
            if verdict != "agrees":
                print(f"{scenario['name']}: {verdict}\n    {detail}")
        server.shutdown()
    print(f"\n{sum(counts.values())} scenarios apply, {sum(not_ours.values())} are about something else:")
    for why, count in not_ours.most_common():
        print(f"  {count:3} not ours: {why}")
    for verdict, count in counts.most_common():
        print(f"  {count:3} {verdict}")
    return 1 if counts["UNEXPLAINED"] else 0


sys.exit(main())
