#!/usr/bin/env bash
# A rollback of two images: their registry, on loopback, is asked for both manifests, both configs and all layers, and
# given a record of the rollback beside each image, before config.yaml changes.
#
#   benches/rollback.sh       a minute or two, and what a release build takes
#   LAYERS="20 45" ROUNDS=20 ENVLOCK=target/release/envlock …
#
# Back and forth between two releases, by a release binary; times are of the whole process. The second figure is of a
# rollback that only looks (--dry-run): what the difference buys is the record, the tags and the files. The requests
# are those that the registry's log has of one rollback. The exit code is 1 where the middle is above 100 ms. Other work
# on the machine makes the figures worthless.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../ci/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/setup.sh"
# shellcheck source-path=SCRIPTDIR source=registry.sh
. "$ROOT/benches/registry.sh"

LAYERS=${LAYERS:-20 45}
ROUNDS=${ROUNDS:-20}
ENVLOCK=${ENVLOCK:-}
PLACE=$(mktemp -d "${TMPDIR:-/var/tmp}/rollback.XXXXXX")
at_end() {
  end_registry
  rm -rf --one-file-system "$PLACE"
}

built() {
  [ -n "$ENVLOCK" ] || (cd "$ROOT" && cargo build --release --locked --bin envlock)
  ENVLOCK=${ENVLOCK:-$ROOT/target/release/envlock}
}

# project COUNT: two releases of two images of COUNT layers, as env.releases.jsonl and config.yaml have them.
project() {
  local count=$1 release name sizes=()
  for _ in $(seq "$count"); do sizes+=(2000); done
  rm -rf "$PLACE/project" "$PLACE"/image-*
  mkdir -p "$PLACE/project/.envlock/locks"
  for release in 1 2; do
    for name in ray-runtime marimo-runtime; do
      layout "$PLACE/image-$name-$release" "$release${#name}" "${sizes[@]}" >"$PLACE/$name-$release.digest"
      crane push --insecure "$PLACE/image-$name-$release" "$HOST/team/$name:v$release" >"$PLACE/push.log" 2>&1 || fail "$(tail -3 "$PLACE/push.log")"
    done
  done
  python3 - "$PLACE" "$HOST" <<'P'
import hashlib, json, sys
place, host = sys.argv[1:]
project = f"{place}/project"
names = {"services.ray.image": "ray-runtime", "services.marimo.image": "marimo-runtime"}
# As long as the lock of a full stack; what is in it does not matter here.
text = "# a lock\n" * 8000
lock = hashlib.sha256(text.encode()).hexdigest()
open(f"{project}/.envlock/locks/{lock}.lock", "w").write(text)
def images(release):
    return {name: f"{host}/team/{name}@{open(f'{place}/{name}-{release}.digest').read().strip()}" for name in names.values()}
with open(f"{project}/env.releases.jsonl", "w") as file:
    before = {path: "none:v0" for path in names}
    for release in 1, 2:
        now = images(release)
        edits = [{"file": "config.yaml", "path": path, "before": before[path], "after": now[name]} for path, name in names.items()]
        before = {path: now[name] for path, name in names.items()}
        record = {"v": 1, "number": release, "time": f"2026-11-2{release}T10:00:00Z", "kind": "build", "engine": "layers",
                  "lock": lock, "images": now, "edits": edits, "envlock": "0.1.0"}
        file.write(json.dumps(record) + "\n")
with open(f"{project}/config.yaml", "w") as file:
    file.write("services:\n")
    for path, name in names.items():
        file.write(f"  {path.split('.')[1]}:\n    image: \"{before[path]}\"  # {name}\n")
P
}

measured() {
  local count
  for count in $LAYERS; do
    start_registry
    project "$count"
    cd "$PLACE/project"
    # The first one also brings the lock to where a build would have left it.
    "$ENVLOCK" rollback --to 1 >/dev/null 2>&1
    for _ in $(seq "$((ROUNDS / 2))"); do
      timed "whole-$count" "$ENVLOCK" rollback --to 2
      timed "looks-$count" "$ENVLOCK" rollback --to 1 --dry-run
      timed "whole-$count" "$ENVLOCK" rollback --to 1
      timed "looks-$count" "$ENVLOCK" rollback --to 2 --dry-run
    done
    wc -l <"$PLACE/registry.log" >"$PLACE/lines"
    "$ENVLOCK" rollback --to 2 >/dev/null 2>&1
    # Let the log of the last answer come out.
    sleep 0.5
    tail -n "+$(($(cat "$PLACE/lines") + 1))" "$PLACE/registry.log" >"$PLACE/requests-$count"
    cd "$ROOT"
    end_registry
  done
}

table() {
  python3 - "$PLACE" "$LAYERS" <<'P'
import collections, json, os, re, statistics, sys
place, counts = sys.argv[1], sys.argv[2].split()
used = lambda name: [seconds * 1000 for seconds, _ in map(json.loads, open(f"{place}/{name}.used"))]
missed = False
for count in counts:
    whole, looks = used(f"whole-{count}"), used(f"looks-{count}")
    kinds = collections.Counter()
    for line in open(f"{place}/requests-{count}"):
        found = re.search(r'"(GET|HEAD|PUT|POST|PATCH|DELETE) /v2/\S+?/(blobs|manifests|referrers|tags)/', line)
        if found: kinds[f"{found[1]} {found[2]}"] += 1
    middle = statistics.median(whole)
    missed |= middle > 100
    print(f"two images of {count} layers: middle {middle:.0f} ms  best {min(whole):.0f} ms  longest {max(whole):.0f} ms, of {len(whole)}"
          f"; only looking {statistics.median(looks):.0f} ms; {os.cpu_count()} cores")
    print(f"  {sum(kinds.values())} requests: " + ", ".join(f"{n} {kind}" for kind, n in sorted(kinds.items())))
    print(f"{'MISSED' if middle > 100 else 'met   '}  {middle:.0f} ms, wanted 100")
sys.exit(missed)
P
}

step "envlock" built
step "docker-registry, crane" tools docker-registry crane
step "rollbacks" measured
step "the figures" table
