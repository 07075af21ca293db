#!/usr/bin/env bash
# ci/binary.sh [FILE]: envlock for this machine, with PyPI's address as in what is published (ci/wheel.sh), to FILE
# (dist/envlock).
#
# A published envlock knows PyPI's address, so that it works where neither uv nor pip is: it is built with
# ENVLOCK_DEFAULT_INDEX, the last place but one that envlock looks at (docs/how-to/private-index.md). Its value is the default of the installed
# pip, whatever this machine's own settings are; a value that is set already is taken, for a binary of one's own company.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

case ${1:-} in -*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac
FILE=$(realpath -m "${1:-$ROOT/dist/envlock}")

build() {
  export ENVLOCK_DEFAULT_INDEX
  (cd "$ROOT" && cargo build --release --locked)
  install -D "${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock" "$FILE"
}

step "the toolchain" need_toolchain
step "the address of PyPI" pypi_address
step "cargo build --release" build
step "the binary knows the address" knows_pypi "$FILE"
say "$FILE"
