#!/usr/bin/env bash
# ci/binary.sh [FILE]: envlock as it is published, to FILE (dist/envlock).
#
# A published binary knows PyPI's address, so that it works where neither uv nor pip is: it is built with
# ENVLOCK_DEFAULT_INDEX, the last place but one that envlock looks at (README). Its value is the default of the installed
# pip, whatever this machine's own settings are; a value that is set already is taken, for a binary of one's own company.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

case ${1:-} in -*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac
FILE=$(realpath -m "${1:-$ROOT/dist/envlock}")

address() {
  if [ -n "${ENVLOCK_DEFAULT_INDEX:-}" ]; then return; fi
  need_module pip
  ENVLOCK_DEFAULT_INDEX=$(python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')
}

build() {
  export ENVLOCK_DEFAULT_INDEX
  (cd "$ROOT" && cargo build --release --locked)
  install -D "${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock" "$FILE"
}

# Where nothing says an address, and no Python is, the binary has one.
check() {
  local empty said
  empty=$(mktemp -d)
  # Exit 1 says only that something is missing, as the lock is here.
  said=$(env -i HOME="$empty" PATH="$empty" PIP_CONFIG_FILE=/dev/null "$FILE" -C "$empty" doctor --json) || true
  rm -rf "$empty"
  python3 - "$ENVLOCK_DEFAULT_INDEX" "$said" <<'P' || fail "$FILE does not know the address it was built with"
import json, sys
address, said = sys.argv[1:]
found = next(check["found"] for check in json.loads(said)["checks"] if check["name"] == "PyPI")
print(f"PyPI: {found}", file=sys.stderr)
sys.exit(found != f"{address.rstrip('/')}/ from ENVLOCK_DEFAULT_INDEX at build time")
P
}

step "the toolchain" need_toolchain
step "the address of PyPI" address
step "cargo build --release" build
step "the binary knows the address" check
say "$FILE"
