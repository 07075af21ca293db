#!/usr/bin/env bash
# The registry client beside others: one image of 2 GB to a registry on loopback, and a rollback of two images.
#
#   benches/push.sh           about five minutes on 2 cores, 7 GB of disk below TMPDIR (/var/tmp)
#   SIZE=500 ROUNDS=5 …       megabytes of the image (2000), times that everybody pushes it (3)
#   TOOLS="envlock crane" …   only these; all: envlock skopeo crane
#
# Every push is of the same OCI layout, from the same disk, to a docker-registry of its own that is empty. Times are
# of the whole process, memory is its peak; the best and the middle of the rounds are told. The image: ten layers of
# bytes that no compression shortens, from 25 % of the whole down to 1 %.
# The rollback goes back and forth between two releases of two images of 20 layers each, by the release binary.
# The last lines are the figures with what is wanted of each; the exit code is 1 where one is missed. Other work on
# the machine makes them worthless.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../ci/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/setup.sh"

SIZE=${SIZE:-2000}
ROUNDS=${ROUNDS:-3}
TOOLS=${TOOLS:-envlock skopeo crane}
PLACE=$(mktemp -d "${TMPDIR:-/var/tmp}/push.XXXXXX")
REGISTRY_PID=''
at_end() {
  end_own
  rm -rf --one-file-system "$PLACE"
}

built() {
  PUSH=$(cd "$ROOT" && cargo bench --locked --bench push --no-run 2>&1 | tee /dev/stderr | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
  PUSH=$ROOT/$PUSH
  (cd "$ROOT" && cargo build --release --locked --bin envlock)
  ENVLOCK=$ROOT/target/release/envlock
}

programs() {
  local folder program
  for program in docker-registry crane skopeo; do
    if ! command -v "$program" >/dev/null; then
      folder=$("$CI/engine.sh" tool "$program")
      PATH=$PATH:$folder
    fi
  done
}

# An empty docker-registry; its address in HOST.
start_own() {
  rm -rf "$PLACE/registry"
  mkdir "$PLACE/registry"
  cat >"$PLACE/registry.yml" <<C
version: 0.1
log: {level: info, formatter: text}
http: {addr: '127.0.0.1:0'}
storage: {filesystem: {rootdirectory: '$PLACE/registry'}}
C
  docker-registry serve "$PLACE/registry.yml" >"$PLACE/registry.log" 2>&1 &
  REGISTRY_PID=$!
  HOST=''
  for _ in $(seq 100); do
    HOST=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$PLACE/registry.log")
    if [ -n "$HOST" ]; then return; fi
    sleep 0.1
  done
  cat "$PLACE/registry.log" >&2
  fail "docker-registry does not start"
}
end_own() {
  [ -n "$REGISTRY_PID" ] || return 0
  kill "$REGISTRY_PID" 2>/dev/null || true
  wait "$REGISTRY_PID" || true
  REGISTRY_PID=''
}

# layout FOLDER SEED BYTES…: an OCI layout of one image with layers of these sizes.
layout() {
  python3 - "$@" <<'P'
import gzip, hashlib, io, json, os, random, sys, tarfile
folder, seed, *sizes = sys.argv[1:]
os.makedirs(f"{folder}/blobs/sha256")
source = random.Random(int(seed))
def keep(bytes_):
    digest = hashlib.sha256(bytes_).hexdigest()
    with open(f"{folder}/blobs/sha256/{digest}", "wb") as file:
        file.write(bytes_)
    return f"sha256:{digest}", len(bytes_)
def described(media, kept):
    return {"mediaType": f"application/vnd.oci.image.{media}", "digest": kept[0], "size": kept[1]}
layers, ids = [], []
for size in map(int, sizes):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        header = tarfile.TarInfo("data")
        header.size = size
        archive.addfile(header, io.BytesIO(b"".join(source.randbytes(1 << 20) for _ in range(size // (1 << 20) + 1))))
    ids.append("sha256:" + hashlib.sha256(tar.getbuffer()).hexdigest())
    packed = gzip.compress(tar.getbuffer(), compresslevel=0, mtime=0)
    layers.append(described("layer.v1.tar+gzip", keep(packed)))
config = {"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described("config.v1+json", keep(json.dumps(config).encode())), "layers": layers}
entry = described("manifest.v1+json", keep(json.dumps(manifest).encode()))
entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
json.dump({"schemaVersion": 2, "manifests": [entry]}, open(f"{folder}/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(f"{folder}/oci-layout", "w"))
print(entry["digest"])
P
}

image() {
  local share sizes=()
  for share in 25 20 15 12 10 8 5 3 1 1; do sizes+=($((SIZE * 10000 * share))); done
  layout "$PLACE/image" 1 "${sizes[@]}" >&2
}

# timed NAME COMMAND…: a line of its seconds and bytes of memory to $PLACE/NAME.used
timed() {
  local name=$1; shift
  python3 - "$PLACE/$name" "$@" <<'P'
import json, os, subprocess, sys, time
to, *command = sys.argv[1:]
with open(to + ".log", "w") as log:
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
open(to + ".used", "a").write(json.dumps([seconds, usage.ru_maxrss * 1024]) + "\n")
if status:
    print(open(to + ".log").read()[-4000:], file=sys.stderr)
sys.exit(status and 1)
P
}

# In turn, so that what the machine does besides meets all of them.
pushes() {
  local tool
  for round in $(seq "$ROUNDS"); do
    for tool in $TOOLS; do
      start_own
      sync
      case $tool in
        envlock) timed envlock "$PUSH" "$PLACE/image" "$HOST/bench" v1 ;;
        skopeo) timed skopeo skopeo --insecure-policy copy --dest-tls-verify=false "oci:$PLACE/image:v1" "docker://$HOST/bench:v1" ;;
        crane) timed crane crane push --insecure "$PLACE/image" "$HOST/bench:v1" ;;
        *) fail "no tool is called $tool" ;;
      esac
      say "round $round: $tool $(tail -1 "$PLACE/$tool.used")"
      end_own
    done
  done
}

# Two releases of two images, as env.releases.jsonl and config.yaml have them.
rollbacks() {
  local release name sizes=()
  for _ in $(seq 20); do sizes+=(2000); done
  start_own
  mkdir "$PLACE/project"
  for release in 1 2; do
    for name in ray-runtime marimo-runtime; do
      layout "$PLACE/$name-$release" "$release${#name}" "${sizes[@]}" >"$PLACE/$name-$release.digest"
      "$PUSH" "$PLACE/$name-$release" "$HOST/team/$name" "v$release" >&2
    done
  done
  python3 - "$PLACE" "$HOST" <<'P'
import json, sys
place, host = sys.argv[1:]
names = {"services.ray.image": "ray-runtime", "services.marimo.image": "marimo-runtime"}
def images(release):
    return {name: f"{host}/team/{name}@{open(f'{place}/{name}-{release}.digest').read().strip()}" for name in names.values()}
with open(f"{place}/project/env.releases.jsonl", "w") as file:
    before = {path: "none:v0" for path in names}
    for release in 1, 2:
        now = images(release)
        edits = [{"file": "config.yaml", "path": path, "before": before[path], "after": now[name]} for path, name in names.items()]
        before = {path: now[name] for path, name in names.items()}
        record = {"v": 1, "number": release, "time": f"2026-11-2{release}T10:00:00Z", "kind": "build", "engine": "layers",
                  "images": now, "edits": edits, "envlock": "0.1.0"}
        file.write(json.dumps(record) + "\n")
with open(f"{place}/project/config.yaml", "w") as file:
    file.write("services:\n")
    for path, name in names.items():
        file.write(f"  {path.split('.')[1]}:\n    image: \"{before[path]}\"  # {name}\n")
P
  cd "$PLACE/project"
  for _ in $(seq 10); do
    timed rollback "$ENVLOCK" rollback --to 1
    timed rollback "$ENVLOCK" rollback --to 2
  done
  cd "$ROOT"
  end_own
}

table() {
  python3 - "$PLACE" "$SIZE" "$TOOLS" <<'P'
import json, os, statistics, sys
place, size, tools = sys.argv[1:]
missed = []
def want(what, value, limit, text):
    met = value <= limit
    print(f"{'met   ' if met else 'MISSED'}  {what}: {text}")
    if not met: missed.append(what)
def used(name): return [json.loads(line) for line in open(f"{place}/{name}.used")]
tools = [tool for tool in tools.split() if os.path.exists(f"{place}/{tool}.used")]
print(f"an image of {size} MB to a docker-registry on loopback, {os.cpu_count()} cores:")
middle = {tool: statistics.median(s for s, _ in used(tool)) for tool in tools}
for tool in tools:
    runs = used(tool)
    print(f"{tool:10} middle {middle[tool]:6.2f} s  best {min(s for s, _ in runs):6.2f} s  memory {max(m for _, m in runs) / 1e6:4.0f} MB")
back = [s for s, _ in used("rollback")]
print(f"rollback   middle {statistics.median(back) * 1000:.0f} ms  best {min(back) * 1000:.0f} ms  longest {max(back) * 1000:.0f} ms, of {len(back)}\n")
if "envlock" in tools:
    for other in tools:
        if other != "envlock":
            want("push", middle["envlock"], middle[other], f"{middle['envlock']:.2f} s, {other} {middle[other]:.2f} s")
    peak = max(m for _, m in used("envlock"))
    want("memory", peak, 150e6, f"{peak / 1e6:.0f} MB, wanted 150")
middle_back = statistics.median(back)
want("rollback", middle_back, 0.1, f"{middle_back * 1000:.0f} ms, wanted 100")
sys.exit(bool(missed))
P
}

step "envlock and its client" built
step "docker-registry, crane, skopeo" programs
step "an image of $SIZE MB" image
step "pushes" pushes
step "rollbacks" rollbacks
step "the figures" table
