#!/usr/bin/env bash
# ci/test.sh: everything that must hold before a change goes in. From a clean clone, in order of speed:
# formatting, shell scripts, clippy, documentation, all tests with a real engine and registry, and the
# chain of ci/quickstart.sh --small with its images started. About 20 minutes on 2 cores the first time.
#
# ENVLOCK_TEST_ENGINE=0 leaves out what needs a Docker engine; the tests that do say that they did not run.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$ROOT"

tools() { need_toolchain; need shellcheck; }

shell_scripts() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard 'ci/*.sh' 'docker/*.sh' '.ci/run')
  shellcheck -x "${scripts[@]}"
  say "${#scripts[@]} scripts"
}

engine() {
  need_engine
  export ENVLOCK_TEST_ENGINE=1
  if ! reaches https://registry-1.docker.io/v2/; then
    say "Docker Hub cannot be reached: the tests' base image is made from Debian packages"
    ENVLOCK_TEST_BASE=$("$CI/base.sh")
    export ENVLOCK_TEST_BASE
  fi
}

# Other people's programs, which must accept what envlock pushed.
judges() {
  if ENVLOCK_TEST_TOOLS=$("$CI/engine.sh" tools); then
    export ENVLOCK_TEST_TOOLS
  else
    unset ENVLOCK_TEST_TOOLS
    say "without cosign, oras and crane the tests that ask them leave that out"
  fi
}

documentation() { RUSTDOCFLAGS='-D warnings' cargo doc --locked --quiet --no-deps --document-private-items; }

# In a folder of its own, so that it starts from nothing every time.
small_stack() {
  local folder
  folder=$(mktemp -d)
  ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/debug/envlock "$CI/quickstart.sh" --small --folder "$folder"
  # The release's images, although config.yaml was rolled back since.
  mapfile -t IMAGES < <(release_images "$folder" ray-runtime marimo-runtime)
  "$CI/check-images.sh" "${IMAGES[@]}"
  rm -rf "$folder"
}

step "tools" tools
step "cargo fmt --check" cargo fmt --check
step "shellcheck" shell_scripts
if [ "${ENVLOCK_TEST_ENGINE:-1}" != 0 ]; then step "a Docker engine and a registry" engine; fi
step "cosign, oras and crane" judges
step "clippy" cargo clippy --locked --all-targets --quiet -- -D warnings
step "documentation" documentation
step "cargo test" cargo test --locked
if [ "${ENVLOCK_TEST_ENGINE:-1}" != 0 ]; then step "the small real stack" small_stack; fi
times_of_steps
say "all good"
