#!/usr/bin/env bash
# ci/test.sh: everything that must hold before a change goes in. From a clean clone, in order of speed:
# formatting, shell scripts, clippy, documentation, all tests with a real engine and registry, a wheel that pip
# installs, and with that envlock the chain of ci/quickstart.sh --small, by the built-in engine and by BuildKit, with
# the images of both started, and the platform's entrypoints tried in them. At the end: where the time went. About 20 minutes on 2 cores the first time.
#
# ENVLOCK_TEST_ENGINE=0 leaves out what needs a Docker engine; the tests that do say that they did not run.
# The built-in engine's chain runs in any case; only its images are not started then.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$ROOT"

tools() {
  need_toolchain
  # What tests run. Of where PyPI is they know no setting of the user's, so pip says it; Jinja2 is what our templates
  # are compared with.
  need shellcheck faketime podman skopeo kill=procps setfacl=acl setfattr=attr gpgv gpg gpg-agent
  need_module pip jinja2
  local commands
  if commands=$("$CI/engine.sh" tool crane); then PATH=$PATH:$commands; else say "no crane: its tests say that they did not run"; fi
  # With an engine comes a registry.
  if [ "${ENVLOCK_TEST_ENGINE:-1}" = 0 ] && ! type -P docker-registry >/dev/null; then
    PATH=$PATH:$("$CI/engine.sh" tool docker-registry)
  fi
}

shell_scripts() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard 'ci/*.sh' 'docker/*.sh' '.ci/run')
  # SC2329 is what newer ones call SC2317, which scripts switch off where they mean it.
  shellcheck -x -e SC2329 "${scripts[@]}"
  say "${#scripts[@]} scripts"
}

engine() {
  need_engine
  export ENVLOCK_TEST_ENGINE=1
  if ! reaches https://registry-1.docker.io/v2/; then
    say "Docker Hub cannot be reached: the tests' base image is made from Debian packages"
    ENVLOCK_TEST_BASE=$(stand_in_base)
    export ENVLOCK_TEST_BASE
  fi
}

# Other people's programs, which must accept what envlock pushed and rendered.
judges() {
  if [ -n "${DOCKER_HOST:-}" ] && ! docker compose version >/dev/null 2>&1; then "$CI/engine.sh" tool docker-compose >/dev/null || true; fi
  if ENVLOCK_TEST_TOOLS=$("$CI/engine.sh" tool cosign oras crane); then
    export ENVLOCK_TEST_TOOLS
  else
    unset ENVLOCK_TEST_TOOLS
    say "without cosign, oras and crane the tests that ask them leave that out"
  fi
}

# What GitHub and GitLab take, by their published schemas: the jobs that users copy, and those that publish envlock.
workflows() {
  local check=$FOLDERS/schemas/bin/check-jsonschema
  need_venv
  python3 -m venv "$FOLDERS/schemas"
  "$FOLDERS/schemas/bin/pip" install --quiet check-jsonschema==0.39.0
  "$check" --builtin-schema vendor.github-workflows ci/*.github.yml
  "$check" --builtin-schema vendor.github-actions action.yml
  # A component's second document is the pipeline, once its inputs are put in.
  sed '1,/^---$/d; s/\$\[\[ inputs\.[a-z]* \]\]/x/g' templates/envlock.yml >"$FOLDERS/component.yml"
  "$check" --builtin-schema vendor.gitlab-ci ci/release.gitlab.yml "$FOLDERS/component.yml"
}

# Libraries that the tests' own dependencies give other features than the program alone has are compiled twice, and all that
# uses them: the wheel below would take minutes.
own_features() {
  local program everything
  program=$(features -p envlock -e normal,build)
  everything=$(features --workspace -e normal,build,dev)
  if ! comm -23 <(echo "$program") <(echo "$everything") | grep .; then return; fi
  say "the dev-dependencies change features of these libraries"
  return 1
}
features() { cargo tree --locked --prefix none --format '{p} {f}' "$@" | sed 's/ (\*)$//' | sort -u; }

# A second client of registries, which pulls what ours pushed.
oci_client() {
  local manifest=tests/oci-client/Cargo.toml
  cargo fmt --check --manifest-path $manifest
  CARGO_TARGET_DIR=target/oci-client cargo build --locked --quiet --manifest-path $manifest
  export ENVLOCK_TEST_OCI_CLIENT=$ROOT/target/oci-client/debug/envlock-oci-client
}

documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --locked --quiet --workspace --no-deps --document-private-items; }

# What follows runs with envlock as users have it: installed by pip, knowing where PyPI is.
installed() {
  "$CI/wheel.sh" --quick "$FOLDERS/wheel"
  python3 -m venv "$FOLDERS/venv"
  "$FOLDERS/venv/bin/pip" install --quiet --no-index --find-links "$FOLDERS/wheel" envlock-images
  ENVLOCK=$FOLDERS/venv/bin/envlock
}

# small_stack FOLDER OPTION…: in a folder of its own, so that it starts from nothing every time.
small_stack() {
  local folder=$1; shift
  "$CI/quickstart.sh" --small --folder "$folder" "$@"
}

# The release's images, although config.yaml was rolled back since.
small_images() {
  mapfile -t IMAGES < <(release_images "$1" ray-runtime marimo-runtime)
  "$ENVLOCK" -C "$1" verify "${IMAGES[@]}"
}

# Without Docker: an attempt to use one would fail.
small_layers() { DOCKER_HOST=unix:///nowhere small_stack "$FOLDERS/layers"; }
small_layers_images() {
  own_registry "$FOLDERS/layers"
  small_images "$FOLDERS/layers"
  "$CI/check-ray-sh.sh" "${IMAGES[@]}"
  end_registry
}

small_dockerfile() {
  small_stack "$FOLDERS/dockerfile" --docker
  small_images "$FOLDERS/dockerfile"
}

# What tests said that they cannot try here.
left_out() {
  sort -u "$ENVLOCK_TEST_LEFT_OUT" | sed 's/^/    left out: /' >&2
  say "$(sort -u "$ENVLOCK_TEST_LEFT_OUT" | wc -l) times a test left something out"
}

FOLDERS=$(mktemp -d)
export ENVLOCK_TEST_LEFT_OUT=$FOLDERS/left-out
: >"$ENVLOCK_TEST_LEFT_OUT"
export ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/debug/envlock
at_end() {
  end_registry
  rm -rf "$FOLDERS"
}

step "tools" tools
step "cargo fmt --check" cargo fmt --check
step "shellcheck" shell_scripts
step "workflows" workflows
if [ "${ENVLOCK_TEST_ENGINE:-1}" != 0 ]; then step "a Docker engine and a registry" engine; fi
step "cosign, oras and crane" judges
step "the program's own features" own_features
step "oci-client" oci_client
step "clippy" cargo clippy --locked --workspace --all-targets --quiet -- -D warnings
step "documentation" documentation
step "cargo test: compiling" cargo test --locked --workspace --quiet --no-run
step "cargo test" cargo test --locked --workspace
step "a wheel, installed by pip" installed
step "the small real stack by the built-in engine, without Docker" small_layers
if [ "${ENVLOCK_TEST_ENGINE:-1}" != 0 ]; then
  step "its images run" small_layers_images
  step "the small real stack by BuildKit, and its images run" small_dockerfile
fi
times_of_steps
left_out
say "all good"
