# shellcheck shell=bash
# benches/registry.sh: sourced, after ci/setup.sh, by the scripts that measure against a docker-registry of their own.
# They set PLACE, a folder for everything.

# tools NAME…: on PATH, from Debian packages where they are not installed.
tools() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || PATH=$PATH:$("$CI/engine.sh" tool "$program")
  done
}

# An empty docker-registry, with the cache that its packages switch on, its address in HOST; `end_registry` ends it.
start_registry() {
  # The log of the one before names another port.
  rm -rf "$PLACE/registry" "$PLACE/registry.log"
  mkdir "$PLACE/registry"
  cat >"$PLACE/registry.yml" <<C
version: 0.1
log: {level: info, formatter: text}
http: {addr: '127.0.0.1:0'}
storage: {filesystem: {rootdirectory: '$PLACE/registry'}, cache: {blobdescriptor: inmemory}}
C
  docker-registry serve "$PLACE/registry.yml" >"$PLACE/registry.log" 2>&1 &
  # shellcheck disable=SC2034
  SERVING=$!
  HOST=''
  for _ in $(seq 100); do
    HOST=$(sed -n 's/.*listening on \([0-9.:]*\).*/\1/p' "$PLACE/registry.log" 2>/dev/null || true)
    if [ -n "$HOST" ]; then return; fi
    sleep 0.1
  done
  cat "$PLACE/registry.log" >&2
  fail "docker-registry does not start"
}

# layout FOLDER SEED BYTES…: an OCI layout of one image with layers of these sizes; prints its digest.
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
def content(size):
    while size > 0:
        yield source.randbytes(min(size, 1 << 20))
        size -= 1 << 20
layers, ids = [], []
for size in map(int, sizes):
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        header = tarfile.TarInfo("data")
        header.size = size
        archive.addfile(header, io.BytesIO(b"".join(content(size))))
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
