#!/usr/bin/env bash
# ci/pull-everywhere.sh [--serve FOLDER] RAY_IMAGE MARIMO_IMAGE: both images, named by digest, through every client.
#
#   crane       every layer is read: digests, diff ids, sizes, the config (`crane validate`)
#   skopeo      copied to an OCI layout; the manifest must arrive byte for byte
#   docker      pulled and started by a Docker with the containerd image store
#   classic     the same by a Docker with its classic store, overlay2
#   containerd  the same by containerd alone, with its ctr
#   podman      pulled by podman and mounted, not started
#
# Each image's own Python, without a network, reads all installed files and compares them with the sha256 in the
# wheels' RECORDs; where it was started, it then imports Ray, torch, PyTorch Geometric and marimo, as far as they are inside.
# Each client gets a storage of its own, which is removed before the next: about 12 GB at most for the full stack,
# below TMPDIR (/var/tmp). Needs root; missing programs come from Debian's or Ubuntu's packages.
#
#   --serve FOLDER        the images are in this OCI layout and named without a host; `envlock serve` hands them out
#   CLIENTS="podman …"    only these
#   ENVLOCK=FILE          the envlock that serves (target/release/envlock)
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
PATH=$PATH:/usr/sbin:/sbin

FOLDER=''
if [ "${1:-}" = --serve ]; then FOLDER=${2:?--serve needs a FOLDER}; shift 2; fi
[ $# = 2 ] || fail "usage: ci/pull-everywhere.sh [--serve FOLDER] RAY_IMAGE MARIMO_IMAGE"
[ "$(id -u)" = 0 ] || fail "starting engines needs root" "sudo --preserve-env $0 …"
IMAGES=("$@")
CLIENTS=${CLIENTS:-crane skopeo docker classic containerd podman}
PLACE=$(mktemp -d "${TMPDIR:-/var/tmp}/pull.XXXXXX")
declare -A RUNNING=()

at_end() {
  local pid
  for pid in "${!RUNNING[@]}"; do ends "$pid"; done
  remove_storage
  rm -rf --one-file-system "$PLACE"
}

# ends PID: and waits until it has.
ends() {
  unset "RUNNING[$1]"
  kill "$1" 2>/dev/null || return 0
  for _ in $(seq 100); do [ -d "/proc/$1" ] || return 0; sleep 0.2; done
  say "process $1 does not end"
}

# Of the client that was the last. What it left mounted is unmounted first; again, where it still was at it.
remove_storage() {
  local mounted
  for _ in 1 2 3 4 5; do
    awk -v below="$PLACE/storage/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r |
      while read -r mounted; do umount -l "$mounted" || true; done
    if rm -rf --one-file-system "$PLACE/storage" 2>/dev/null; then return; fi
    sleep 1
  done
  fail "$PLACE/storage cannot be removed"
}

# background NAME COMMAND…: its pid in STARTED, what it says in $PLACE/NAME.log
background() {
  local name=$1; shift
  setsid "$@" >"$PLACE/$name.log" 2>&1 </dev/null &
  STARTED=$!
  RUNNING[$STARTED]=1
}

# patiently NAME COMMAND…: until the command succeeds, half a minute at most
patiently() {
  local name=$1; shift
  for _ in $(seq 150); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.2; done
  tail -20 "$PLACE/$name.log" >&2
  fail "$name does not start"
}

# What runs inside: a file that a client unpacked wrongly does not have its sha256.
LOOK=$(cat <<'P'
import base64, hashlib, importlib, importlib.metadata, importlib.util, sys
files = size = 0
for distribution in importlib.metadata.distributions():
    for file in distribution.files or ():
        if file.hash is None:
            continue
        with open(file.locate(), "rb") as opened:
            digest = hashlib.file_digest(opened, file.hash.mode).digest()
            end = opened.tell()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != file.hash.value or end != file.size:
            sys.exit(f"{file.locate()} is not what {distribution.name} says it is")
        files, size = files + 1, size + end
if files < 100:
    sys.exit(f"only {files} files are named by RECORDs")
print(f"{files} files, {size:,} bytes, all as the wheels have them", flush=True)
for name in () if sys.argv[1:] == ["files"] else ("ray", "torch", "torch_geometric", "marimo"):
    if importlib.util.find_spec(name):
        print(name, importlib.import_module(name).__version__, flush=True)
P
)

# Plain http is for registries on this machine.
is_here() { case ${IMAGES[0]%%/*} in 127.*:* | localhost:*) ;; *) return 1 ;; esac; }

# The layout's own digests, over loopback like any registry.
serve() {
  local address image
  ENVLOCK=$(realpath "${ENVLOCK:-$ROOT/target/release/envlock}")
  background serve "$ENVLOCK" --no-progress serve --read-only --listen 127.0.0.1:0 --folder "$(realpath "$FOLDER")"
  patiently serve grep -q '^http://' "$PLACE/serve.log"
  address=$(sed -n 's#^http://##p' "$PLACE/serve.log")
  IMAGES=("${IMAGES[@]/#/$address/}")
  for image in "${IMAGES[@]}"; do say "$image"; done
}

crane() {
  local image
  for image in "${IMAGES[@]}"; do command crane validate --remote "$image" >&2; done
}

skopeo() {
  local image layout=$PLACE/storage/layout digest verify=()
  if is_here; then verify=(--src-tls-verify=false); fi
  mkdir -p "$PLACE/storage"
  for image in "${IMAGES[@]}"; do
    command skopeo --insecure-policy copy --quiet "${verify[@]}" "docker://$image" "oci:$layout:copy"
    digest=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["manifests"][0]["digest"])' "$layout/index.json")
    [ "$digest" = "${image#*@}" ] || fail "$image arrived as $digest"
    rm -rf "$layout"
    say "copied, the same manifest: $digest"
  done
}

# dockers CONTAINERD_STORE DRIVER: a daemon of its own, which makes no network
dockers() {
  local home=$PLACE/storage image
  mkdir -p "$home"
  cat >"$home/daemon.json" <<J
{ "data-root": "$home/data", "exec-root": "$home/run", "pidfile": "$home/pid", "hosts": ["unix://$home/socket"],
  "features": {"containerd-snapshotter": $1}, "storage-driver": "$2", "bridge": "none", "iptables": false,
  "ip6tables": false, "log-level": "warn", "containerd-namespace": "pull", "containerd-plugins-namespace": "pull-plugins" }
J
  background docker dockerd --config-file "$home/daemon.json"
  local daemon=$STARTED docker=(docker --host "unix://$home/socket")
  patiently docker "${docker[@]}" version
  "${docker[@]}" info --format '{{.ServerVersion}} {{.Driver}} {{.DriverStatus}}' >&2
  for image in "${IMAGES[@]}"; do
    "${docker[@]}" pull --quiet "$image" >&2
    "${docker[@]}" run --rm --network none "$image" python -W ignore -c "$LOOK" >&2
  done
  ends "$daemon"
}

docker_() { dockers true overlayfs; }
classic() { dockers false overlay2; }

containerd_() {
  local home=$PLACE/storage image plain=()
  if is_here; then plain=(--plain-http); fi
  mkdir -p "$home"
  cat >"$home/config.toml" <<T
version = 2
root = "$home/data"
state = "$home/run"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$home/socket"
T
  background containerd containerd --config "$home/config.toml" --log-level warn
  local daemon=$STARTED ctr=(ctr --address "$home/socket")
  patiently containerd "${ctr[@]}" version
  for image in "${IMAGES[@]}"; do
    "${ctr[@]}" images pull "${plain[@]}" "$image" >"$home/pull.log" 2>&1 || { tail -5 "$home/pull.log" >&2; return 1; }
    "${ctr[@]}" run --rm "$image" look python -W ignore -c "$LOOK" >&2
  done
  ends "$daemon"
}

podman_() {
  local home=$PLACE/storage image verify=()
  if is_here; then verify=(--tls-verify=false); fi
  # It fails where this names a folder without a login.
  if [ ! -e "${DOCKER_CONFIG:-}/config.json" ]; then unset DOCKER_CONFIG; fi
  mkdir -p "$home"
  local podman=(env TMPDIR="$home" podman --root "$home/data" --runroot "$home/run" --storage-driver overlay --cgroup-manager cgroupfs)
  for image in "${IMAGES[@]}"; do
    "${podman[@]}" pull --quiet "${verify[@]}" "$image" >&2
    # Its containers want limits and control groups that a container around this script may not give: files only.
    chroot "$("${podman[@]}" image mount "$image")" /opt/conda/envs/py/bin/python -c "$LOOK" files >&2
    "${podman[@]}" image unmount "$image" >/dev/null
  done
}

programs() {
  local client
  for client in $CLIENTS; do
    case $client in
      crane) type -P crane >/dev/null || PATH=$("$CI/engine.sh" tool crane):$PATH ;;
      skopeo | podman) need "$client" ;;
      docker | classic | containerd)
        if ! type -P dockerd containerd ctr runc >/dev/null; then
          PATH=$("$CI/engine.sh" tool docker.io docker-cli containerd runc):$PATH
        fi ;;
      *) fail "no client is called $client" ;;
    esac
  done
}

step "programs: $CLIENTS" programs
if [ -n "$FOLDER" ]; then step "envlock serve" serve; fi
for client in $CLIENTS; do
  case $client in docker | containerd | podman) run=${client}_ ;; *) run=$client ;; esac
  step "$client" "$run"
  remove_storage
done
times_of_steps
