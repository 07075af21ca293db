#!/usr/bin/env bash
# ci/platform.sh [--small] [--images RAY MARIMO] [--screenshots DIR] [--docker] [--folder DIR]
#
# The platform from a rendered compose file, twice from one template: with images by digest (build.enabled: false),
# and with images that compose builds from the lock under a tag (build.enabled: true). Each time Ray must be healthy
# and marimo answer; with the full stack the dashboard must, too, and the notebook train its network on the cluster.
# The services must stop within 10 seconds, and be removed if the machine has nothing else to do. The times are at the end.
#
#   --small             Ray's core and marimo: no dashboard, no notebook. Without it 3.3 GB of wheels are downloaded
#   --images RAY MARIMO two images by digest, instead of building the full stack by ci/quickstart.sh
#   --screenshots DIR   the notebook is also run in a headless Chromium; notebook.png and dashboard.png in DIR
#   --docker            let ci/quickstart.sh build by BuildKit and push to a registry
#   --folder DIR        where it works (platform/ below quickstart/ in this checkout); kept, and used again
#
# What compose builds is always the small stack: the way is the same, the full one is built by ci/e2e-full.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

SMALL='' IMAGES=() SHOTS='' OPTIONS=() FOLDER=$ROOT/quickstart/platform
while [ $# -gt 0 ]; do
  case $1 in
    --small) SMALL=1 ;;
    --images) IMAGES=("${2:?--images needs RAY and MARIMO}" "${3:?--images needs RAY and MARIMO}"); shift 2 ;;
    --screenshots) SHOTS=${2:?--screenshots needs a DIR}; shift ;;
    --docker) OPTIONS+=(--docker) ;;
    --folder) FOLDER=${2:?--folder needs a DIR}; shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)
NAME=envlock-platform-$$
PROJECT=$FOLDER/project
TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe(18))')
SCRATCH=$(mktemp -d)

at_end() {
  if [ -e "$PROJECT/docker/compose.yaml" ]; then compose down --timeout 5 --volumes >/dev/null 2>&1 || true; fi
  docker image rm "$NAME:ray-runtime" "$NAME:marimo-runtime" >/dev/null 2>&1 || true
  end_registry
  rm -rf "$SCRATCH"
}

tools() {
  need_engine
  # The builder that pushes is not the one that compose builds with.
  unset BUILDX_BUILDER
  if docker compose version >/dev/null 2>&1; then
    COMPOSE=(docker compose)
  else
    COMPOSE=("$("$CI/engine.sh" tool docker-compose)/docker-compose")
    "${COMPOSE[@]}" version >/dev/null || fail "there is no docker compose here"
  fi
  "${COMPOSE[@]}" version >&2
  if [ -z "${ENVLOCK:-}" ]; then
    need_toolchain
    (cd "$ROOT" && cargo build --release --locked)
    ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock
  fi
  export ENVLOCK
  [ -n "$SHOTS" ] || return 0
  need node=nodejs npm chromium pngquant /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc=fonts-noto-cjk
  npm install --prefix "$SCRATCH" --no-audit --no-fund --silent playwright-core
}

compose() { "${COMPOSE[@]}" --project-directory "$PROJECT/docker" -f "$PROJECT/docker/compose.yaml" "$@"; }

# The small stack is locked and built in any case: its lock is what compose builds from.
small_stack() { "$CI/quickstart.sh" --small "${OPTIONS[@]}" --folder "$FOLDER/small"; }
full_stack() { "$CI/quickstart.sh" "${OPTIONS[@]}" --folder "$FOLDER/full"; }

# images_of STACK: they are pulled while the registry they are in is served.
images_of() {
  if [ ${#OPTIONS[@]} = 0 ]; then own_registry "$FOLDER/$1"; fi
  mapfile -t IMAGES < <(release_images "$FOLDER/$1" ray-runtime marimo-runtime)
}

# A project as users have it: config.yaml, envlock.toml, env.lock, Dockerfile and docker/.
make_project() {
  rm -rf "$PROJECT"
  mkdir -p "$PROJECT"
  cp "$FOLDER/small/envlock.toml" "$FOLDER/small/env.lock" "$PROJECT"
  cp -R "$ROOT/Dockerfile" "$ROOT/.dockerignore" "$ROOT/docker" "$PROJECT"
  # What marimo writes beside a notebook is its user's, 1000.
  chmod -R a+rwX "$PROJECT/docker/notebooks"
  printf '%s\n' "$TOKEN" >"$PROJECT/docker/marimo-token"
  read -r DASHBOARD_PORT CLIENT_PORT MARIMO_PORT < <(python3 -c '
import socket
taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
print(*(one.getsockname()[1] for one in taken))')
}

# write_config ENABLED RAY MARIMO: the same settings, but for the images.
write_config() {
  cat >"$PROJECT/config.yaml" <<Y
project:
  name: $NAME
services:
  ray:
    image: "$2"
    build: {enabled: $1, context: "..", dockerfile: "../Dockerfile", target: ray-runtime}
    cpu:
      cpus: 2
      shm_size: 2gb
      object_store_memory: 1gb
      ports: {dashboard: $DASHBOARD_PORT, client: $CLIENT_PORT}
  marimo:
    image: "$3"
    build: {enabled: $1, context: "..", dockerfile: "../Dockerfile", target: marimo-runtime}
    port: $MARIMO_PORT
    notebooks: ./notebooks
    token_file: ./marimo-token
Y
}

envlock() { say "\$ envlock $*"; command "$ENVLOCK" -C "$PROJECT" "$@"; }

render_digests() {
  write_config false "${IMAGES[@]}"
  envlock render
  if grep -n "build:" "$PROJECT/docker/compose.yaml"; then fail "an image by digest is built"; fi
  compose config --quiet
  compose pull --quiet
}

render_build() {
  write_config true "$NAME:ray-runtime" "$NAME:marimo-runtime"
  envlock build --prepare >/dev/null
  envlock render
  grep -q "build:" "$PROJECT/docker/compose.yaml" || fail "nothing is built"
  compose config --quiet
}

up() { compose up -d --wait --wait-timeout 300; compose ps >&2; }

# The exit status of `ray status` tells nothing: it is 0 without a cluster, and 1 on a machine that is too busy.
ray_is_healthy() {
  local text='' end=$((SECONDS + 120))
  until grep -q "^Active:" <<<"$text" && grep -qE "^ 1 node_" <<<"$text"; do
    if [ $SECONDS -ge $end ]; then say "$text"; docker logs --tail 30 "$NAME-ray-cpu" >&2; fail "no active node"; fi
    text=$(docker exec "$NAME-ray-cpu" conda run -n py ray status 2>&1) || true
  done
  say "$text"
  docker exec "$NAME-health" python /app/health.py --check >&2
}

get() { curl -fsS --noproxy '*' -m 20 "$1"; }

dashboard_answers() {
  say "$(get "http://127.0.0.1:$DASHBOARD_PORT/api/version")"
  get "http://127.0.0.1:$DASHBOARD_PORT/" | grep -io "<title>ray dashboard" >&2
}
marimo_answers() {
  local text
  text=$(get "http://127.0.0.1:$MARIMO_PORT/health")
  say "$text"
  grep -q '"healthy"' <<<"$text"
}

# Every cell, in marimo's container; its tasks on the cluster.
# Of a copy: marimo keeps the outputs beside a notebook, and the browser would show them instead of running it.
notebook_trains() {
  docker exec "$NAME-marimo" bash -c "cd /tmp && cp /workspace/ray_pyg.py . && timeout 280 marimo export html ray_pyg.py -o ray_pyg.html" >"$SCRATCH/notebook.log" 2>&1 ||
    { cat "$SCRATCH/notebook.log" >&2; fail "the notebook has failing cells"; }
  grep -E "cluster_resources|GNN trained" "$SCRATCH/notebook.log" >&2
  grep -qE "GNN trained: 6 seeds, mean accuracy 0\.[89][0-9]*, on ray-cpu, " "$SCRATCH/notebook.log" ||
    { cat "$SCRATCH/notebook.log" >&2; fail "the network was not trained on ray-cpu"; }
}

screenshots() {
  mkdir -p "$SHOTS"
  DASHBOARD=http://127.0.0.1:$DASHBOARD_PORT NOTEBOOK="http://127.0.0.1:$MARIMO_PORT/?file=ray_pyg.py&access_token=$TOKEN" \
    MODULES=$SCRATCH node "$CI/platform/screenshots.mjs" "$SCRATCH"
  local name
  for name in dashboard notebook; do
    pngquant --force --strip --speed 1 --output "$SHOTS/$name.png" 128 "$SCRATCH/$name.png"
    say "$SHOTS/$name.png: $(stat -c %s "$SHOTS/$name.png") bytes"
  done
}

# milliseconds COMMAND…: how long it takes, in TOOK.
milliseconds() {
  local from
  from=$(date +%s%N)
  "$@"
  TOOK=$((($(date +%s%N) - from) / 1000000))
}

# What the services need to stop is theirs; taking away what they leave is Docker's work, which waits for the disk.
down() {
  local stopping
  milliseconds compose stop
  stopping=$TOOK
  milliseconds compose down
  DOWN+=("$((stopping + TOOK)) ms ($stopping to stop)")
  [ $stopping -lt 10000 ] || fail "the services took $stopping ms to stop"
  if [ $((stopping + TOOK)) -ge 10000 ]; then
    if awk -v cpus="$(nproc)" '{exit !($1 > cpus)}' /proc/loadavg; then
      say "docker compose down took ${DOWN[-1]}: this machine has other work (load $(cut -d' ' -f1 /proc/loadavg))"
    else
      fail "docker compose down took ${DOWN[-1]}"
    fi
  fi
  [ -z "$(docker ps -aq --filter "name=^$NAME-")" ] || fail "containers are left"
}

token_is_secret() {
  if docker logs "$NAME-marimo" 2>&1 | grep -qF "$TOKEN"; then fail "marimo's token is in its log"; fi
  if grep -qF "$TOKEN" "$PROJECT/docker/compose.yaml"; then fail "marimo's token is in the compose file"; fi
}

DOWN=()
step "Docker, compose, envlock" tools
step "the small stack: lock and images" small_stack
if [ -n "$SMALL" ]; then
  step "its images" images_of small
elif [ ${#IMAGES[@]} = 0 ]; then
  step "the full stack: lock and images" full_stack
  step "its images" images_of full
fi
step "a project" make_project

step "by digest: envlock render, docker compose pull" render_digests
step "by digest: docker compose up -d --wait" up
step "by digest: Ray has an active node, and a health service" ray_is_healthy
step "by digest: marimo is healthy" marimo_answers
if [ -n "$SMALL" ]; then
  say "left out with --small: the dashboard and the notebook, which need the full stack"
else
  step "by digest: the dashboard answers" dashboard_answers
  step "by digest: the notebook trains on the cluster" notebook_trains
  if [ -n "$SHOTS" ]; then step "by digest: the notebook in a browser" screenshots; fi
fi
step "by digest: marimo's token is nowhere to be seen" token_is_secret
step "by digest: docker compose down" down
end_registry

if [ ${#OPTIONS[@]} = 0 ]; then step "the registry that has the small stack's base image" own_registry "$FOLDER/small"; fi
step "by tag: envlock build --prepare, envlock render" render_build
step "by tag: docker compose build" compose build --quiet
step "by tag: docker compose up -d --wait" up
step "by tag: Ray has an active node, and a health service" ray_is_healthy
step "by tag: marimo is healthy" marimo_answers
step "by tag: docker compose down" down
times_of_steps
say "docker compose down: by digest ${DOWN[0]}, by tag ${DOWN[1]}"
