#!/usr/bin/env python3
"""Where PyPI is: envlock beside pip and uv, over random settings files and variables in folders of their own.

    ci/agree-on-settings.py ENVLOCK PYTHON UV [CASES [SEED]]

PYTHON has pip. Each case is asked of all: `envlock doctor --json`, pip's own option parser, `uv pip compile --show-settings`.
envlock asks uv's places before pip's, so a case has files and variables of one of them. Prints the differences and how many
cases there were; exit 1 where there is a difference."""

import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile

ASK_PIP = """
from pip._internal.cli.parser import ConfigOptionParser
from pip._internal.commands import create_command
print(create_command("install").parser.get_default_values().index_url.strip())
"""
HOSTS = [f"https://{name}.example/simple" for name in "abcdefgh"]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def pip_conf(rnd):
    keys = ["index-url", "index_url", "INDEX-URL", "extra-index-url", "timeout", "pypi-url"]
    lines = []
    for section in rnd.sample(["[global]", "[install]", "[DEFAULT]", "[download]"], rnd.randint(1, 3)):
        lines.append(section)
        for key in rnd.sample(keys, rnd.randint(0, 2)):
            if key == "timeout":
                lines.append("timeout = 60")
                continue
            value = rnd.choice(HOSTS)
            lines.append(rnd.choice([f"{key} = {value}", f"{key}: {value}", f"{key} =\n    {value}", f"{key} =", f"# {key} = {value}"]))
    return "\n".join(lines) + "\n"


def pip_case(rnd, home, project, variables):
    places = [home / ".config/pip/pip.conf", home / ".pip/pip.conf", home / "xdg/pip/pip.conf", home / "own.conf", home / "venv/pip.conf"]
    for place in rnd.sample(places, rnd.randint(0, 3)):
        write(place, pip_conf(rnd))
    if (home / "own.conf").exists() or rnd.random() < 0.2:
        variables["PIP_CONFIG_FILE"] = str(home / "own.conf")
    if rnd.random() < 0.1:
        variables["PIP_CONFIG_FILE"] = "/dev/null"
    if rnd.random() < 0.3:
        variables["PIP_INDEX_URL"] = rnd.choice(HOSTS + [""])


def uv_toml(rnd, pip=True):
    text = ""
    if rnd.random() < 0.4:
        text += f'index-url = "{rnd.choice(HOSTS)}"\n'
    if rnd.random() < 0.3:
        text += f'extra-index-url = ["{rnd.choice(HOSTS)}"]\n'
    for _ in range(rnd.randint(0, 2)):
        text += f'[[index]]\nurl = "{rnd.choice(HOSTS)}"\n'
        if rnd.random() < 0.5:
            text += f'name = "{rnd.choice("xyz")}{rnd.randint(0, 99)}"\n'
        if rnd.random() < 0.5 and "default" not in text:
            text += "default = true\n"
    return text


def uv_case(rnd, home, project, variables):
    places = [home / ".config/uv/uv.toml", home / "xdg/uv/uv.toml", project / "uv.toml", project.parent / "uv.toml"]
    for place in rnd.sample(places, rnd.randint(0, 3)):
        write(place, uv_toml(rnd))
    if rnd.random() < 0.3:
        text = re.sub(r"^\[\[index\]\]", "[[tool.uv.index]]", uv_toml(rnd), flags=re.M)
        write(project / "pyproject.toml", "[tool.uv]\n" + text)
    if rnd.random() < 0.2:
        variables["UV_DEFAULT_INDEX"] = rnd.choice(["", "name="]) + rnd.choice(HOSTS)
    if rnd.random() < 0.2:
        variables["UV_INDEX_URL"] = rnd.choice(HOSTS)
    if rnd.random() < 0.1:
        variables["UV_NO_CONFIG"] = "1"


def ran(command, folder, variables):
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)


def ask_envlock(program, project, variables):
    checks = json.loads(ran([program, "doctor", "--json"], project, variables).stdout)
    checks = checks["checks"] if isinstance(checks, dict) else checks
    found = next(check["found"] for check in checks if check["name"] == "PyPI")
    return found.split(" from ")[0].rstrip("/") if " from " in found else found


def ask_uv(uv, project, variables):
    write(project / "requirements.in", "")
    shown = ran([uv, "pip", "compile", "--show-settings", "requirements.in"], project, variables).stdout
    # The block of each index: its url stands before whether it is the default.
    indexes = re.findall(r"Index \{.*?given: (?:Some\(\s*\"([^\"]*)\"|None).*?default: (true|false)", shown, re.S)
    default = [url for url, is_default in indexes if is_default == "true"]
    return default[0].rstrip("/") if default else None


def main():
    envlock, python, uv = (str(pathlib.Path(program).absolute()) for program in sys.argv[1:4])
    cases = int(sys.argv[4]) if len(sys.argv) > 4 else 200
    rnd = random.Random(int(sys.argv[5]) if len(sys.argv) > 5 else 7)
    default, differences = None, 0
    for number in range(cases):
        with tempfile.TemporaryDirectory() as folder:
            home, project = pathlib.Path(folder, "home"), pathlib.Path(folder, "home/work/project")
            project.mkdir(parents=True)
            variables = {"HOME": str(home), "PATH": "/usr/bin:/bin", "XDG_CONFIG_DIRS": str(home / "xdg"), "ENVLOCK_STORE": str(home / "store")}
            is_pip = number % 2 == 0
            (pip_case if is_pip else uv_case)(rnd, home, project, variables)
            ours = ask_envlock(envlock, project, variables)
            if is_pip:
                theirs = ran([python, "-c", ASK_PIP], project, variables)
                theirs = theirs.stdout.strip().rstrip("/") or "an error"
                default = default or ran([python, "-c", "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"], project, {"PATH": "/usr/bin:/bin"}).stdout.strip()
                same = ours == theirs or (theirs == default and "example" not in ours) or (theirs == "an error" and "example" not in ours)
            else:
                theirs = ask_uv(uv, project, variables)
                same = ours == theirs or (theirs is None and "example" not in ours)
            if not same:
                differences += 1
                files = {str(f.relative_to(home)): f.read_text() for f in home.rglob("*") if f.is_file() and "store" not in f.parts}
                print(f"case {number}: envlock {ours}, {'pip' if is_pip else 'uv'} {theirs}\n{json.dumps(files, indent=1)}\n{variables}")
    print(f"{cases} cases, {differences} differences")
    sys.exit(1 if differences else 0)


main()
