#!/usr/bin/env python3
"""Odd wheels, each with one or two oddities, through pip, uv and envlock: who installs which files.

Usage: ci/agree-on-wheels.py [PAIRS]: every oddity alone, then so many random pairs (SEED=1).
PIP and UV name the programs (python3 -m pip and uv); envlock is `cargo test`, or the test program in ENVLOCK_IT.
Exit 1 where envlock refuses what pip and uv install alike, or installs something else, or installs what both refuse,
unless `DECIDED` says why.
"""

import base64
import bz2
import collections
import concurrent.futures
import hashlib
import itertools
import json
import lzma
import os
import pathlib
import random
import shlex
import struct
import subprocess
import sys
import tempfile
import zlib

FILE = "x-1-py3-none-any.whl"
RECORD = "x-1.dist-info/RECORD"
MODULE = b"a = 1\n" * 40
UTF8, STREAMED = 1 << 11, 1 << 3
# What installers write themselves. A signature of the RECORD that was replaced, and modules compiled by the maker of the
# wheel, are not installed by envlock.
OWN = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "RECORD.jws", "a.cpython-399.pyc")

# Oddity → why envlock refuses it although pip and uv install it alike.
DECIDED = {
    "backslash": "a path for some readers, a name for others",
    "dot": "a name that is another one for some readers",
    "dotdot_inside": "a name that leads up is refused wherever it leads",
    "double_slash": "a name that is another one for some readers",
    "drive": "leads out of the environment for some readers",
    "dup_differs": "which of the two counts is up to the reader",
    "fifo": "marked as no file",
    "local_crc_wrong": "two headers that contradict each other",
    "data_twice": "which of the two counts is up to the installer",
    "wrong_hash": "RECORD contradicts the file",
    "wrong_size": "RECORD contradicts the file",
}

# Oddity → why envlock installs something else than one of them.
DIFFERS = {
    "info_of_another_version": "uv takes the .data folder of that version only, pip and envlock any",
}


class Member:
    """A member of a zip, with every field that can lie."""

    def __init__(self, name, data, method=8, mode=0o100644, flags=UTF8, local=None, central=None, follows=False, extra=b""):
        self.name = name.encode() if isinstance(name, str) else name
        self.data, self.method, self.mode, self.flags = data, method, mode, flags
        self.local, self.central, self.follows, self.extra = local or {}, central or {}, follows, extra

    def packed(self):
        if self.method == 8:
            deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
            return deflate.compress(self.data) + deflate.flush()
        if self.method == 12:
            return bz2.compress(self.data)
        if self.method == 14:
            filters = [{"id": lzma.FILTER_LZMA1}]
            properties = lzma._encode_filter_properties(filters[0])
            head = struct.pack("<BBH", 9, 4, len(properties)) + properties
            return head + lzma.compress(self.data, format=lzma.FORMAT_RAW, filters=filters)
        return self.data


def zipped(members):
    file, directory = b"", b""
    for member in members:
        packed, offset = member.packed(), len(file)
        true = dict(crc=zlib.crc32(member.data), packed=len(packed), size=len(member.data),
                    flags=member.flags, method=member.method, name=member.name)
        here, there = {**true, **member.local}, {**true, **member.central}
        file += b"PK\3\4" + struct.pack(
            "<HHHHHIIIHH", 20, here["flags"], here["method"], 0, 0x21, here["crc"], here["packed"], here["size"],
            len(here["name"]), 0) + here["name"] + packed
        if member.follows:
            file += b"PK\7\x08" + struct.pack("<III", true["crc"], true["packed"], true["size"])
        directory += b"PK\1\2" + struct.pack(
            "<HHHHHHIIIHHHHHII", 0x314, 20, there["flags"], there["method"], 0, 0x21, there["crc"], there["packed"],
            there["size"], len(member.name), len(member.extra), 0, 0, 0, member.mode << 16, offset)
        directory += member.name + member.extra
    count = len(members)
    return file + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(file), 0)


def row(name, data):
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return [name, f"sha256={digest}", str(len(data))]


class Wheel:
    """A good wheel, until oddities come over it."""

    def __init__(self):
        self.module = Member("x/a.py", MODULE)
        self.more = []
        self.info = "x-1.dist-info"
        self.metadata = "Metadata-Version: 2.1\nName: x\nVersion: 1\n"
        self.format = "Wheel-Version: 1.0\nGenerator: odd\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        self.rows = lambda rows: rows
        self.text = lambda text: text

    def bytes(self):
        members = [self.module, *self.more, Member(f"{self.info}/METADATA", self.metadata.encode()),
                   Member(f"{self.info}/WHEEL", self.format.encode())]
        rows = [row(m.name.decode("utf8", "replace"), m.data) for m in members if not m.name.endswith(b"/")]
        rows = self.rows(rows) + [[f"{self.info}/RECORD", "", ""]]
        text = self.text("".join(",".join(cells) + "\n" for cells in rows))
        return zipped(members + [Member(f"{self.info}/RECORD", text.encode())])


ODDITIES = {}




def change(**values):
    return lambda wheel: wheel.__dict__.update(values)


def module(**values):
    return lambda wheel: wheel.module.__dict__.update(values)


def add(*member, **values):
    return lambda wheel: wheel.more.append(Member(*member, **values))


def of_module(edit):
    """Edits the module's row of RECORD."""
    def over(wheel):
        before = wheel.rows
        wheel.rows = lambda rows: [
            new for cells in before(rows) for new in ([edit(cells)] if cells[0] == "x/a.py" else [cells]) if new]
    return over


def of_all(edit):
    def over(wheel):
        before = wheel.rows
        wheel.rows = lambda rows: [new for cells in before(rows) for new in edit(cells)]
    return over


def of_text(edit):
    def over(wheel):
        before = wheel.text
        wheel.text = lambda text: edit(before(text))
    return over


ODDITIES.update({
    "none": lambda wheel: None,
    "unlisted": of_module(lambda cells: None),
    "rooted": of_module(lambda cells: ["/" + cells[0], *cells[1:]]),
    "dotted_row": of_module(lambda cells: ["./" + cells[0], *cells[1:]]),
    "backslash_row": of_module(lambda cells: [cells[0].replace("/", "\\"), *cells[1:]]),
    "no_hashes": of_all(lambda cells: [[cells[0], "", ""]]),
    "md5": of_all(lambda cells: [[cells[0], "md5=AAAA", cells[2]]]),
    "padded": of_all(lambda cells: [[cells[0], cells[1] + "=", cells[2]]]),
    "wrong_hash": of_module(lambda cells: [cells[0], row("", b"other")[1], cells[2]]),
    "wrong_size": of_module(lambda cells: [cells[0], cells[1], "7"]),
    "no_size": of_all(lambda cells: [[cells[0], cells[1], ""]]),
    "row_too_many": of_text(lambda text: text + ",".join(row("x/gone.py", b"")) + "\n"),
    "rows_twice": of_all(lambda cells: [cells, cells]),
    "two_cells": of_text(lambda text: "x/a.py,\n" + text),
    "four_cells": of_text(lambda text: "x/a.py,,,more\n" + text),
    "empty_record": of_text(lambda text: ""),
    "row_outside": of_text(lambda text: text + "../../../bin/foo,,\n/etc/passwd,,\n"),
    "open_quote": of_text(lambda text: text + "\"x\n"),
    "byte_order_mark": of_text(lambda text: "\ufeff" + text),
    "crlf": of_text(lambda text: text.replace("\n", "\r\n")),
    "wheel_2": change(format="Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    "wheel_1_9": change(format="Wheel-Version: 1.9\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
    "crc_0": module(flags=UTF8 | STREAMED, local=dict(crc=0)),
    "sizes_0": module(flags=UTF8 | STREAMED, local=dict(packed=0, size=0), follows=True),
    "all_0": module(flags=UTF8 | STREAMED, local=dict(crc=0, packed=0, size=0), follows=True),
    "streamed_here_only": module(local=dict(flags=UTF8 | STREAMED)),
    "effort": module(local=dict(flags=UTF8 | 2)),
    "local_crc_wrong": module(local=dict(crc=5)),
    "local_size_wrong": module(local=dict(size=5)),
    "local_name_wrong": module(local=dict(name=b"x/b.py")),
    "crc_wrong": module(local=dict(crc=5), central=dict(crc=5)),
    "stored": module(method=0),
    "bzip2": module(method=12),
    "lzma": module(method=14),
    "encrypted": module(flags=UTF8 | 1),
    "no_mode": module(mode=0),
    "setuid": module(mode=0o104755),
    "symlink": add("x/link.py", b"a.py", mode=0o120777),
    "fifo": add("x/f", b"", mode=0o010644),
    "dup_same": add("x/a.py", MODULE),
    "dup_differs": add("x/a.py", b"b"),
    "case": add("x/A.py", b"b"),
    "case_of_folder": add("X/b.py", b"b"),
    "file_and_folder": add("x/a.py/b", b"b"),
    "dotdot": add("../y.py", b"b"),
    "dotdot_inside": add("x/../y.py", b"b"),
    "backslash": add("x\\y.py", b"b"),
    "drive": add("C:y.py", b"b"),
    "double_slash": add("x//y.py", b"b"),
    "dot": add("./x/y.py", b"b"),
    "control": add("x/\ty.py", b"b"),
    "unmarked_utf8": add("x/ä.py".encode(), b"b", flags=0),
    "broken_utf8": add(b"x/\xff.py", b"b"),
    "other_name_in_extra": add(b"x/y.py", b"b", extra=struct.pack(
        "<HHBI", 0x7075, 11, 1, zlib.crc32(b"x/y.py")) + b"x/z.py"),
    "folder": add("x/", b"", method=0, mode=0o040755),
    "folder_as_file": add("x/d/", b"", method=0, mode=0o100644),
    "folder_deflated": add("x/d/", b"", mode=0o040755),
    "two_infos": add("y-1.dist-info/METADATA", b""),
    "info_in_capitals": change(info="X-1.dist-info"),
    "info_of_another_version": change(info="x-2.dist-info"),
    "info_of_another": change(info="y-1.dist-info"),
    "metadata_2": change(metadata="Metadata-Version: 2.1\nName: x\nVersion: 2\n"),
    "metadata_local": change(metadata="Metadata-Version: 2.1\nName: x\nVersion: 1+cu130\n"),
    "metadata_1_0": change(metadata="Metadata-Version: 2.1\nName: X\nVersion: 1.0\n"),
    "metadata_of_another": change(metadata="Metadata-Version: 2.1\nName: y\nVersion: 1\n"),
    "data_unknown": add("x-1.data/lib/y.py", b"b"),
    "data_flat": add("x-1.data/scripts", b"b"),
    "data_twice": add("x-1.data/purelib/x/a.py", b"b"),
    "data_platlib": add("x-1.data/platlib/x/b.py", b"b"),
    "command_broken": add("x-1.dist-info/entry_points.txt", b"[console_scripts]\nfoo\n"),
    "command_outside": add("x-1.dist-info/entry_points.txt", b"[console_scripts]\n../foo = x:a\n"),
    "command": add("x-1.dist-info/entry_points.txt", b"[console_scripts]\nfoo = x:a [more]\n"),
    "script": add("x-1.data/scripts/run", b"#!python\nprint()\n", mode=0o100755),
    "installers_own": add("x-1.dist-info/INSTALLER", b"conda\n"),
    "signature": add("x-1.dist-info/RECORD.jws", b"{}"),
    "pycache": add("x/__pycache__/a.cpython-399.pyc", b"zz"),
    "top_level": add("y.py", b"b"),
    "egg_info": add("x.egg-info/PKG-INFO", b"b"),
})


def installed(command, wheel, folder):
    """The files that an installer makes of a wheel, with mode and checksum; `None`: it refuses."""
    ran = subprocess.run([*command, "--target", folder, wheel], capture_output=True, text=True)
    if ran.returncode:
        return None
    files = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if not path.is_file() or path.name in (*OWN, ".lock") or path.is_symlink():
            continue
        made = name.startswith("bin/")
        files[name] = [path.stat().st_mode & 0o777, 0 if made else zlib.crc32(path.read_bytes())]
    return files


def verdicts(work, names):
    pip = shlex.split(os.environ.get("PIP", "python3 -m pip"))
    uv = shlex.split(os.environ.get("UV", "uv"))
    version = subprocess.run([*pip, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    print(f"pip {version}, {subprocess.run([*uv, '--version'], capture_output=True, text=True).stdout.strip()}")
    commands = {
        "pip": [*pip, "--disable-pip-version-check", "install", "--no-index", "--no-deps", "--no-compile"],
        "uv": [*uv, "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-cache", "--python", sys.executable],
    }

    def one(task):
        name, who = task
        folder = work / who / name
        folder.mkdir(parents=True)
        return installed(commands[who], work / "wheels" / name / FILE, folder)

    found = collections.defaultdict(dict)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = list(itertools.product(names, commands))
        for (name, who), files in zip(tasks, pool.map(one, tasks)):
            found[name][who] = files
    test = ["--ignored", "--exact", "real_wheels::what_becomes_of_odd_wheels"]
    program = os.environ.get("ENVLOCK_IT")
    command = [program, *test] if program else ["cargo", "test", "--quiet", "--test", "it", "--", *test]
    subprocess.run(command, env={**os.environ, "ENVLOCK_TEST_WHEELS": str(work / "wheels")},
                   check=True, stdout=subprocess.DEVNULL)
    for name, files in json.loads((work / "wheels" / "envlock.json").read_text()).items():
        found[name]["envlock"] = files
    return found


def judged(name, found):
    """What is to be said of a wheel; `None`: nothing."""
    pip, uv, envlock = found["pip"], found["uv"], found["envlock"]
    if isinstance(envlock, str):
        if pip is None or uv is None or pip != uv:
            return None
        why = next((DECIDED[part] for part in name.split("+") if part in DECIDED), None)
        return None if why else f"pip and uv install it, envlock refuses: {envlock}"
    if pip is None and uv is None:
        return "pip and uv refuse it, envlock installs it"
    if any(part in DIFFERS for part in name.split("+")) and envlock in (pip, uv):
        return None
    for who, files in (("uv", uv), ("pip", pip)):
        if files is not None and files != envlock:
            other = next(path for path in sorted({*files, *envlock}) if files.get(path) != envlock.get(path))
            return f"{who} has {other} as {files.get(other)}, envlock as {envlock.get(other)}"
    return None


def main():
    pairs, seed = int(sys.argv[1]) if len(sys.argv) > 1 else 0, int(os.environ.get("SEED", "1"))
    every = list(itertools.combinations(sorted(set(ODDITIES) - {"none"}), 2))
    names = [*ODDITIES, *("+".join(pair) for pair in random.Random(seed).sample(every, min(pairs, len(every))))]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for name in names:
            wheel = Wheel()
            for part in name.split("+"):
                ODDITIES[part](wheel)
            (work / "wheels" / name).mkdir(parents=True)
            (work / "wheels" / name / FILE).write_bytes(wheel.bytes())
        found = verdicts(work, names)
    said = {name: judged(name, found[name]) for name in names}
    for name, what in said.items():
        if what:
            print(f"{name}: {what}")
    count = collections.Counter()
    for name in names:
        pip, uv, envlock = (found[name][who] for who in ("pip", "uv", "envlock"))
        ours = "refused" if isinstance(envlock, str) else "installed"
        theirs = "by both" if pip is not None and uv is not None else "by neither" if pip is uv else "by one"
        count[f"{ours}, and installed {theirs}"] += 1
    wrong = sum(what is not None for what in said.values())
    print(f"{len(names)} wheels: " + "; ".join(f"{n} {what}" for what, n in sorted(count.items())) + f"; {wrong} to explain")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
