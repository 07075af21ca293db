#!/usr/bin/env python3
"""Generated lists of packages, chosen by crates/apt-solver and by apt from the same indexes: names and versions.

    ci/agree-with-apt.py [--lists 100] [--seed 1] [--judges here,trixie,trixie:3.0,forky:3.0] [--folder FOLDER] [SUITE…]

Each list is asked on an empty root (with the essential set), on a root with packages there, and on one whose packages are
older than the indexes: what a suite had before its updates. A judge is an apt: `here` is this machine's, `trixie` is the one
of that suite, unpacked and run where it lies, and `:3.0` names its solver (apt has two; `internal` is the older one).
The indexes are cut to what the lists can reach, as apt takes ten times as long with the rest: nothing else can be chosen, though
the older solver goes through packages in an order that the rest has to do with. `--whole` leaves them. The mirror is the one that this machine's apt is set to; a suite that it does not have is left out, and said. A difference
is explained where the same apt, asked for all that we chose by name and version, adds nothing and removes nothing: the two
took different ways where there are several; or where apt removes something of the base, which we never do. Told are
all differences; exit 1 where one is not explained. Needs root only if apt does.
"""

import argparse
import collections
import concurrent.futures
import functools
import pathlib
import random
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Asked more often than the rest of the archive: what has alternatives, virtual packages and conflicts around it.
COMMON = """ca-certificates curl git g++ libc6-dev python3 python3-dev openssh-client openssh-server default-jre-headless
postgresql mariadb-server exim4 postfix apache2 nginx-full emacs-nox vim gawk mawk busybox systemd-sysv sysvinit-core dbus
procps sudo locales tzdata libibverbs1 rdma-core ffmpeg imagemagick texlive-latex-base build-essential cmake ninja-build
gfortran-14 clang openmpi-bin libopenblas-dev libatlas3-base libblas-dev r-base-core php-cli ruby nodejs golang-go
network-manager cron chrony ntpsec rsyslog mail-transport-agent default-mta x11-xserver-utils xvfb libgl1-mesa-dri
mesa-vulkan-drivers cups libreoffice-core-nogui gnupg dirmngr pinentry-tty wget tmux zsh strace gdb valgrind lsb-release
iptables nftables docker.io podman runc crun fuse3 fuse libjpeg-dev libcurl4-gnutls-dev libcurl4-openssl-dev""".split()

# What the roots with packages have, besides the essential set.
THERE = "curl git g++ python3 procps openssh-client exim4 gawk libcurl4-openssl-dev".split()


def run(*command, check=True, stdin=None):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, input=stdin)
    if check and done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done


class Suite:
    """A root with the indexes of one suite, and its updates."""

    def __init__(self, folder, name):
        self.name, self.root = name, folder / name
        for part in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/lib/apt/lists/partial", "var/lib/dpkg"):
            (self.root / part).mkdir(parents=True, exist_ok=True)
        (self.root / "empty").write_text("")
        network = re.findall(r'^Acquire::(?:http|https|Check|Retries).*";$', run("apt-config", "dump").stdout, re.M)
        (self.root / "etc/apt/apt.conf.d/90network").write_text("\n".join(network))

    def fetch(self):
        """Whether the mirror has the suite."""
        told = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages").stdout
        mirrors = {label: uri for uri, label in (line.split(" ", 1) for line in told.splitlines())}
        suites = [("Debian", self.name)]
        if self.name != "sid":
            suites += [("Debian", f"{self.name}-updates"), ("Debian-Security", f"{self.name}-security")]
        keys = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg check-valid-until=no]"
        lines = [f"deb {keys} {mirrors[label]} {suite} main" for label, suite in suites if label in mirrors]
        (self.root / "etc/apt/sources.list").write_text("\n".join(lines) + "\n")
        for cut in (self.root / "var/lib/apt/lists").glob("*_*"):
            cut.unlink()
        done = run("apt-get", *self.settings(self.root / "empty"), "update", check=False)
        if done.returncode:
            return False
        self.files, self.apts_files = {}, {}
        told = run("apt-get", *self.settings(self.root / "empty"), "indextargets", "--format", "$(CODENAME) $(FILENAME)", "Created-By: Packages")
        for line in told.stdout.splitlines():
            label, path = line.split(" ", 1)
            text = run("/usr/lib/apt/apt-helper", "cat-file", path).stdout
            self.files[label] = self.root / f"{label}.Packages"
            self.files[label].write_text(text)
            self.apts_files[label] = pathlib.Path(path)
        return True

    def cut(self, requests):
        """Leaves of the indexes what these names can lead to, and apt's caches to be made anew."""
        stanzas, about, providers = {}, collections.defaultdict(set), collections.defaultdict(set)
        for label, path in self.files.items():
            for stanza in path.read_text().split("\n\n"):
                fields = dict(re.findall(r"^(Package|Depends|Pre-Depends|Provides): (.*)$", stanza, re.M))
                if name := fields.get("Package"):
                    stanzas.setdefault((label, name), []).append(stanza.strip("\n"))
                    about[name] |= relations(fields.get("Depends", "") + "," + fields.get("Pre-Depends", ""))
                    for provided in relations(fields.get("Provides", "")):
                        providers[provided].add(name)
        reached, left = set(), list(requests)
        while left:
            name = left.pop()
            if name not in reached:
                reached.add(name)
                left += about.get(name, set()) | providers.get(name, set())
        for label, path in self.files.items():
            text = "".join(f"{one}\n\n" for (where, name), those in stanzas.items() if where == label and name in reached for one in those)
            path.write_text(text)
            for old in self.apts_files[label].parent.glob(f"{self.apts_files[label].name}*"):
                old.unlink()
            self.apts_files[label].with_name(self.apts_files[label].name.removesuffix(".lz4")).write_text(text)
        for cache in self.root.glob("cache-*/*.bin"):
            cache.unlink()

    def settings(self, status, cache="cache"):
        (self.root / cache / "archives/partial").mkdir(parents=True, exist_ok=True)
        settings = {
            "Dir": self.root, "Dir::State::status": status, "Dir::Cache": self.root / cache, "Acquire::Languages": "none",
            "Dir::Cache::pkgcache": "pkgcache.bin", "Dir::Cache::srcpkgcache": "srcpkgcache.bin", "Dir::Etc::sourceparts": "/dev/null", "APT::Architecture": "amd64", "APT::Architectures": "amd64",
        }
        return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]

    @functools.cached_property
    def text(self):
        return "\n".join(path.read_text() for path in self.files.values())

    @functools.cached_property
    def names(self):
        return sorted(set(re.findall(r"^Package: (\S+)$", self.text, re.M)))

    @functools.cached_property
    def essential(self):
        return sorted({re.search(r"^Package: (\S+)", one).group(1) for one in self.text.split("\n\n") if "\nEssential: yes\n" in one})


def relations(field):
    """The names in a relation field."""
    return set(re.findall(r"(?:^|[,|])\s*([a-zA-Z0-9][a-zA-Z0-9.+-]*)", field))


class Apt:
    """A judge."""

    def __init__(self, folder, name):
        self.name = name
        suite, _, solver = name.partition(":")
        self.solver, self.cache = ["-o", f"APT::Solver={solver}"] if solver else [], f"cache-{suite}"
        self.command = ["apt-get"] if suite == "here" else self.unpack(folder / f"apt-of-{suite}", Suite(folder, suite))
        self.version = run(*self.command, "--version").stdout.split()[1]

    @staticmethod
    def unpack(folder, suite):
        """apt of another suite with the libraries it needs, as apt-solver chooses them."""
        if not folder.exists():
            assert suite.fetch(), f"the mirror does not have {suite.name}"
            (folder / "debs").mkdir(parents=True)
            settings = suite.settings(suite.root / "empty")
            wanted = [f"{name}={version}" for name, version in ours(suite, suite.root / "empty", [["apt"]], "")[0].items()]
            done = subprocess.run(["apt-get", *map(str, settings), "download", *wanted], cwd=folder / "debs", capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            for deb in (folder / "debs").iterdir():
                run("dpkg-deb", "-x", deb, folder / "root")
        libraries, loader = folder / "root/usr/lib/x86_64-linux-gnu", next((folder / "root").glob("usr/lib64/ld-linux-*"))
        return [loader, "--library-path", libraries, folder / "root/usr/bin/apt-get"]

    def prepare(self, suite, status):
        """Its cache; and whether what is there is whole."""
        run(*self.command, *suite.settings(status, self.cache), "check")

    def accepts(self, suite, status, chosen):
        """Whether it installs just these, when asked for them; the older solver upgrades what is of the same source unless told not to."""
        requests = [f"{name}={version}" for name, version in chosen.items()]
        return self.answer(suite, status, ["-o", "APT::Get::Upgrade-By-Source-Package=false", *requests]) == (chosen, set())

    def answer(self, suite, status, requests):
        """Versions by name and what is removed; or why not."""
        done = run(*self.command, *suite.settings(status, self.cache), *self.solver, "-s", "-y", "install", "--no-install-recommends", *requests, check=False)
        if done.returncode:
            return done.stderr.strip() + done.stdout[-600:]
        added = dict(re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+) ", done.stdout, re.M))
        return added, set(re.findall(r"^Remv (\S+)", done.stdout, re.M))


def ours(suite, status, lists, base_set="essential"):
    """Versions by name, or the refusal, for each list."""
    program = ROOT / "target/release/examples/choose"
    files = [f"{label}={path}" for label, path in suite.files.items()]
    lines = "\n".join(" ".join(requests) for requests in lists)
    done = run(program, "amd64", status, base_set, "", "", *files, stdin=lines + "\n")
    split = [line[1:] if line.startswith("!") else dict(one.split(":", 1) for one in line.split()) for line in done.stdout.splitlines()]
    return [one if isinstance(one, str) else {name: rest.split("=", 1)[1] for name, rest in one.items()} for one in split]


def make_status(suite, files, chosen, path):
    """A dpkg status in which these versions are installed."""
    stanzas = {}
    for file in files:
        for stanza in file.read_text().split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version): (\S+)", stanza, re.M))
            stanzas[fields.get("Package"), fields.get("Version")] = stanza.strip("\n")
    path.write_text("".join(f"{stanzas[one]}\nStatus: install ok installed\n\n" for one in chosen.items()))
    return path


def roots(suite):
    """Names, dpkg's status, and the set from nothing."""
    requests = [THERE]
    empty = suite.root / "empty"
    yield "empty", empty, "essential"
    there = make_status(suite, suite.files.values(), ours(suite, empty, requests)[0], suite.root / "there")
    yield "with packages", there, ""
    if len(suite.files) > 1:
        all_files = suite.files
        suite.files = {suite.name: all_files[suite.name]}
        older = make_status(suite, suite.files.values(), ours(suite, empty, requests)[0], suite.root / "older")
        suite.files = all_files
        yield "with older packages", older, ""


def lists_of(suite, chance, count):
    common = [name for name in COMMON if name in set(suite.names) or name in ("mail-transport-agent", "default-mta")]
    for _ in range(count):
        requests = chance.sample(suite.names, chance.choice([0, 1, 2, 3])) + chance.sample(common, chance.choice([1, 1, 2, 3]))
        yield sorted(set(requests))


def compare(judge, suite, status, requests, mine, essential):
    """What became of one list: a kind, and what about it."""
    theirs = judge.answer(suite, status, requests + essential)
    if isinstance(mine, str) and isinstance(theirs, str):
        return "both refuse", ""
    if isinstance(mine, str):
        return ("apt removes" if theirs[1] else "UNEXPLAINED: we refuse"), mine
    if theirs == (mine, set()):
        return "same", ""
    added, removed = ({}, set()) if isinstance(theirs, str) else theirs
    about = [f"+{name}={version}" for name, version in sorted(mine.items()) if added.get(name) != version]
    about += [f"-{name}={version}" for name, version in sorted(added.items()) if mine.get(name) != version]
    about = f"apt refuses: {theirs}" if isinstance(theirs, str) else " ".join(about + [f"apt removes {name}" for name in sorted(removed)])
    kind = "apt refuses" if isinstance(theirs, str) else "apt removes" if removed else "apt has more" if mine.items() < added.items() else "apt has less" if mine.items() > added.items() else "other"
    return (kind if judge.accepts(suite, status, mine) else f"UNEXPLAINED: {kind}"), about


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("suites", nargs="*", default=["bookworm", "trixie", "forky", "sid"])
    options.add_argument("--lists", type=int, default=100)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--judges", default="here,trixie,trixie:3.0,forky:3.0")
    options.add_argument("--folder", type=pathlib.Path)
    options.add_argument("--whole", action="store_true")
    options.add_argument("--jobs", type=int, default=2)
    args = options.parse_args()
    unexplained = 0
    run("cargo", "build", "--quiet", "--release", "--locked", "--manifest-path", ROOT / "Cargo.toml", "-p", "apt-solver", "--example", "choose")
    with tempfile.TemporaryDirectory() as folder:
        folder = (args.folder or pathlib.Path(folder)).resolve()
        judges = [Apt(folder, name) for name in args.judges.split(",")]
        for name in args.suites:
            suite = Suite(folder, name)
            if not suite.fetch():
                print(f"left out: the mirror does not have {name}")
                continue
            lists = list(lists_of(suite, random.Random(f"{args.seed} {name}"), args.lists))
            if not args.whole:
                suite.cut(suite.essential + THERE + [request for requests in lists for request in requests])
            for kind, status, base_set in roots(suite):
                answers = ours(suite, status, lists, base_set)
                for judge in judges:
                    judge.prepare(suite, status)
                    essential = suite.essential if base_set else []
                    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
                        compared = list(pool.map(lambda pair: compare(judge, suite, status, *pair, essential), zip(lists, answers)))
                    for requests, (told, about) in zip(lists, compared):
                        if told not in ("same", "both refuse"):
                            print(f"  {told}: {' '.join(requests)}: {about[:1500]}", flush=True)
                    counts = collections.Counter(told for told, _ in compared)
                    unexplained += sum(count for told, count in counts.items() if told.startswith("UNEXPLAINED"))
                    packages = sum(len(mine) for mine in answers if isinstance(mine, dict))
                    print(f"{name}, {kind}, apt {judge.version} ({judge.name}): {packages} packages, {dict(counts)}", flush=True)
    sys.exit(1 if unexplained else 0)


main()
