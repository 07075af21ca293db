#!/usr/bin/env bash
# ci/quickstart.sh [--small] [--folder DIR]: the whole chain once, on this machine.
#
# Builds envlock, finds or starts a Docker engine and a registry, resolves real versions from real
# indexes, builds and pushes two images, moves a config.yaml to their digests and rolls it back.
#
#   --small       marimo and Ray's core instead of the full stack
#   --folder DIR  the project folder it works in (quickstart/ in this checkout); kept, and used again
#
# ENVLOCK=FILE takes that envlock instead of building one. See ci/engine.sh for the engine's settings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

STACK=full
FOLDER=$ROOT/quickstart
while [ $# -gt 0 ]; do
  case $1 in
    --small) STACK=small ;;
    --folder) FOLDER=${2:?--folder needs a DIR}; shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)

if [ $STACK = full ]; then
  GIGABYTES=30
  say "The full stack: torch, PyTorch Geometric, Ray and marimo. About 3.3 GB of wheels are downloaded once;"
  say "images, caches and registry take up to $GIGABYTES GB. Expect 15 to 30 minutes on 2 cores."
  say "For a first look, ci/quickstart.sh --small does the same with Ray's core and marimo in a few minutes."
else
  GIGABYTES=6
  say "The small stack: Ray's core and marimo. About 0.2 GB of wheels; up to $GIGABYTES GB of disk with envlock's"
  say "own build. Expect 5 to 10 minutes on 2 cores the first time."
fi
free=$(($(df --output=avail -k "$FOLDER" | tail -1) / 1000000))
[ "$free" -ge "$GIGABYTES" ] || say "warning: only $free GB are free here"

build_envlock() {
  if [ -n "${ENVLOCK:-}" ]; then ENVLOCK=$(realpath "$ENVLOCK"); say "taking $ENVLOCK"; return; fi
  need_toolchain
  (cd "$ROOT" && cargo build --release --locked)
  ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock
}

# What this network has decides where the base image, Python and torch come from; every detour is said.
choose_sources() {
  RUNTIME_BASE='' PYTHON_SOURCE=standalone TORCH_INDEX=pytorch PYG_LIB=1
  if reaches https://registry-1.docker.io/v2/; then
    say "Docker Hub answers: the base image is NVIDIA's"
  else
    say "Docker Hub cannot be reached: making a base image from Debian packages with Python 3.14"
    RUNTIME_BASE=$("$CI/base.sh")
  fi
  if ! reaches https://github.com/astral-sh/python-build-standalone/releases; then
    PYTHON_SOURCE=base
    say "GitHub cannot be reached: taking the base image's own Python, not python-build-standalone"
    [ -n "$RUNTIME_BASE" ] || RUNTIME_BASE=$("$CI/base.sh")
  fi
  [ $STACK = full ] || return 0
  if ! reaches https://download.pytorch.org/whl/; then
    TORCH_INDEX=pypi
    say "The PyTorch index cannot be reached: torch comes from PyPI; envlock looks into each wheel and takes"
    say "only those built for the wanted CUDA line"
  fi
  if ! reaches https://data.pyg.org/whl/; then
    PYG_LIB=
    say "The PyG wheel pages cannot be reached: leaving out pyg_lib; torch_geometric works without it, slower"
  fi
}

write_spec() {
  echo "# Written by ci/quickstart.sh for this machine; what is not here is the built-in stack's."
  echo
  echo "[python]"
  echo "source = \"$PYTHON_SOURCE\""
  if [ -n "$RUNTIME_BASE" ]; then printf '\n[base]\nruntime = "%s"\ndevel = "%s"\n' "$RUNTIME_BASE" "$RUNTIME_BASE"; fi
  printf '\n[registry]\ndestination = "%s"\n' "$ENGINE_REGISTRY/quickstart"
  printf '\n[groups.python]\npackages = ["pip"]\n'
  if [ $STACK = full ]; then
    printf '\n[groups.torch]\npackages = ["torch", "torchvision"]\nindex = ["%s"]\n' "$TORCH_INDEX"
    printf '\n[groups.pyg]\npackages = ["torch_geometric"%s]\n' "${PYG_LIB:+, \"pyg_lib\"}"
    printf '\n[groups.ray]\npackages = ["ray[default,data,train,tune,serve,client]", "pyzmq"]\n'
  else
    printf '\n[groups.ray]\npackages = ["ray"]\n'
  fi
  printf '\n[groups.marimo]\npackages = ["marimo"]\n'
}

# A project folder as a user has it: a git repository with config.yaml. What is there is kept.
make_project() {
  cd "$FOLDER"
  write_spec >envlock.toml.new
  if [ -e envlock.toml ] && ! cmp -s envlock.toml envlock.toml.new; then say "envlock.toml changes:"; diff envlock.toml envlock.toml.new >&2 || true; fi
  mv envlock.toml.new envlock.toml
  [ -e config.yaml ] || cp "$CI/quickstart/config.yaml" .
  [ -d .git ] || git init -q -b main
  echo /.envlock >.gitignore
  commit "The project before envlock"
  say "working in $FOLDER"
}

# A repository of ours must not depend on the user's git settings.
commit() {
  git add -A
  git diff --cached --quiet || git -c user.name=quickstart -c user.email=quickstart@localhost -c commit.gpgsign=false commit -qm "$1"
}

envlock() { say "\$ envlock $*"; command "$ENVLOCK" "$@"; }

show_diff() { git --no-pager diff --stat; git --no-pager diff --unified=0 -- config.yaml; }

# Every image in config.yaml, asked for in the registry by its digest.
check_images() {
  local image host name digest status count=0
  while read -r image; do
    host=${image%%/*} name=${image#*/} digest=${image##*@}
    name=${name%@*}
    status=$(curl -sS -o /dev/null -w '%{http_code}' --head "http://$host/v2/$name/manifests/$digest" \
      -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json')
    [ "$status" = 200 ] || fail "$image is in config.yaml and not in the registry (HTTP $status)"
    say "in the registry: $image"
    count=$((count + 1))
  done < <(grep -oE "${ENGINE_REGISTRY%%/*}/[^\"' ]+@sha256:[0-9a-f]{64}" config.yaml | sort -u)
  [ "$count" = 2 ] || fail "config.yaml names $count images by digest, not 2"
}

roll_back() {
  envlock rollback
  git --no-pager diff --unified=0 -- config.yaml
  if git diff --quiet -- config.yaml; then fail "the rollback changed nothing in config.yaml"; fi
}

step "envlock itself (cargo build --release)" build_envlock
step "a Docker engine and a registry" need_engine
step "what can be reached from here" choose_sources
step "a project folder" make_project
step "envlock resolve" envlock resolve
commit "Lock the environment"
step "envlock build --push" envlock build --push
step "what changed in config.yaml" show_diff
step "each image is in the registry, by the digest in config.yaml" check_images
commit "Run the locked images"
step "envlock status" envlock status
step "envlock rollback puts back what ran before" roll_back
commit "Roll back"
step "envlock history" envlock history
times_of_steps
say ""
say "Everything is in $FOLDER (git log -p shows each step). The engine and the registry still run:"
say "  ci/engine.sh env    their settings        ci/engine.sh down    stops them"
