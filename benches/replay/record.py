#!/usr/bin/env python3
"""Records index pages and the ends of wheels, for `replay` to serve.

    record.py DATA requirements FILE   the pages and best wheels of the `name==version` lines in FILE
    record.py DATA missing FILE        what the server said it misses (`missing html/simple/x` ...)

The index is the one pip uses. Wheels become sparse files: their true length, and the bytes a resolver reads
(directory, METADATA, version.py) where they are; holes elsewhere. Everything in DATA may be deleted at any time.
"""

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote, urlsplit

ASK_PIP = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
JSON = "application/vnd.pypi.simple.v1+json"
BLOCK = 1 << 16
DATA = sys.argv[1]
GLIBC = 39
GUARD = threading.Lock()
URLS = {}


def index():
    asked = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("PIP_INDEX_URL")
    asked = asked or subprocess.check_output([sys.executable, "-c", ASK_PIP], text=True)
    return asked.strip().rstrip("/") + "/"


def get(url, **headers):
    request = urllib.request.Request(url, headers={k.replace("_", "-"): v for k, v in headers.items()})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.headers, answer.read()


def at(*parts):
    path = os.path.join(DATA, *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(path, data):
    with open(path + ".part", "wb") as out:
        out.write(data)
    os.replace(path + ".part", path)


def page(name):
    """Both forms of one project's page, the host of its files made neutral; remembers where the files are."""
    if os.path.exists(at("urls", f"{name}.json")):
        return
    _, html = get(f"{index()}{name}/", Accept="text/html")
    headers, answer = get(f"{index()}{name}/", Accept=JSON)
    if "json" not in headers["Content-Type"]:
        sys.exit("the index has no JSON pages (PEP 691); set PIP_INDEX_URL to one that has")
    parsed = json.loads(answer)
    urls = {file["filename"]: file["url"] for file in parsed["files"]}
    hosts = {"://".join(urlsplit(url)[:2]) + "/" for url in urls.values()}
    text = html.decode()
    for host in hosts:
        text = text.replace(host, "https://FILES/")
    for file in parsed["files"]:
        file["url"] = "https://FILES" + urlsplit(file["url"]).path
    write(at("pages", f"{name}.html"), text.encode())
    write(at("raw", f"{name}.json"), json.dumps(parsed).encode())
    write(at("urls", f"{name}.json"), json.dumps(urls).encode())


class Remote(io.RawIOBase):
    """A file on a server; what is read of it is written to `out` at the same place."""

    def __init__(self, url, out):
        self.url, self.out, self.position, self.blocks = url, out, 0, {}
        headers, tail = get(url, Range=f"bytes=-{2 * BLOCK}")
        self.size = int(headers["Content-Range"].split("/")[1]) if headers["Content-Range"] else len(tail)
        self.out.truncate(self.size)
        self.known = self.size - len(tail)
        self.tail = tail
        self.store(self.known, tail)

    def store(self, start, data):
        self.out.seek(start)
        self.out.write(data)

    def seekable(self):
        return True

    def readable(self):
        return True

    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self):
        return self.position

    def readinto(self, buffer):
        if self.position >= self.known:
            start = self.position - self.known
            data = self.tail[start:start + len(buffer)]
        else:
            number = self.position // BLOCK
            if number not in self.blocks:
                end = min(self.known, (number + 8) * BLOCK)
                _, data = get(self.url, Range=f"bytes={number * BLOCK}-{end - 1}")
                self.store(number * BLOCK, data)
                for i in range(0, len(data), BLOCK):
                    self.blocks[number + i // BLOCK] = data[i:i + BLOCK]
            data = self.blocks[number][self.position - number * BLOCK:][:len(buffer)]
        buffer[:len(data)] = data
        self.position += len(data)
        return len(data)


def wheel(file):
    name = re.sub(r"[-_.]+", "-", file.split("-")[0]).lower()
    page(name)
    place = at("wheels", file)
    if os.path.exists(place):
        return
    with GUARD:
        urls = URLS.setdefault(name, json.load(open(at("urls", f"{name}.json"))))
    with open(place + ".part", "wb") as out:
        with zipfile.ZipFile(io.BufferedReader(Remote(urls[file], out), 1024)) as archive:
            members = archive.namelist()
            found = next(m for m in members if re.fullmatch(r"[^/]+\.dist-info/METADATA", m))
            metadata = archive.read(found)
            version = f"{file.split('-')[0]}/version.py"
            if version in members:
                archive.read(version)
    write(at("metadata", f"{file}.metadata"), metadata)
    os.replace(place + ".part", place)


def fits(file):
    """How well a wheel fits CPython 3.14 on linux x86_64; None when it does not."""
    if not file.endswith(".whl"):
        return None
    python, abi, platform = file[:-4].split("-")[-3:]
    def runs(tag):
        match = re.fullmatch(r"manylinux_2_(\d+)_x86_64", tag)
        return int(match[1]) <= GLIBC if match else tag in ("any", "linux_x86_64") or re.fullmatch(r"manylinux\w+_x86_64", tag)
    if not any(runs(tag) for tag in platform.split(".")):
        return None
    for one in python.split("."):
        if one == "cp314" and abi in ("cp314", "abi3", "none"):
            return 3
        if abi == "abi3" and re.fullmatch(r"cp3(\d+)", one) and int(one[3:]) <= 14:
            return 2
        if one in ("py3", "py314") and abi == "none":
            return 1
    return None


def requirement(line):
    match = re.match(r"([A-Za-z0-9_.-]+)==([^ ;\\\s]+)", line)
    if not match:
        return
    name = re.sub(r"[-_.]+", "-", match[1]).lower()
    page(name)
    urls = json.load(open(at("urls", f"{name}.json")))
    of_version = [f for f in urls if f.endswith(".whl") and f.split("-")[1] == match[2] and fits(f)]
    if of_version:
        wheel(max(of_version, key=fits))


def missing(line):
    parts = unquote(line.strip()).split("/")
    if len(parts) > 2 and parts[1] == "simple":
        page(parts[2])
    elif len(parts) > 2 and parts[1] == "files":
        wheel(parts[-1].removesuffix(".metadata"))


def finish():
    """JSON pages that announce `.metadata` files, and an image without layers that says it has Python 3.14.2."""
    for entry in os.listdir(at("raw", "")):
        parsed = json.load(open(at("raw", entry)))
        for file in parsed["files"]:
            recorded = at("metadata", f"{file['filename']}.metadata")
            if file["filename"].endswith(".whl"):
                # Of a wheel nobody reads, only the length of the page matters.
                text = open(recorded, "rb").read() if os.path.exists(recorded) else file["filename"].encode()
                file["core-metadata"] = {"sha256": hashlib.sha256(text).hexdigest()}
        write(at("pages", entry), json.dumps(parsed, separators=(",", ":")).encode())
    config = json.dumps({
        "os": "linux", "architecture": "amd64", "created": "2026-11-01T00:00:00Z",
        "config": {"Env": ["PYTHON_VERSION=3.14.2"]}, "rootfs": {"type": "layers", "diff_ids": []},
    }).encode()
    digest = hashlib.sha256(config).hexdigest()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": f"sha256:{digest}", "size": len(config)},
    }).encode()
    write(at("registry", "ping"), b"{}")
    write(at("registry", f"blobs-sha256-{digest}"), config)
    for tag in ("v1", "sha256-" + hashlib.sha256(manifest).hexdigest()):
        write(at("registry", f"manifests-{tag}"), manifest)


def told(work):
    def one(line):
        try:
            work(line)
        except (OSError, StopIteration, zipfile.BadZipFile, KeyError) as error:
            print(f"not recorded: {line.strip()}: {error!r}", file=sys.stderr)
    return one


if __name__ == "__main__":
    kind, path = sys.argv[2:4]
    lines = sorted({line.removeprefix("missing ") for line in open(path)})
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(told({"requirements": requirement, "missing": missing}[kind]), lines))
    finish()
