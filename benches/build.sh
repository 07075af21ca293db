#!/usr/bin/env bash
# Both engines side by side: the full stack from PyPI, its wheels in the store, a registry on loopback.
#
#   benches/build.sh              about ten minutes on 2 cores, 20 GB of disk; wheels are downloaded once (3.4 GB)
#
# For each engine, in a project folder of its own:
#   cold         no layer, no base image and no build cache is known; an empty prefix in the registry
#   new marimo   the lock before had an older marimo, and nothing else differs
#   unchanged    the same lock again
# then torch's wheel alone → layer, digest and diff id: one more build, which has forgotten only that.
# The last lines are a table with what is wanted of each figure; the exit code is 1 where one is missed.
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
mkdir -p "$HERE"

built() { [ -x "$ENVLOCK" ] || (cd "$ROOT" && cargo build --release --locked --bin envlock); }

# project FOLDER MARIMO: the full stack, as far as PyPI has it.
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
[groups.torch]
packages = ["torch", "torchvision"]
index = ["pypi"]
[groups.pyg]
packages = ["torch_geometric"]
[groups.ray]
packages = ["ray[default,data,train,tune,serve,client]", "pyzmq"]
[groups.marimo]
packages = ["$2"]
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

# build ENGINE MOMENT, in this folder
build() {
  ENVLOCK_STORE=$HERE/store timed "$1-$2" "$ENVLOCK" -v --no-progress --json build --push --no-config \
    --engine "$1" --registry "$ENGINE_REGISTRY/$RUN-$1"
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
import json, re, sys, tomllib
here = sys.argv[1]
def used(name): return json.load(open(f"{here}/{name}.used"))
def said(name): return open(f"{here}/{name}.log").read()
def wheels(folder):
    return {p["sha256"]: p["size"] for p in tomllib.load(open(f"{here}/{folder}/env.lock", "rb"))["package"]}
def sent(name): return int(re.search(r"(\d+) bytes sent", said(name))[1])
def blobs(name): return int(re.search(r"(\d+) blobs sent", said(name))[1])
def split(moment): return re.search(r"summed over the layers: (.*); \d+ bytes", said(f"layers-{moment}"))[1]
old, new = wheels("old"), wheels("new")
changed = {sha: size for sha, size in new.items() if sha not in old}
print(f"{len(new)} wheels, {sum(new.values()) / 1e9:.2f} GB; {len(changed)} changed with marimo, {sum(changed.values()):,} bytes")
print(f"{'':12}{'dockerfile':>12}{'layers':>12}{'ratio':>8}")
missed = []
def want(what, value, limit, text):
    met = value <= limit
    print(f"{'met   ' if met else 'MISSED'}  {what}: {text}")
    if not met: missed.append(what)
ratio = {}
for moment in "cold", "marimo", "unchanged":
    a, b = (used(f"{engine}-{moment}")["seconds"] for engine in ("dockerfile", "layers"))
    ratio[moment] = b / a
    print(f"{moment:12}{a:10.2f} s{b:10.2f} s{b / a:8.3f}")
    print(f"{'':12}layers: {blobs(f'layers-{moment}')} blobs, {sent(f'layers-{moment}'):,} bytes; {split(moment)}")
print()
want("cold", ratio["cold"], 0.25, f"{ratio['cold']:.3f} of the time, wanted 0.25")
want("new marimo", ratio["marimo"], 0.05, f"{ratio['marimo']:.3f} of the time, wanted 0.05")
up = sent("layers-marimo")
want("new marimo", up, 1.1 * sum(changed.values()), f"{up:,} bytes sent, {up / sum(changed.values()):.3f} of the changed wheels, wanted 1.1")
want("unchanged", blobs("layers-unchanged"), 0, f"{blobs('layers-unchanged')} blobs sent, wanted 0")
seconds = used("layers-unchanged")["seconds"]
want("unchanged", seconds, 1, f"{seconds:.2f} s, wanted 1")
peak = max(used(f"layers-{moment}")["memory"] for moment in ("cold", "marimo", "unchanged", "torch"))
want("memory", peak, 200e6, f"{peak / 1e6:.0f} MB at most, wanted 200")
seconds = used("layers-torch")["seconds"]
want("torch's wheel", seconds, 6, f"{seconds:.2f} s for the whole run, wanted 6; {split('torch')}")
sys.exit(bool(missed))
P
}

# The images of the last builds, a line each.
images() {
  python3 - "$HERE" <<'P'
import json, sys
for engine in "layers", "dockerfile":
    print(*json.load(open(f"{sys.argv[1]}/{engine}-unchanged.json"))["images"].values(), sep="\n")
P
}

step "envlock itself" built
step "a Docker engine and a registry" need_engine
step "locks and wheels" locks
step "layers" engine layers
step "torch's wheel alone" torch
step "dockerfile" engine dockerfile
step "the images, for ci/check-images.sh" images
step "the figures" table
