#!/usr/bin/env python3
"""Pairs and triples of much-used packages, resolved from PyPI by envlock with the requirements in every order, and by uv.

    ci/agree-on-pairs.py NAMES [--count N] [--seed S] [--envlock PROGRAM] [--uv PROGRAM]

NAMES is a file with a package a line. Told are sets that depend on the order, requirements that are older than in uv's
answer while no other requirement is newer than there, and, apart from those, sets in which each of the two is better for
one requirement. Exit 1 for the first two. Both programs get the same Python, glibc and day; caches stay between the runs.
"""

import argparse
import itertools
import pathlib
import random
import re
import subprocess
import sys
import tempfile

from packaging.version import Version

PYTHON, GLIBC = "3.13.0", "2.39"
SPEC = """[python]
version = "{python}"
source = "base"
[target]
cuda = "cpu"
glibc = "{glibc}"
[base]
runtime = "127.0.0.1:1/none:1"
devel = "127.0.0.1:1/none:1"
[groups.all]
packages = [{packages}]
[images.all]
groups = ["all"]
"""


def run(*command):
    return subprocess.run(command, capture_output=True, text=True)


def by_envlock(program, requirements, day):
    """Versions by name, or None."""
    with tempfile.TemporaryDirectory() as folder:
        packages = ", ".join(f'"{requirement}"' for requirement in requirements)
        text = SPEC.format(python=PYTHON, glibc=GLIBC, packages=packages)
        pathlib.Path(folder, "envlock.toml").write_text(text)
        done = run(program, "--quiet", "-C", folder, "resolve", "--exclude-newer", day)
        lock = pathlib.Path(folder, "env.lock")
        if not lock.exists():
            return None, done.stderr
        found = re.findall(r'^name = "(.*)"\nversion = "(.*)"', lock.read_text(), re.M)
        return dict(found), done.stderr


def by_uv(program, requirements, day):
    with tempfile.NamedTemporaryFile("w", suffix=".in") as file:
        file.write("\n".join(requirements))
        file.flush()
        done = run(
            program, "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:",
            "--python", sys.executable, "--python-version", PYTHON,
            "--python-platform", f"x86_64-manylinux_{GLIBC.replace('.', '_')}", "--exclude-newer", day, file.name,
        )
        found = re.findall(r"^([a-z0-9.-]+)==(\S+)", done.stdout, re.M)
        return dict(found) if done.returncode == 0 else None


def compare(requirements, ours, theirs):
    """The requirements that are older with us, and those that are newer."""
    pairs = [(w, Version(ours[w]), Version(theirs[w])) for w in requirements]
    older = [f"{w} {our} (uv {their})" for w, our, their in pairs if our < their]
    newer = [f"{w} {our} (uv {their})" for w, our, their in pairs if our > their]
    return older, newer


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", type=pathlib.Path)
    options.add_argument("--count", type=int, default=300)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--day", default="2026-11-20T00:00:00Z")
    options.add_argument("--envlock", default="target/debug/envlock")
    options.add_argument("--uv", default="uv")
    args = options.parse_args()
    names = args.names.read_text().split()
    chance = random.Random(args.seed)
    counts = dict.fromkeys(["same", "newer", "traded", "older", "order", "one-sided", "none"], 0)
    for _ in range(args.count):
        requirements = sorted(chance.sample(names, chance.choice([2, 2, 3])))
        answers = [by_envlock(args.envlock, order, args.day) for order in itertools.permutations(requirements)]
        ours, said = answers[0]
        theirs = by_uv(args.uv, requirements, args.day)
        if any(found != ours for found, _ in answers):
            kind, detail = "order", [found and {w: found[w] for w in requirements} for found, _ in answers]
        elif ours is None or theirs is None:
            kind = "none" if ours is theirs else "one-sided"
            detail = "" if ours is theirs else f"{'uv' if ours is None else 'envlock'} alone has an answer; {said}"
        else:
            older, newer = compare(requirements, ours, theirs)
            kind = {(0, 0): "same", (0, 1): "newer", (1, 1): "traded", (1, 0): "older"}[bool(older), bool(newer)]
            detail = ", ".join(older + newer)
        counts[kind] += 1
        if kind not in ("same", "none"):
            print(f"{kind:9} {' '.join(requirements)}: {detail}", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    sys.exit(1 if counts["order"] or counts["older"] else 0)


main()
