#!/usr/bin/env bash
# ci/check-ray-sh.sh RAY_IMAGE MARIMO_IMAGE: docker/ray.sh, docker/health.py and marimo's start, in containers.
#
# A head and a worker that finds it by the whitelist; the official layout (`su - ray -c /app/ray.sh`) and root; extra
# packages; what ends a container, with which status and how fast; marimo's token. The Docker must be this machine's:
# it mounts files from here. With the small stack's images a minute and a half.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# = 2 ] || fail "usage: ci/check-ray-sh.sh RAY_IMAGE MARIMO_IMAGE"
RAY_IMAGE=$1 MARIMO_IMAGE=$2
NAME=envlock-ray-sh-$$
FILES=$(mktemp -d)
chmod 755 "$FILES"

at_end() {
  local containers
  mapfile -t containers < <(docker ps -aq --filter "name=^$NAME-")
  [ ${#containers[@]} = 0 ] || docker rm -f "${containers[@]}" >/dev/null
  docker network rm "$NAME" >/dev/null 2>&1 || true
  rm -rf "$FILES"
}

# start CONTAINER OPTION…: as the platform's compose file does; the command is ray.sh when there is no `--`.
start() {
  local container=$1 command=(/app/ray.sh) options=(); shift
  while [ $# -gt 0 ]; do
    if [ "$1" = -- ]; then shift; command=("$@"); break; fi
    options+=("$1"); shift
  done
  docker run -d --name "$NAME-$container" --network "$NAME" --hostname "$NAME-$container" --init --user 1000:1000 \
    --shm-size 1g -e USE_CONDA_ENV=1 -e RAY_NUM_CPUS=1 -v "$ROOT/docker/ray.sh:/app/ray.sh:ro" "${options[@]}" \
    --entrypoint /bin/bash "$RAY_IMAGE" -c "${command[*]}" >/dev/null
}

in_container() { local container=$1; shift; docker exec "$NAME-$container" "$@"; }
is_running() { [ "$(docker inspect -f '{{.State.Running}}' "$NAME-$1")" = true ]; }

# The process id of Ray's main process.
raylet() { in_container "$1" sh -c 'grep -lsx raylet /proc/[0-9]*/comm' | cut -d/ -f3; }

# waits CONTAINER TEXT COMMAND…: until the output holds the text; the exit status of `ray status` tells nothing.
waits() {
  local container=$1 text=$2 output='' end=$((SECONDS + 90)); shift 2
  while [ $SECONDS -lt $end ]; do
    output=$("$@" 2>&1) || true
    if grep -qE "$text" <<<"$output"; then return; fi
    is_running "$container" || break
    sleep 0.5
  done
  docker logs --tail 30 "$NAME-$container" >&2
  fail "$container: no '$text' from: $*" "$output"
}

# ends CONTAINER SECONDS STATUS TEXT: it ends by itself in that time, with that status (or `bad`), and says the text.
ends() {
  local container=$1 patience=$2 wanted=$3 text=$4 status log
  status=$(timeout "$patience" docker wait "$NAME-$container") || fail "$container still runs after $patience s"
  log=$(docker logs "$NAME-$container" 2>&1)
  if [ "$wanted" = bad ] && [ "$status" != 0 ]; then wanted=$status; fi
  [ "$status" = "$wanted" ] || fail "$container ended with $status, not $wanted" "$log"
  grep -qE "$text" <<<"$log" || fail "$container does not say '$text'" "$log"
  say "$container ended with $status: $(grep -E "$text" <<<"$log" | head -1)"
}

# Pure wheels and requirements files, in folders as they are mounted: one that the image lacks, by its hash; and
# another version of one that it has.
make_requirements() {
  python3 - "$FILES" <<'P'
import hashlib, os, sys, zipfile

def make(folder, name, version, text):
    os.mkdir(f"{sys.argv[1]}/{folder}")
    path = f"{sys.argv[1]}/{folder}/{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}.py", text)
        info = f"{name}-{version}.dist-info/"
        wheel.writestr(info + "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = [f"{name}.py"] + [info + file for file in ("METADATA", "WHEEL", "RECORD")]
        wheel.writestr(info + "RECORD", "".join(f"{file},,\n" for file in names))
    return hashlib.sha256(open(path, "rb").read()).hexdigest()

digest = make("good", "envlock_extra", "1.0", "answer = 42\n")
with open(f"{sys.argv[1]}/good/extra.txt", "w") as file:
    file.write(f"# a comment\n--no-index\n/pip-requirements/envlock_extra-1.0-py3-none-any.whl --hash=sha256:{digest}\n")
make("bad", "click", "0.1", "")
with open(f"{sys.argv[1]}/bad/moves.txt", "w") as file:
    file.write("--no-index\n--find-links /pip-requirements\nclick==0.1\n")
P
  docker network create "$NAME" >/dev/null
}

# All that can begin at once.
start_all() {
  start head -e "RAY_HEAD_WHITELIST=$NAME-head,$NAME-nobody" -v "$FILES/good:/pip-requirements:ro"
  docker run -d --name "$NAME-health" --network "container:$NAME-head" --user 1000:1000 -v "$ROOT/docker/health.py:/app/health.py:ro" \
    --entrypoint /opt/conda/envs/py/bin/python "$RAY_IMAGE" /app/health.py >/dev/null
  start lost -e RAY_ROLE=worker -e "RAY_HEAD_WHITELIST=$NAME-nobody,$NAME-noone" -e RAY_WAIT=2
  start greedy -v "$FILES/bad:/pip-requirements:ro"
  start aimless -e RAY_ROLE=worker
  printf 'se-cret-%s\n' "$NAME" >"$FILES/token"
  docker run -d --name "$NAME-marimo" --init --shm-size 256m -e MARIMO_TOKEN_FILE=/run/secrets/token \
    -v "$FILES/token:/run/secrets/token:ro" "$MARIMO_IMAGE" >/dev/null
}

head_runs() {
  waits head "Active:" in_container head conda run -n py ray status
  in_container head python -c '
import ray
ray.init(address="auto", log_to_driver=False)
@ray.remote
def answer():
    import envlock_extra
    return envlock_extra.answer
assert ray.get(answer.remote()) == 42
print("the package of /pip-requirements is there in a task")' 2>/dev/null
}

refusals() {
  ends lost 30 1 "error: no Ray head within 2 s"
  docker logs "$NAME-lost" 2>&1 | grep -F "$NAME-nobody:6379: " >&2
  ends greedy 30 bad "cannot be installed"
  ends aimless 10 2 "a worker must be told its head"
}

health_answers() {
  waits health '"status": "healthy".*"ray": true' docker exec "$NAME-health" python /app/health.py --check
  in_container head python -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8000/health", timeout=5).read().decode())'
}

# As root, which becomes ray: `auto`, and the first host of the whitelist does not exist.
worker_joins() {
  start worker --user 0:0 -e "RAY_HEAD_WHITELIST=$NAME-nobody,$NAME-head"
  waits worker "worker of the head $NAME-head:6379" docker logs "$NAME-worker"
  waits worker "0.0/2.0 CPU" in_container head ray status
  local user
  user=$(in_container worker stat -c %U "/proc/$(raylet worker)")
  [ "$user" = ray ] || fail "Ray runs as $user"
}

# The variables that `su -` drops are known all the same: the port is the one that was given.
official_layout() {
  start official -e RAY_ROLE=head -e RAY_PORT=6399 -- "su - ray -c /app/ray.sh"
  waits official "Active:" in_container official su - ray -c "ray status --address 127.0.0.1:6399"
}

dead_ray_ends_container() {
  in_container worker sh -c "kill -KILL $(raylet worker)"
  in_container official su - ray -c "ray stop" >/dev/null 2>&1 || true
  ends worker 30 1 "Ray has ended \(status 1\)"
  ends official 30 1 "Ray on this node was stopped"
}

# A task that runs must not hold it up.
sigterm() {
  local from
  docker exec -d "$NAME-head" python -c '
import ray, time
ray.init(address="auto", log_to_driver=False)
ray.get(ray.remote(lambda: time.sleep(300)).remote())'
  waits head "1.0/[0-9.]+ CPU" in_container head ray status
  from=$(date +%s%N)
  docker stop --time 15 "$NAME-head" >/dev/null
  local took=$((($(date +%s%N) - from) / 1000000))
  ends head 1 0 "stopping Ray"
  [ $took -lt 10000 ] || fail "the head took $took ms to stop"
  say "the head stopped in $took ms, with a task running"
  from=$(date +%s%N)
  docker stop "$NAME-health" >/dev/null
  took=$((($(date +%s%N) - from) / 1000000))
  [ $took -lt 3000 ] || fail "the health service took $took ms to stop"
}

marimo_token() {
  local token log
  token=$(cat "$FILES/token")
  waits marimo '"healthy"' docker exec "$NAME-marimo" python -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=5).read().decode())'
  docker exec -i "$NAME-marimo" python - "$token" <<'P'
import sys, urllib.error, urllib.request
def status(url):
    try:
        with urllib.request.build_opener(urllib.request.HTTPCookieProcessor()).open(url, timeout=10) as answer:
            return answer.status, answer.url
    except urllib.error.HTTPError as error:
        return error.code, url
home = "http://127.0.0.1:8080/"
code, place = status(home)
assert code in (401, 403) or "login" in place, ("no token", code, place)
code, place = status(home + "?access_token=wrong")
assert code in (401, 403) or "login" in place, ("wrong token", code, place)
code, place = status(home + "?access_token=" + sys.argv[1])
assert code == 200 and "login" not in place, ("right token", code, place)
print("marimo takes the token of the file, and no other")
P
  log=$(docker logs "$NAME-marimo" 2>&1; docker top "$NAME-marimo" -o pid,args)
  grep -q "marimo .*edit" <<<"$log" || fail "the process list lacks marimo" "$log"
  if grep -qF "$token" <<<"$log"; then fail "the token is in the log or the process list"; fi
  docker run --name "$NAME-tokenless" -e MARIMO_TOKEN_FILE=/nowhere "$MARIMO_IMAGE" >/dev/null 2>&1 || true
  ends tokenless 1 2 "MARIMO_TOKEN_FILE: /nowhere is not there"
}

step "a requirements file and a wheel" make_requirements
step "all that can start at once" start_all
step "what must not start says why" refusals
step "a head by the whitelist, with extra packages" head_runs
step "the health service" health_answers
step "a worker finds its head; root becomes ray" worker_joins
step "the official layout: su - ray -c /app/ray.sh" official_layout
step "a dead Ray ends its container" dead_ray_ends_container
step "SIGTERM" sigterm
step "marimo's token" marimo_token
times_of_steps
