#!/usr/bin/env bash
# docker/ray.sh [RAY START OPTION…]: starts Ray in a container, as head or as worker, and stays as long as Ray does.
#
# The container ends when Ray ends, with Ray's status; SIGTERM stops Ray and ends it with 0 within 10 seconds.
# Runs in envlock's images and in rayproject/ray's, as their user `ray`; root becomes that user. Settings:
#
#   USE_CONDA_ENV=1        take the environment /opt/conda/envs/py; else, and where there is none, the official
#                          image's /home/ray/anaconda3, which envlock's images have, too
#   RAY_ROLE=auto          head, worker, or auto: by the whitelist
#   RAY_HEAD_WHITELIST=    hosts that may be head, in order, with commas. auto: the first that is this node, or that
#                          is alive (its health service or its Ray answers), is the head; no hosts: this node is
#   RAY_NODE_IP=           this node's address, where it has several
#   RAY_WAIT=120           seconds to wait for the head
#   RAY_PORT=6379 RAY_DASHBOARD_PORT=8265 RAY_CLIENT_PORT=10001 RAY_HEALTH_PORT=8000
#   RAY_NUM_CPUS= RAY_NUM_GPUS= RAY_MEMORY= RAY_OBJECT_STORE_MEMORY=   (bytes) what Ray finds out itself when empty
#   PIP_REQUIREMENTS=/pip-requirements   a requirements file, or a folder of *.txt, installed before Ray starts
#   RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S=3   seconds for running tasks to end after SIGTERM (Ray's own setting)
set -euo pipefail

say() { printf 'ray.sh: %s\n' "$*" >&2; }
fail() { local status=$1; shift; printf 'ray.sh: error: %s\n' "$1" >&2; shift; for line in "$@"; do printf 'ray.sh:   %s\n' "$line" >&2; done; exit "$status"; }

# --- who runs this ---------------------------------------------------------------------------------

if [ "$(id -u)" = 0 ]; then
  id ray >/dev/null 2>&1 || fail 2 "root does not run Ray, and this image has no user ray" "start the container as another user: user: \"1000:1000\""
  home=$(getent passwd ray | cut -d: -f6)
  say "root becomes ray"
  # Not `su -`: that one forgets the variables, and kills 2 seconds after SIGTERM.
  exec setpriv --reuid ray --regid "$(id -g ray)" --init-groups --inh-caps=-all \
    env HOME="$home" USER=ray LOGNAME=ray "$BASH" "$0" "$@"
fi

# `su - ray -c /app/ray.sh` comes with an empty environment: what the container was given is its first process's,
# which can be read when that one is of the same user.
if [ -r /proc/1/environ ]; then
  while IFS= read -r -d '' variable; do
    name=${variable%%=*}
    if [[ $name =~ ^[A-Za-z_][A-Za-z_0-9]*$ ]] && [ -z "${!name+set}" ]; then export "${variable?}"; fi
  done 2>/dev/null </proc/1/environ || true
fi

CONDA_ENV=/opt/conda/envs/py
if [ -n "${USE_CONDA_ENV:-}" ] && [ -d /opt/conda ]; then
  export PATH=$CONDA_ENV/bin:/opt/conda/bin:$PATH CONDA_PREFIX=$CONDA_ENV CONDA_DEFAULT_ENV=py
  RAY_EXEC=$CONDA_ENV/bin/ray PYTHON_EXEC=$CONDA_ENV/bin/python
else
  export PATH=/home/ray/anaconda3/bin:$PATH
  RAY_EXEC=ray PYTHON_EXEC=python
fi
for program in "$RAY_EXEC" "$PYTHON_EXEC"; do
  command -v "$program" >/dev/null || fail 127 "there is no $program in this image" "USE_CONDA_ENV=1 takes $CONDA_ENV, without it /home/ray/anaconda3 is taken"
done

ROLE=${RAY_ROLE:-auto} WHITELIST=${RAY_HEAD_WHITELIST:-} WAIT=${RAY_WAIT:-120}
PORT=${RAY_PORT:-6379} DASHBOARD_PORT=${RAY_DASHBOARD_PORT:-8265} CLIENT_PORT=${RAY_CLIENT_PORT:-10001}
[[ $WAIT =~ ^[0-9]+$ ]] || fail 2 "RAY_WAIT is '$WAIT': a number of seconds"
: "${RAY_USAGE_STATS_ENABLED:=0}" "${RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S:=3}"
export RAY_USAGE_STATS_ENABLED RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S

# --- children and signals --------------------------------------------------------------------------

CHILD='' STOPPING=''
TEXT=$(mktemp)
trap 'rm -f "$TEXT"' EXIT
trap 'STOPPING=1; if [ -n "$CHILD" ]; then kill -TERM "$CHILD" 2>/dev/null; fi' TERM INT

# attended COMMAND…: bash answers no signal while a command is in its foreground.
attended() {
  local status=0
  "$@" &
  CHILD=$!
  wait "$CHILD" || status=$?
  if [ -n "$STOPPING" ]; then say "stopped before Ray was started"; exit 0; fi
  CHILD=''
  return "$status"
}

# --- extra packages --------------------------------------------------------------------------------

# What the image has stays as it is: its distributions are constraints, and pip refuses what would move one.
add_packages() {
  local place=${PIP_REQUIREMENTS:-/pip-requirements} files=() options=() file installer
  if [ -d "$place" ]; then
    shopt -s nullglob; files=("$place"/*.txt); shopt -u nullglob
  elif [ -e "$place" ]; then
    files=("$place")
  fi
  for file in "${files[@]}"; do
    [ -r "$file" ] || fail 2 "$file cannot be read by $(id -un) ($(id -u))"
    if grep -qE '^[[:space:]]*[^#[:space:]]' "$file"; then options+=(-r "$file"); fi
  done
  [ ${#options[@]} -gt 0 ] || return 0
  if "$PYTHON_EXEC" -c 'import pip' 2>/dev/null; then
    installer=("$PYTHON_EXEC" -m pip install --disable-pip-version-check --no-warn-script-location)
  elif command -v uv >/dev/null; then
    installer=(uv pip install --python "$(command -v "$PYTHON_EXEC")")
  else
    fail 2 "$place asks for packages, and the image has neither pip nor uv" 'packages = ["pip"] under [groups.python] in envlock.toml brings pip'
  fi
  "$PYTHON_EXEC" -c '
import importlib.metadata as metadata
print("\n".join(sorted({f"{d.name}=={d.version}" for d in metadata.distributions()})))' >"$TEXT"
  say "installing ${files[*]}"
  local status=0
  attended "${installer[@]}" -c "$TEXT" "${options[@]}" >&2 || status=$?
  [ "$status" = 0 ] || fail "$status" "the packages of ${files[*]} cannot be installed (status $status, reasons above)" \
    "a package of the image is never moved: what is locked is changed in envlock.toml"
}

# --- head or worker --------------------------------------------------------------------------------

# shellcheck disable=SC2317 # it is called, by attended
# Run in the background: Python takes the place of its shell, and gets the signals.
# Prints `head`, or the host of the head once its Ray takes connections.
find_head() {
  exec "$PYTHON_EXEC" -I - "$ROLE" "$WHITELIST" "$PORT" "${RAY_HEALTH_PORT:-8000}" "$WAIT" "${RAY_NODE_IP:-}" <<'PY'
import json, socket, sys, time, urllib.request

role, whitelist, port, health_port, patience, own = sys.argv[1:]
hosts = [host.strip() for host in whitelist.split(",") if host.strip()]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy


def is_me(host):
    if host in (own, socket.gethostname()):
        return True
    try:
        addresses = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    for family, kind, protocol, _, address in addresses:
        try:  # only an address of one's own can be bound to
            with socket.socket(family, kind, protocol) as probe:
                probe.bind(address)
            return True
        except OSError:
            pass
    return False


def serves_ray(host):
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError as error:
        return str(error)


def is_healthy(host):
    try:
        with direct.open(f"http://{host}:{health_port}/health", timeout=2) as answer:
            return json.load(answer).get("status") == "healthy"
    except (OSError, ValueError, AttributeError):
        return False


def log(text):
    print(f"ray.sh: {text}", file=sys.stderr, flush=True)


deadline = time.monotonic() + float(patience)
told = None
while True:
    reasons = []
    for host in hosts:
        if role == "auto" and is_me(host):
            print("head")
            sys.exit()
        reason = serves_ray(host)
        if reason is None:
            print(host)
            sys.exit()
        reasons.append(f"{host}:{port}: {reason}")
        if is_healthy(host):
            reasons[-1] += " (its health service answers)"
            break  # the head, and still starting: not the next one's turn
    if time.monotonic() >= deadline:
        log(f"error: no Ray head within {patience} s")
        for reason in reasons:
            log("  " + reason)
        log("  Is the head's container up (docker compose ps, docker logs)? Can this node reach these hosts and ports?")
        log("  RAY_HEAD_WHITELIST names the hosts that may be head, RAY_WAIT gives them more seconds.")
        sys.exit(1)
    if reasons != told:
        told = reasons
        log(f"waiting up to {patience} s for a head: " + "; ".join(reasons))
    time.sleep(1)
PY
}

choose_role() {
  HEAD=''
  case $ROLE in
    head) return ;;
    auto) [ -n "$WHITELIST" ] || return 0 ;;
    worker) [ -n "$WHITELIST" ] || fail 2 "a worker must be told its head: RAY_HEAD_WHITELIST is empty" ;;
    *) fail 2 "RAY_ROLE is '$ROLE': auto, head or worker" ;;
  esac
  attended find_head >"$TEXT"
  HEAD=$(cat "$TEXT")
  [ "$HEAD" != head ] || HEAD=''
}

# --- Ray -------------------------------------------------------------------------------------------

start_options() {
  OPTIONS=(--block)
  if [ -n "$HEAD" ]; then
    say "worker of the head $HEAD:$PORT"
    OPTIONS+=("--address=$HEAD:$PORT")
  else
    say "head on port $PORT, dashboard on $DASHBOARD_PORT, client on $CLIENT_PORT"
    OPTIONS+=(--head "--port=$PORT" --dashboard-host=0.0.0.0 "--dashboard-port=$DASHBOARD_PORT")
    # Ray's default needs no option, and an image without Ray's client refuses one.
    [ "$CLIENT_PORT" = 10001 ] || OPTIONS+=("--ray-client-server-port=$CLIENT_PORT")
  fi
  [ -z "${RAY_NODE_IP:-}" ] || OPTIONS+=("--node-ip-address=$RAY_NODE_IP")
  [ -z "${RAY_NUM_CPUS:-}" ] || OPTIONS+=("--num-cpus=$RAY_NUM_CPUS")
  [ -z "${RAY_NUM_GPUS:-}" ] || OPTIONS+=("--num-gpus=$RAY_NUM_GPUS")
  [ -z "${RAY_MEMORY:-}" ] || OPTIONS+=("--memory=$RAY_MEMORY")
  [ -z "${RAY_OBJECT_STORE_MEMORY:-}" ] || OPTIONS+=("--object-store-memory=$RAY_OBJECT_STORE_MEMORY")
}

# runs NAME|NAME: whether one of these processes is there. `ray start --block` itself stays when `ray stop` has ended all.
runs() { grep -qsxE "$1" /proc/[0-9]*/comm; }

# Docker gives 10 seconds in all, and other containers may have taken some of them.
stop_ray() {
  local end=$((SECONDS + 6))
  say "stopping Ray"
  while kill -0 "$CHILD" 2>/dev/null; do
    # What is left then, the dashboard among it, keeps nothing, and ends with the container.
    if [ -n "$1" ] && ! runs "raylet|gcs_server"; then break; fi
    if [ $SECONDS -ge $end ]; then say "Ray did not end in time and is killed"; break; fi
    sleep 0.2
  done
  kill -KILL "$CHILD" 2>/dev/null || true
  exit 0
}

run_ray() {
  local status=0 nap seen='' gone=0
  "$RAY_EXEC" start "${OPTIONS[@]}" "$@" &
  CHILD=$!
  while kill -0 "$CHILD" 2>/dev/null; do
    sleep 1 &
    nap=$!
    wait -n "$CHILD" "$nap" || true
    kill "$nap" 2>/dev/null || true
    [ -z "$STOPPING" ] || stop_ray "$seen"
    if runs raylet; then seen=1 gone=0; elif [ -n "$seen" ]; then gone=$((gone + 1)); fi
    # `ray start` notices what died and says why; what was ended in good order it does not.
    if [ $gone -gt 8 ]; then
      kill -TERM "$CHILD" 2>/dev/null || true
      fail 1 "Ray on this node was stopped; the container ends with it"
    fi
  done
  wait "$CHILD" || status=$?
  [ "$status" != 0 ] || status=1   # nobody asked it to end
  fail "$status" "Ray has ended (status $status)"
}

add_packages
choose_role
start_options
run_ray "$@"
