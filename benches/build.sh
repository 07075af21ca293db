#!/usr/bin/env bash
# Both engines side by side: the full stack from PyPI, its wheels in the store, a registry on loopback.
#
#   benches/build.sh              about ten minutes on 2 cores, 25 GB of disk; wheels are downloaded once (3.4 GB)
#   CASES="layers torch" …        only these; all: layers torch zstd bytecode dockerfile
#
# layers and dockerfile, the engines, each in a project folder of its own:
#   cold         no layer, no base image and no build cache is known; an empty prefix in the registry
#   marimo       the lock before had an older marimo, and nothing else differs
#   unchanged    the same lock again
# torch       its wheel alone → layer, digest and diff id: one more build, which has forgotten only that
# zstd        cold once more, with `compression = "zstd"`
# bytecode    cold once more, with `bytecode = "unchecked-hash"`, compiled by the base image's Python
# The last lines are the figures with what is wanted of each; the exit code is 1 where one is missed.
#
# Equal: the locks, the wheels (hard links to one store), the base image, the registry. `docker buildx bake` does
# install, export and push; its base image and cache are dropped first, by `docker buildx prune --all` ON THE BUILDER
# THAT IS USED. Needs what ci/engine.sh needs; a Docker and a registry that are there are taken (ENGINE_REGISTRY).
# BASE=IMAGE takes that base image, with Python 3.14 inside, in place of the one that ci/base.sh makes.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../ci/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/setup.sh"

HERE=$ROOT/target/bench/build
ENVLOCK=$(realpath "${ENVLOCK:-$ROOT/target/release/envlock}")
RUN=bench-$(date +%s)
CASES=${CASES:-layers torch zstd bytecode dockerfile}
mkdir -p "$HERE"
rm -f "$HERE"/*.used   # the figures are those of this run

built() { [ -x "$ENVLOCK" ] || (cd "$ROOT" && cargo build --release --locked --bin envlock); }

# project FOLDER MARIMO: the stack with this marimo.
project() {
  mkdir -p "$1"
  cat >"$1/envlock.toml" <<T
[python]
source = "base"
[base]
runtime = "$BASE"
devel = "$BASE"
[groups.python]
packages = ["pip"]
$(sed "s/\"marimo\"/\"$2\"/" "$ROOT/benches/stack.toml")
T
}

# locked PACKAGE KEY: as the lock of today has it.
locked() {
  python3 - "$HERE/new/env.lock" "$@" <<'P'
import sys, tomllib
file, name, key = sys.argv[1:]
print(next(package[key] for package in tomllib.load(open(file, "rb"))["package"] if package["name"] == name))
P
}

envlock_in() { local folder=$1; shift; (cd "$folder" && "$ENVLOCK" --no-progress "$@"); }

# The lock of today, the same with an older marimo, and the wheels of both in the store.
locks() {
  BASE=${BASE:-$("$CI/base.sh")}
  local newest
  rm -rf "$HERE/new" "$HERE/old" "$HERE/store"
  project "$HERE/new" marimo
  envlock_in "$HERE/new" resolve
  newest=$(locked marimo version)
  cp -r "$HERE/new" "$HERE/old"
  project "$HERE/old" "marimo<$newest"
  envlock_in "$HERE/old" resolve
  rm -rf "$HERE/new"
  cp -r "$HERE/old" "$HERE/new"
  project "$HERE/new" marimo
  envlock_in "$HERE/new" resolve --upgrade=marimo
  for folder in old new; do
    envlock_in "$HERE/$folder" build --prepare >/dev/null
    rm -rf "$HERE/$folder/.envlock"
  done
  # A store that knows the wheels and nothing else.
  local store=${ENVLOCK_STORE:-${XDG_CACHE_HOME:-$HOME/.cache}/envlock}
  mkdir "$HERE/store"
  cp -al "$store/sha256" "$HERE/store/" 2>/dev/null || cp -a "$store/sha256" "$HERE/store/"
}

# timed NAME COMMAND…: its answer, what it said, and the time and memory it used, to $HERE/NAME.{json,log,used}
timed() {
  local name=$1; shift
  sync
  python3 - "$HERE/$name" "$@" <<'P'
import json, os, subprocess, sys, time
to, *command = sys.argv[1:]
with open(to + ".json", "w") as answer, open(to + ".log", "w") as log:
    start, load = time.monotonic(), os.getloadavg()[0]
    process = subprocess.Popen(command, stdout=answer, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
json.dump({"seconds": seconds, "memory": usage.ru_maxrss * 1024, "load": load}, open(to + ".used", "w"))
print(f"{os.path.basename(to)}: {seconds:.2f} s, {usage.ru_maxrss / 1000:.0f} MB, load before {load:.1f}", file=sys.stderr)
if status:
    print(open(to + ".log").read()[-4000:], file=sys.stderr)
sys.exit(status and 1)
P
}

# build NAME MOMENT [ENGINE], in this folder
build() {
  ENVLOCK_STORE=$HERE/store timed "$1-$2" "$ENVLOCK" -v --no-progress --json build --push --no-config \
    --engine "${3:-$1}" --registry "$ENGINE_REGISTRY/$RUN-$1"
}

# engine NAME: its three builds.
engine() {
  local name=$1 folder=$HERE/$1 moment
  rm -rf "$folder"
  cp -r "$HERE/old" "$folder"
  if [ "$name" = dockerfile ]; then docker buildx prune --all --force >/dev/null; fi
  cd "$folder"
  for moment in cold marimo unchanged; do
    if [ $moment = marimo ]; then cp "$HERE"/new/{env.lock,envlock.toml} .; fi
    build "$name" $moment
  done
  cd "$ROOT"
}

# variant NAME KEY VALUE: the layers of the lock of today, made in another way.
variant() {
  local folder=$HERE/$1
  rm -rf "$folder"
  cp -r "$HERE/new" "$folder"
  printf '[build]\n%s = "%s"\n' "$2" "$3" >>"$folder/envlock.toml"
  envlock_in "$folder" --quiet resolve
  cd "$folder"
  build "$1" cold layers
  cd "$ROOT"
  rm -rf "$HERE/store/scratch"
}

# The base image's Python as a command of this machine: with its own C library.
bytecode() {
  local root=$HERE/python container
  if ! [ -x "$root/python3.14" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    container=$(docker create "$BASE" true)
    docker export "$container" | tar -C "$root" -x usr lib64
    docker rm "$container" >/dev/null
    printf '#!/bin/sh\nexec "%s" --argv0 "%s" --library-path "%s" "%s" "$@"\n' "$root"/usr/lib64/ld-linux-x86-64.so.2 \
      "$root/usr/bin/python3.14" "$root/usr/lib/x86_64-linux-gnu" "$root/usr/bin/python3.14" >"$root/python3.14"
    chmod +x "$root/python3.14"
  fi
  PATH=$root:$PATH variant bytecode bytecode unchecked-hash
}

# The same lock once more, and what torch's layer is has been forgotten: its wheel is hashed, spliced and measured.
torch() {
  cd "$HERE/layers"
  python3 - env.lock "$HERE/store/facts/layer-1" <<'P'
import os, re, sys
lock, facts = sys.argv[1:]
text = open(lock).read()
torch = re.search(r'\n\[\[layer\]\]\nname = "torch"\nkey = "(\w+)"\n(?:.+\n)*', text)
open(lock, "w").write(text.replace(torch[0], ""))
os.remove(f"{facts}/{torch[1]}.json")
P
  build layers torch
  cd "$ROOT"
}

table() {
  python3 - "$HERE" <<'P'
import json, os, re, sys, tomllib
here = sys.argv[1]
def ran(name): return os.path.exists(f"{here}/{name}.used")
def used(name): return json.load(open(f"{here}/{name}.used"))
def seconds(name): return used(name)["seconds"]
def said(name): return open(f"{here}/{name}.log").read()
def wheels(folder):
    return {p["sha256"]: p["size"] for p in tomllib.load(open(f"{here}/{folder}/env.lock", "rb"))["package"]}
def sent(name): return int(re.search(r"(\d+) bytes sent", said(name))[1])
def blobs(name): return int(re.search(r"(\d+) blobs sent", said(name))[1])
def split(name): return re.search(r"summed over the layers: (.*); \d+ bytes", said(name))[1]
missed = []
def want(what, value, limit, text):
    met = value <= limit
    print(f"{'met   ' if met else 'MISSED'}  {what}: {text}")
    if not met: missed.append(what)

old, new = wheels("old"), wheels("new")
changed = sum(size for sha, size in new.items() if sha not in old)
moments = {
    "cold": "nothing known: every layer made, every blob sent",
    "marimo": "a newer marimo in the lock: its layer and the configs",
    "unchanged": "the same lock again",
}
both = ran("layers-cold") and ran("dockerfile-cold")
print(f"{len(new)} wheels, {sum(new.values()) / 1e9:.2f} GB, in the store; {changed:,} bytes of them are new with marimo")
print(f"wall time of `envlock build --push`, {os.cpu_count()} cores, registry on loopback:")
print(f"{'':12}{'dockerfile':>12}{'layers':>12}{'ratio':>8}")
for moment, meaning in moments.items():
    times = [f"{seconds(f'{e}-{moment}'):.2f} s" if ran(f"{e}-{moment}") else "-" for e in ("dockerfile", "layers")]
    ratio = f"{seconds(f'layers-{moment}') / seconds(f'dockerfile-{moment}'):.3f}" if both else "-"
    print(f"{moment:12}{times[0]:>12}{times[1]:>12}{ratio:>8}  {meaning}")

print("\nlayers: blobs and bytes sent; peak memory; seconds of work, summed over layers that are made side by side")
for name in "layers-cold", "layers-marimo", "layers-unchanged", "layers-torch", "zstd-cold", "bytecode-cold":
    if ran(name):
        print(f"{name:17}{blobs(name):3} blobs {sent(name):>13,} bytes {used(name)['memory'] / 1e6:4.0f} MB  {split(name)}")
for name, meaning in ("zstd", "compressed again"), ("bytecode", "with compiled modules"):
    if ran(f"{name}-cold") and ran("layers-cold"):
        a, b = f"{name}-cold", "layers-cold"
        print(f"{name}: {meaning}, {seconds(a):.1f} s ({seconds(a) / seconds(b):.2f} of layers-cold), "
              f"{sent(a):,} bytes ({sent(a) / sent(b):.3f})")

print()
for moment, limit in ("cold", 0.25), ("marimo", 0.05):
    if both:
        ratio = seconds(f"layers-{moment}") / seconds(f"dockerfile-{moment}")
        want(moment, ratio, limit, f"{ratio:.3f} of dockerfile's time, wanted {limit}")
if ran("layers-cold"):
    up = sent("layers-marimo")
    want("marimo", up, 1.1 * changed, f"{up:,} bytes sent, {up / changed:.3f} of the changed wheels, wanted 1.1")
    count, took = blobs("layers-unchanged"), seconds("layers-unchanged")
    want("unchanged", count, 0, f"{count} blobs sent, wanted 0")
    want("unchanged", took, 1, f"{took:.2f} s, wanted 1")
if ran("layers-torch"):
    took = seconds("layers-torch")
    want("torch", took, 6, f"wheel to layer with digest and diff id, {took:.2f} s for the whole run, wanted 6")
builds = "layers-cold", "layers-marimo", "layers-unchanged", "layers-torch", "zstd-cold", "bytecode-cold"
peaks = {name: used(name)["memory"] for name in builds if ran(name)}
if peaks:
    name = max(peaks, key=peaks.get)
    want("memory", peaks[name], 200e6, f"{peaks[name] / 1e6:.0f} MB at most ({name}), wanted 200")
sys.exit(bool(missed))
P
}

# The images of the cold builds, a line each.
images() {
  python3 - "$HERE" <<'P'
import glob, json, sys
for used in sorted(glob.glob(f"{sys.argv[1]}/*-cold.used")):
    print(*json.load(open(used.replace(".used", ".json")))["images"].values(), sep="\n")
P
}

step "envlock itself" built
step "a Docker engine and a registry" need_engine
step "locks and wheels" locks
for case in $CASES; do
  case $case in
    layers | dockerfile) step "$case" engine "$case" ;;
    torch) step "torch's wheel alone" torch ;;
    zstd) step "layers of zstd" variant zstd compression zstd ;;
    bytecode) step "layers with compiled modules" bytecode ;;
    *) fail "no case is called $case" ;;
  esac
done
step "the images, for envlock verify" images
step "the figures" table
