#!/usr/bin/env python3
"""The same packages unpacked by dpkg and by crates/deb-layers: file by file, mode, owner, link, content.

Usage: ci/agree-with-dpkg.py [--scripts] [--suite trixie] [--keep] NAME...

The packages are Debian's essential ones and those named, with what they depend on, from the mirror that apt is set to.
Without --scripts, dpkg gets them without their maintainer scripts: it unpacks and configures, and nothing is run. With
--scripts it installs them whole in a chroot, as mmdebstrap would, and deb-layers applies its effects. In both cases the
suite's own dpkg does it. Afterwards dpkg --audit, dpkg --verify and apt-get check look at what deb-layers made.

WORK      where roots are made (/var/tmp/agree-with-dpkg); a root for dpkg and the packages stay there
UNPACK    crates/deb-layers/examples/unpack (built when missing)

Needs root, dpkg-deb, apt-get. Exit 1 where something differs that `MAY_DIFFER` has no reason for.
"""

import argparse
import collections
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("WORK", "/var/tmp/agree-with-dpkg"))
SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")

# What may differ, and why. Everything else is a difference.
MAY_DIFFER = [
    (r"var/lib/dpkg/(status|diversions|statoverride)-old", "dpkg's backup of what was before its last step"),
    (r"var/log(/.*)?", "what was done when"),
    (r"var/cache/(ldconfig|debconf|apt|man)(/.*)?", "a cache"),
    (r"etc/ld\.so\.cache", "a cache: ld.so looks in the folders of the system also without it"),
    (r"usr/(lib|share)/python3[^/]*/(.*/)?__pycache__(/.*)?", "compiled Python modules, which the effects name as omitted"),
    (r"etc/(passwd|group|shadow|gshadow)-", "what accounts were before a script's last step"),
    (r"etc/(machine-id|\.pwd\.lock)", "a machine's own"),
    (r"dev/.*", "devices, which an engine makes"),
]
UNPACKED = [
    (r"var/lib/dpkg/info/[^/]+\.(preinst|postinst|prerm|postrm|config)", "scripts, which dpkg did not get here"),
    (r"var/lib/dpkg/tmp\.ci", "where dpkg unpacks control.tar"),
]


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))[:300]}: exit {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def mirror():
    """The archive of Debian that apt is set to."""
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split():
        if re.search(r"/debian/?$", line):
            return line
    sys.exit("apt knows no mirror of Debian here")


class Archive:
    """A suite's lists, in folders of their own."""

    def __init__(self, suite):
        self.root = WORK / "apt" / suite
        for folder in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg",
                       "var/cache/apt/archives/partial"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "var/lib/dpkg/status").touch()
        keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
        (self.root / "etc/apt/sources.list").write_text(f"deb [signed-by={keyring}] {mirror()} {suite} main\n")
        if not list((self.root / "var/lib/apt/lists").glob("*Packages*")):
            self.apt("update")

    def apt(self, *arguments):
        return run("apt-get", "-y", f"-oDir={self.root}", f"-oDir::State::status={self.root}/var/lib/dpkg/status",
                   "-oAcquire::Check-Valid-Until=false", "-oAcquire::Languages=none", "-oAPT::Sandbox::User=root",
                   "-oAPT::Install-Recommends=false", "-oDebug::NoLocking=true", *arguments)

    def packages(self, names):
        """The essential set, these packages and what they depend on, as files in the order of their names."""
        wanted = ["?essential", *names]
        plan = self.apt("--simulate", "install", *wanted)
        self.apt("--download-only", "install", *wanted)
        cache = self.root / "var/cache/apt/archives"
        files = []
        for name, version, architecture in re.findall(r"^Inst (\S+) \((\S+) .*\[(\S+)\]\)", plan, re.M):
            files.append(cache / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb")
        return sorted(files)


def ar_members(path):
    data = path.read_bytes()
    at = 8
    while at < len(data):
        name, size = data[at:at + 16].decode().strip().rstrip("/"), int(data[at + 48:at + 58])
        yield name, data[at + 60:at + 60 + size]
        at += 60 + size + size % 2


def without_scripts(package, folder):
    """A copy of the package whose control.tar has no script; the rest as it is, byte for byte."""
    out = [b"!<arch>\n"]
    for name, data in ar_members(package):
        if name.startswith("control.tar"):
            control = subprocess.run(["dpkg-deb", "--ctrl-tarfile", package], stdout=subprocess.PIPE, check=True).stdout
            data, name = io.BytesIO(), "control.tar"
            with tarfile.open(fileobj=io.BytesIO(control)) as old, \
                 tarfile.open(fileobj=data, mode="w", format=tarfile.GNU_FORMAT) as new:
                for member in old:
                    if member.name.removeprefix("./") not in SCRIPTS:
                        new.addfile(member, old.extractfile(member) if member.isreg() else None)
            data = data.getvalue()
        out.append(f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2))
    path = folder / package.name
    path.write_bytes(b"".join(out))
    return path


def helper(archive, suite):
    """A root with the suite's dpkg and apt in it: unpacked, not configured."""
    root = WORK / "helper" / suite
    if not (root / "usr/bin/dpkg").exists():
        root.mkdir(parents=True, exist_ok=True)
        for link in ("bin", "lib", "lib64", "sbin"):
            (root / "usr" / link).mkdir(parents=True, exist_ok=True)
            if not (root / link).is_symlink():
                (root / link).symlink_to(f"usr/{link}")
        for package in archive.packages(["apt", "debian-archive-keyring"]):
            data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
            run("tar", "-xpf", "-", "-C", root, "--keep-directory-symlink", stdin=data.stdout)
        # dpkg asks whether they are there.
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (root / "etc/group").write_text("root:x:0:\nstaff:x:50:\nmail:x:8:\nshadow:x:42:\nutmp:x:43:\ntty:x:5:\n")
    return root


def chroot(root, *command):
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root", "DPKG_FORCE": "unsafe-io",
                   "DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}
    return run("chroot", root, *command, env=environment)


def by_dpkg_without_scripts(helper_root, packages, merged):
    """dpkg unpacks and configures packages that have no scripts."""
    target, debs = helper_root / "target", helper_root / "debs"
    for folder in (target, debs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    base(target, merged)
    # Numbers of groups come by name where the system knows them.
    names = [f"/debs/{without_scripts(package, debs).name}" for package in packages]
    dpkg = ("dpkg", "--root=/target", "--force-depends")
    chroot(helper_root, *dpkg, "--unpack", *names)
    chroot(helper_root, *dpkg, "--configure", "--pending")
    shutil.rmtree(debs)
    return target, None


def base(target, merged):
    (target / "var/lib/dpkg").mkdir(parents=True)
    (target / "var/lib/dpkg/status").touch()
    if merged:
        for link in ("bin", "lib", "lib64", "sbin"):
            (target / "usr" / link).mkdir(parents=True, exist_ok=True)
            (target / link).symlink_to(f"usr/{link}")


def by_dpkg(packages, essential, merged):
    """dpkg installs packages in a chroot that has the files of the essential ones, as mmdebstrap does; the order in which it
    configured them."""
    target = WORK / "target"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    base(target, merged)
    for package in essential:
        data = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE)
        run("tar", "-xpf", "-", "-C", target, "--keep-directory-symlink", stdin=data.stdout)
    (target / "debs").mkdir()
    for package in packages:
        os.link(package, target / "debs" / package.name)
    for device, minor in (("null", 3), ("zero", 5), ("urandom", 9)):
        os.mknod(target / "dev" / device, stat.S_IFCHR, os.makedev(1, minor))
        os.chmod(target / "dev" / device, 0o666)
    run("mount", "-t", "proc", "proc", target / "proc")
    try:
        log = chroot(target, "sh", "-c", "dpkg --force-depends --install /debs/*.deb")
        log += chroot(target, "dpkg", "--configure", "--pending")
    finally:
        run("umount", target / "proc")
    shutil.rmtree(target / "debs")
    order = dict.fromkeys(re.findall(r"^Setting up (\S+?)(?::\S+)? \(", log, re.M))
    return target, list(order)


def entry(kind, mode, owner, what, names):
    return {"kind": kind, "mode": mode, "owner": owner, "content": what, "names": names}


def digest(path, content):
    if path == "var/lib/dpkg/diversions":
        # dpkg-divert writes them in the order of its hash table.
        lines = content.decode().splitlines()
        content = repr(sorted(zip(*[iter(lines)] * 3))).encode()
    if path == "etc/shadow":
        # The day on which a password was changed last.
        content = re.sub(rb"(?m)^([^:]*:[^:]*:)\d+:", rb"\1day:", content)
    return len(content), hashlib.sha256(content).hexdigest()


def of_folder(root):
    """What is in a folder, by path."""
    entries, inodes = {}, collections.defaultdict(list)
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            relative = os.path.relpath(path, root)
            info = os.lstat(path)
            owner = (info.st_uid, info.st_gid)
            mode = stat.S_IMODE(info.st_mode)
            if stat.S_ISLNK(info.st_mode):
                entries[relative] = entry("link", 0o777, owner, os.readlink(path), ())
            elif stat.S_ISDIR(info.st_mode):
                entries[relative] = entry("directory", mode, owner, None, ())
            elif stat.S_ISREG(info.st_mode):
                content = pathlib.Path(path).read_bytes()
                entries[relative] = entry("file", mode, owner, digest(relative, content), ())
                if info.st_nlink > 1:
                    inodes[info.st_ino].append(relative)
            else:
                entries[relative] = entry("other", mode, owner, None, ())
    for names in inodes.values():
        for name in names:
            entries[name]["names"] = tuple(sorted(names))
    return entries


def of_layer(path):
    """What is in a layer, by path."""
    entries, links = {}, collections.defaultdict(list)
    with tarfile.open(path) as layer:
        for member in layer:
            owner = (member.uid, member.gid)
            if member.issym():
                entries[member.name] = entry("link", 0o777, owner, member.linkname, ())
            elif member.isdir():
                entries[member.name] = entry("directory", member.mode, owner, None, ())
            elif member.islnk():
                links[member.linkname].append(member.name)
                entries[member.name] = dict(entries[member.linkname])
            else:
                content = layer.extractfile(member).read()
                entries[member.name] = entry("file", member.mode, owner, digest(member.name, content), ())
    for first, others in links.items():
        for name in (first, *others):
            entries[name]["names"] = tuple(sorted((first, *others)))
    return entries


def compare(theirs, ours, reasons):
    """Differences: those that may be, by reason, and the others."""
    allowed, found = collections.Counter(), []
    for path in sorted(theirs.keys() | ours.keys()):
        one, two = theirs.get(path), ours.get(path)
        if one == two:
            continue
        why = next((why for pattern, why in reasons if re.fullmatch(pattern, path)), None)
        if why:
            allowed[why] += 1
        elif one is None or two is None:
            found.append(f"{path}: only by {'deb-layers' if one is None else 'dpkg'}: {one or two}")
        else:
            different = [f"{key} {one[key]!r} and {two[key]!r}" for key in one if one[key] != two[key]]
            found.append(f"{path}: dpkg and deb-layers: {'; '.join(different)}")
    return allowed, found


def look(helper_root, layer):
    """dpkg and apt look at what deb-layers made."""
    root = helper_root / "made"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    run("tar", "-xpf", layer, "-C", root, "--xattrs")
    said = {"dpkg --audit": chroot(helper_root, "dpkg", "--root=/made", "--audit")}
    verify = chroot(helper_root, "dpkg", "--root=/made", "--verify")
    said["dpkg --verify"] = verify
    for folder in ("etc/apt/apt.conf.d", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    apt = chroot(helper_root, "apt-get", "-qq", "-oDir=/made", "-oDir::State::status=/made/var/lib/dpkg/status",
                 "-oDir::Bin::methods=/usr/lib/apt/methods", "check")
    said["apt-get check"] = apt
    shutil.rmtree(root)
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scripts", action="store_true")
    parser.add_argument("--suite", default="trixie")
    parser.add_argument("--keep", action="store_true", help="dpkg's root and the layer stay in WORK")
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    if os.geteuid():
        sys.exit("dpkg unpacks as root only")
    unpack = os.environ.get("UNPACK")
    if not unpack:
        run("cargo", "build", "-q", "--release", "--locked", "-p", "deb-layers", "--example", "unpack", cwd=ROOT)
        unpack = ROOT / "target/release/examples/unpack"
    archive = Archive(arguments.suite)
    packages = archive.packages(arguments.names)
    merged = arguments.suite in ("bullseye", "bookworm")
    helper_root = helper(archive, arguments.suite)
    started = time.monotonic()
    if arguments.scripts:
        target, order = by_dpkg(packages, archive.packages([]), merged)
    else:
        target, order = by_dpkg_without_scripts(helper_root, packages, merged)
    by_dpkg_seconds = time.monotonic() - started
    layer = WORK / "layer.tar.gz"
    command = [unpack, layer, *(["--merged-usr"] if merged else [])]
    if order is not None:
        (WORK / "order").write_text("".join(f"{name}\n" for name in order))
        command += ["--configured", WORK / "order"]
    made = json.loads(run(*command, *packages).splitlines()[-1])
    reasons = MAY_DIFFER + ([] if arguments.scripts else UNPACKED)
    theirs, ours = of_folder(target), of_layer(layer)
    allowed, found = compare(theirs, ours, reasons)
    said = look(helper_root, layer)
    for line in found:
        print(line)
    for why, number in allowed.items():
        print(f"may differ: {number}: {why}")
    complaints = {what: text.strip() for what, text in said.items() if text.strip()}
    for what, text in complaints.items():
        print(f"{what}:\n{text}")
    print(json.dumps({"suite": arguments.suite, "scripts": arguments.scripts, "packages": len(packages),
                      "compared": len(theirs.keys() | ours.keys()), "may differ": sum(allowed.values()),
                      "different": len(found), "complaints": sorted(complaints), "dpkg seconds": round(by_dpkg_seconds, 1),
                      "deb-layers": made}))
    if not arguments.keep:
        shutil.rmtree(target)
        layer.unlink()
    sys.exit(1 if found or complaints else 0)


if __name__ == "__main__":
    main()
