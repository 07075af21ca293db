#!/usr/bin/env bash
# ci/quickstart.sh [--small] [--docker] [--folder DIR]: the whole chain once, on this machine.
#
# Builds envlock, resolves real versions from real indexes, builds and pushes two images, moves a
# config.yaml to their digests and rolls it back. The images are made by the layers engine and kept in
# the project's own registry: neither Docker nor a registry is needed.
#
#   --small       marimo and Ray's core instead of the full stack
#   --docker      build by BuildKit and push to a registry; what of the two is missing is started
#   --folder DIR  the project folder it works in (quickstart/ in this checkout); kept, and used again
#
# ENVLOCK=FILE takes that envlock instead of building one. See ci/engine.sh for the settings of --docker,
# ci/base.sh for those of the base image that is made where Docker Hub cannot be reached.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

STACK=full ENGINE=layers
FOLDER=$ROOT/quickstart
while [ $# -gt 0 ]; do
  case $1 in
    --small) STACK=small ;;
    --docker) ENGINE=dockerfile ;;
    --folder) FOLDER=${2:?--folder needs a DIR}; shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$FOLDER"
FOLDER=$(cd "$FOLDER" && pwd)

case $STACK-$ENGINE in
  full-layers) GIGABYTES=10 ;;
  full-dockerfile) GIGABYTES=30 ;;
  small-layers) GIGABYTES=4 ;;
  small-dockerfile) GIGABYTES=6 ;;
esac
if [ $STACK = full ]; then
  say "The full stack: torch, PyTorch Geometric, Ray and marimo. About 3.3 GB of wheels are downloaded once."
  say "For a first look, ci/quickstart.sh --small does the same with Ray's core and marimo."
else
  say "The small stack: Ray's core and marimo. About 0.2 GB of wheels."
fi
say "All in all it takes up to $GIGABYTES GB of disk, envlock's own build included."
if [ $ENGINE = layers ]; then
  say "The images are made without Docker (the layers engine); with --docker they are made by BuildKit."
fi
free=$(($(df --output=avail -k "$FOLDER" | tail -1) / 1000000))
[ "$free" -ge "$GIGABYTES" ] || say "warning: only $free GB are free here"

build_envlock() {
  need /etc/ssl/certs/ca-certificates.crt=ca-certificates curl git python3
  if [ -n "${ENVLOCK:-}" ]; then ENVLOCK=$(realpath "$ENVLOCK"); say "taking $ENVLOCK"; return; fi
  need_toolchain
  (cd "$ROOT" && cargo build --release --locked)
  ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock
}

registry() {
  if [ $ENGINE = dockerfile ]; then need_engine; return; fi
  own_registry "$FOLDER"
  export ENGINE_REGISTRY=$OWN_REGISTRY   # for ci/base.sh
}

# What this network has decides where the base image, Python and torch come from; every detour is said.
choose_sources() {
  RUNTIME_BASE='' PYTHON_SOURCE=standalone TORCH_INDEX=pytorch PYG_LIB=1
  if ! reaches https://registry-1.docker.io/v2/; then
    say "Docker Hub cannot be reached: making a base image from Debian packages with Python 3.14"
    RUNTIME_BASE=$(stand_in_base)
  elif [ $STACK-$ENGINE = full-layers ]; then
    say "NVIDIA's base image has no C compiler for Triton, and the layers engine installs none: making a base"
    say "image from Debian packages with one"
    RUNTIME_BASE=$(stand_in_base)
  else
    say "Docker Hub answers: the base image is NVIDIA's"
  fi
  if ! reaches https://github.com/astral-sh/python-build-standalone/releases; then
    PYTHON_SOURCE=base
    say "GitHub cannot be reached: taking the base image's own Python, not python-build-standalone"
    [ -n "$RUNTIME_BASE" ] || RUNTIME_BASE=$(stand_in_base)
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
  printf '\n[build]\nengine = "%s"\n' "$ENGINE"
  if [ $ENGINE = dockerfile ]; then printf '\n[registry]\ndestination = "%s"\n' "$ENGINE_REGISTRY/quickstart"; fi
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
  local image host name digest status
  IMAGES=()
  while read -r image; do
    host=${image%%/*} name=${image#*/} digest=${image##*@}
    name=${name%@*}
    status=$(curl -sS --noproxy 127.0.0.1,localhost,::1 -o /dev/null -w '%{http_code}' --head "http://$host/v2/$name/manifests/$digest" \
      -H 'Accept: application/vnd.oci.image.manifest.v1+json' -H 'Accept: application/vnd.oci.image.index.v1+json')
    [ "$status" = 200 ] || fail "$image is in config.yaml and not in the registry (HTTP $status)"
    say "in the registry: $image"
    IMAGES+=("$image")
  done < <(grep -oE "${ENGINE_REGISTRY%%/*}/[^\"' ]+@sha256:[0-9a-f]{64}" config.yaml | sort -u)
  [ ${#IMAGES[@]} = 2 ] || fail "config.yaml names ${#IMAGES[@]} images by digest, not 2"
}

roll_back() {
  envlock rollback
  git --no-pager diff --unified=0 -- config.yaml
  if git diff --quiet -- config.yaml; then fail "the rollback changed nothing in config.yaml"; fi
}

step "envlock itself (cargo build --release)" build_envlock
if [ $ENGINE = layers ]; then step "a registry of envlock's own" registry; else step "a Docker engine and a registry" registry; fi
step "what can be reached from here" choose_sources
step "a project folder" make_project
step "where PyPI is" need_pypi "$FOLDER"
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
say "Everything is in $FOLDER (git log -p shows each step)."
if [ $ENGINE = layers ]; then
  say "The images are in its .envlock/registry. There, \`envlock serve\` hands them to Docker, podman or containerd:"
  say "  docker pull ${IMAGES[0]}"
else
  say "The engine and the registry still run:"
  say "  ci/engine.sh env    their settings        ci/engine.sh down    stops them"
fi
