#!/usr/bin/env python3
"""Constraints, overrides, exclusions and pre-releases beside uv, over generated indexes.

    ci/agree-on-rules.py ENVLOCK UV [CASES] [SEED]

Each case is an index on loopback of a few made wheels, one requirement, and random rules. Both resolve it: either neither finds a
set, or both give the requirement the same version and install the same names. Prints every difference and a count; exits 1 if
there was one. Both programs are given their files as their users write them: envlock.toml, and `uv pip compile` with
--constraint, --override, --excludes and --prerelease-package.
"""

import hashlib
import http.server
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import zipfile

NAMES = "abcde"
VERSIONS = ["0.9", "1.0", "1.5", "2.0", "3.0rc1"]


def digest(blob):
    return "sha256:" + hashlib.sha256(blob).hexdigest()


# The base image that the target is read from.
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = json.dumps(
    {
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PYTHON_VERSION=3.14.2"]},
        "rootfs": {"type": "layers", "diff_ids": []}, "created": "2026-11-01T00:00:00Z",
    }
).encode()
BASE = json.dumps(
    {
        "schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(CONFIG), "size": len(CONFIG)
        },
    }
).encode()


class Index:
    """A simple index (PEP 503) of wheels that can be replaced between cases."""

    def __init__(self):
        self.files, self.projects = {}, {}
        index = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def answer(self, status, body, kind="text/html"):
                self.send_response(status)
                self.send_header("content-type", kind)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            def do_GET(self):
                # /CASE/NAME/ and /CASE/files/FILE; /v2/… is the base image.
                parts = self.path.strip("/").split("/")
                if parts[0] == "v2":
                    blob = BASE if parts[-2:-1] == ["manifests"] else CONFIG if parts[-1] == digest(CONFIG) else b""
                    self.answer(200 if blob or len(parts) == 1 else 404, blob, MANIFEST)
                elif len(parts) == 2 and parts[1] in index.projects:
                    links = (
                        f'<a href="/{parts[0]}/files/{f}#sha256={hashlib.sha256(index.files[f]).hexdigest()}">{f}</a>'
                        for f in index.projects[parts[1]]
                    )
                    self.answer(200, ("<!doctype html>" + "".join(links)).encode())
                elif len(parts) == 3 and parts[2] in index.files:
                    self.answer(200, index.files[parts[2]], "application/octet-stream")
                else:
                    self.answer(404, b"")

            do_HEAD = do_GET

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def serve(self, case, wheels):
        self.files, self.projects = {}, {}
        for (name, version), requires in wheels.items():
            file = f"{name}-{version}-py3-none-any.whl"
            self.files[file] = wheel(name, version, requires)
            self.projects.setdefault(name, []).append(file)
        return f"http://127.0.0.1:{self.server.server_port}/case{case}/"


def wheel(name, version, requires):
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Provides-Extra: x"]
    files = {
        f"{name}/__init__.py": "",
        f"{info}/METADATA": "\n".join(lines + [f"Requires-Dist: {r}" for r in requires]) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: made\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return out.getvalue()


def bound(random):
    sign = random.choice(["<", "<=", ">=", "==", "!=", ">"])
    marker = random.choice(["", "", "", "; python_version < '3'", "; python_version >= '3'"])
    return sign + random.choice(VERSIONS[:4] if random.random() < 0.9 else VERSIONS) + marker


def make(random):
    """Wheels, a requirement, and rules. Needs go from a to e only, so that a requirement has one newest answer."""
    wheels = {}
    for at, name in enumerate(NAMES):
        for version in random.sample(VERSIONS, random.randint(1, 4)):
            needs = []
            for other in NAMES[at + 1 :]:
                if random.random() < 0.45:
                    extra = random.choice(["", "", "[x]"])
                    text = other + extra + (bound(random) if random.random() < 0.6 else "")
                    if random.random() < 0.2 and ";" not in text:
                        text += "; extra == 'x'"
                    needs.append(text)
            wheels[name, version] = needs
    rules = {"constraints": {}, "overrides": {}, "prereleases": {}}
    for name in NAMES:
        if random.random() < 0.3:
            rules["constraints"][name] = bound(random)
        if random.random() < 0.2 and name != "a":
            rules["overrides"][name] = False if random.random() < 0.3 else random.choice(["", "[x]"]) + bound(random)
        # Without one, envlock takes fewer pre-releases than uv: docs/how-to/versions.md, Rules.
        rules["prereleases"][name] = random.choice(["never", "if-necessary", "allow"])
    return wheels, random.choice(["a", "a[x]", "a<2"]), rules


def run(command, folder, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("UV_", "PIP_", "ENVLOCK_"))}
    return subprocess.run(command, cwd=folder, env=kept | environment, capture_output=True, text=True)


def envlock(program, folder, url, requirement, rules):
    table = lambda name, rows: f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in rows)
    text = "".join(table(name, [(k, json.dumps(v)) for k, v in rules[name].items()]) for name in ("constraints", "overrides"))
    text += table("packages", [(k, f'{{ prereleases = "{v}" }}') for k, v in rules["prereleases"].items()])
    text += '[python]\nversion = "3.14.2"\nsource = "base"\n[target]\nglibc = "2.39"\ncuda = "cpu"\n'
    base = url.split('/')[2] + '/base:v1'
    text += f'[base]\nruntime = "{base}"\ndevel = "{base}"\n'
    text += f'[groups.app]\npackages = ["{requirement}"]\n[images.app]\ngroups = ["app"]\n[sources.pypi]\nurl = "{url}"\n'
    with open(f"{folder}/envlock.toml", "w") as file:
        file.write(text)
    done = run([program, "resolve", "--json", "--dry-run"], folder, ENVLOCK_STORE=f"{folder}/store", HOME=folder)
    if done.returncode == 4:
        return None
    if done.returncode != 0:
        raise SystemExit(f"envlock: {done.returncode}\n{done.stderr}\n{text}")
    return {p["name"]: p["version"] for p in json.loads(done.stdout)["lock"]["package"]}


def uv(program, folder, url, requirement, rules):
    files = {
        "requirements.in": [requirement],
        "constraints.txt": [name + bound for name, bound in rules["constraints"].items()],
        "overrides.txt": [name + bound for name, bound in rules["overrides"].items() if bound],
        "excludes.txt": [name for name, bound in rules["overrides"].items() if not bound],
    }
    for name, lines in files.items():
        with open(f"{folder}/{name}", "w") as file:
            file.write("".join(line + "\n" for line in lines))
    command = [program, "pip", "compile", "requirements.in", "--constraint", "constraints.txt", "--override", "overrides.txt"]
    command += ["--excludes", "excludes.txt", "--index-url", url, "--python-version", "3.14.2", "--no-cache", "--no-config"]
    command += ["--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    words = {"never": "disallow"}
    for name, which in rules["prereleases"].items():
        command += ["--prerelease-package", f"{name}={words.get(which, which)}"]
    done = run(command, folder)
    if done.returncode != 0:
        if "No solution found" in done.stderr:
            return None
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")
    return dict(line.split("==") for line in done.stdout.split())


def main():
    ours, theirs = (os.path.abspath(program) for program in sys.argv[1:3])
    cases, seed = (int(sys.argv[at]) if len(sys.argv) > at else default for at, default in ((3, 300), (4, 1)))
    index, different, none, same = Index(), 0, 0, 0
    for case in range(cases):
        chance = random.Random(f"{seed} {case}")
        wheels, requirement, rules = make(chance)
        url = index.serve(case, wheels)
        with tempfile.TemporaryDirectory() as folder:
            answers = envlock(ours, folder, url, requirement, rules), uv(theirs, folder, url, requirement, rules)
        if answers[0] is None and answers[1] is None:
            none += 1
        elif None not in answers and answers[0] == answers[1]:
            same += 1
        elif None not in answers and answers[0]["a"] == answers[1]["a"] and answers[0].keys() == answers[1].keys():
            same += 1
        else:
            different += 1
            print(f"case {case}: envlock {answers[0]}, uv {answers[1]}\n  {requirement} {rules}\n  {wheels}")
    print(f"{cases} cases, seed {seed}: {same} the same set, {none} none for both, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
