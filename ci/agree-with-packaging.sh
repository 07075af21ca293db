#!/bin/bash
# Specifiers, licences for pre-releases, Requires-Python and markers as envlock understands them, beside PyPI's
# `packaging`, which is installed into a folder of its own. Exit 1 where they differ in a way that is not explained in
# ci/agree-with-packaging.py. Usage: ci/agree-with-packaging.sh [SEED]; PAIRS (200000) and MARKERS (50000) say how many.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet "${PACKAGING:-packaging==26.4}"
cargo build --quiet --locked --example agree
"$work/venv/bin/python" ci/agree-with-packaging.py "${CARGO_TARGET_DIR:-target}/debug/examples/agree" \
    "${1:-7}" "${PAIRS:-200000}" "${MARKERS:-50000}"
