#!/usr/bin/env bash
# The registry client beside others: one image of 2 GB to a registry on loopback.
#
#   benches/push.sh           about ten minutes on 2 cores, 7 GB of disk below TMPDIR (/var/tmp)
#   SIZE=500 ROUNDS=5 …       megabytes of the image (2000), times that everybody pushes it (15)
#   TOOLS="envlock crane" …   only these; all: envlock skopeo crane
#
# Every push is of the same OCI layout, from the same disk, to a docker-registry of its own that is empty. Times are
# of the whole process, memory is its peak; the best and the middle of the rounds are told, with the command lines. The
# image: ten layers of bytes that no compression shortens, from 25 % of the whole down to 1 %.
# The last lines are the figures with what is wanted of each; the exit code is 1 where one is missed. Other work on
# the machine makes them worthless.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../ci/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../ci/setup.sh"
# shellcheck source-path=SCRIPTDIR source=registry.sh
. "$ROOT/benches/registry.sh"

SIZE=${SIZE:-2000}
ROUNDS=${ROUNDS:-15}
TOOLS=${TOOLS:-envlock skopeo crane}
PLACE=$(mktemp -d "${TMPDIR:-/var/tmp}/push.XXXXXX")
at_end() {
  end_registry
  rm -rf --one-file-system "$PLACE"
}

built() {
  PUSH=$(cd "$ROOT" && cargo bench --locked --bench push --no-run 2>&1 | tee /dev/stderr | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
  case $PUSH in /*) ;; *) PUSH=$ROOT/$PUSH ;; esac
}

image() {
  local share sizes=()
  for share in 25 20 15 12 10 8 5 3 1 1; do sizes+=($((SIZE * 10000 * share))); done
  layout "$PLACE/image" 1 "${sizes[@]}" >&2
}

# command_of TOOL IMAGE DESTINATION: COMMAND, what pushes the tag v1 of a layout.
command_of() {
  case $1 in
    envlock) COMMAND=("$PUSH" "$2" "$3" v1) ;;
    skopeo) COMMAND=(skopeo --insecure-policy copy --dest-tls-verify=false "oci:$2:v1" "docker://$3:v1") ;;
    crane) COMMAND=(crane push --insecure "$2" "$3:v1") ;;
    *) fail "no tool is called $1" ;;
  esac
}

# In turn, so that what the machine does besides meets all of them.
pushes() {
  local round tool
  for round in $(seq "$ROUNDS"); do
    for tool in $TOOLS; do
      start_registry
      sync
      command_of "$tool" "$PLACE/image" "$HOST/bench"
      timed "$tool" "${COMMAND[@]}"
      say "round $round: $tool $(tail -1 "$PLACE/$tool.used")"
      end_registry
    done
  done
}

lines() {
  local tool
  for tool in $TOOLS; do
    command_of "$tool" LAYOUT HOST/bench
    echo "$tool: $(basename "${COMMAND[0]}") ${COMMAND[*]:1}"
  done
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
print()
if "envlock" in tools:
    for other in tools:
        if other != "envlock":
            ratio = middle["envlock"] / middle[other]
            want("push", round(ratio, 2), 1, f"{ratio:.2f} of {other}'s time, wanted 1.00")
    peak = max(m for _, m in used("envlock"))
    want("memory", peak, 60e6, f"{peak / 1e6:.0f} MB, wanted 60")
sys.exit(bool(missed))
P
}

step "the client" built
step "docker-registry, crane, skopeo" tools docker-registry crane skopeo
step "an image of $SIZE MB" image
step "pushes" pushes
step "the command lines" lines
step "the figures" table
