#!/usr/bin/env bash
# envlock and uv side by side: the same requirements, the same recorded pages, over HTTPS (HTTP/2) on loopback, by turns.
#
#   benches/resolve.sh            all cases at 0 and 30 ms; about three minutes
#   ROUNDS=3 CASES=cold LATENCY=30 INDEX=html benches/resolve.sh
#   RECORD=1 benches/resolve.sh   record the pages anew
#
# Equal: the requirements, Python 3.14.2, glibc 2.39, wheels only, hashes, one connection latency, and each may keep its
# own cache. Not equal, all to envlock's cost: it also pins a base image in a registry (served by the same program, with
# the same latency), reads the CUDA build inside the torch wheels, and asks the end of every wheel for its unpacked size.
# "warm": cache there, no lock. "with the previous lock": no cache, an earlier answer, one package set free.
set -euo pipefail
cd "$(dirname "$0")/.."
here=$PWD/target/bench
recording=$PWD/target/recording
mkdir -p "$here/home"

envlock=${ENVLOCK:-target/release/envlock}
[ -x "$envlock" ] || cargo build --release --bin envlock
CARGO_TARGET_DIR=target/replay cargo build --quiet --release --manifest-path benches/replay/Cargo.toml

uv=${UV:-$here/venv/bin/uv}
[ -x "$uv" ] || { python3 -m venv "$here/venv" && "$here/venv/bin/pip" install --quiet uv==0.13.9; }

requirements="$here/requirements.in"
python3 benches/compare.py requirements >"$requirements"

if [ -n "${RECORD:-}" ] || [ ! -d "$recording/wheels" ]; then
    rm -rf "$recording"
    index=${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$(python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')}}
    UV_PYTHON_DOWNLOADS=never "$uv" pip compile "$requirements" --quiet --no-annotate --no-header --no-config --only-binary :all: \
        --python-version 3.14.2 --python-platform x86_64-manylinux_2_39 --default-index "$index" >"$here/answer.txt"
    python3 benches/replay/record.py "$recording" requirements "$here/answer.txt"
fi

served() {
    target/replay/release/replay "$recording" "$here/cert.pem" >"$here/addresses" 2>"$here/missing" &
    server=$!
    trap 'kill $server 2>/dev/null || true' EXIT
    until [ -s "$here/addresses" ]; do sleep 0.1; kill -0 $server; done
    read -r plain secure <"$here/addresses"
}
run() {
    python3 benches/compare.py "$(realpath "$envlock")" "$(realpath "$uv")" "$plain" "$secure" "$here/cert.pem" "$here"
}

# What a resolver asks for and the recording lacks is recorded, until nothing is missing.
for _ in 1 2 3 4 5; do
    rm -f "$here/addresses"
    served
    if ROUNDS=1 CASES=cold LATENCY=0 run >"$here/trial" 2>&1 && ! grep -q '^missing' "$here/missing"; then break; fi
    kill $server
    grep -q '^missing' "$here/missing" || { cat "$here/trial" >&2; exit 1; }
    python3 benches/replay/record.py "$recording" missing "$here/missing"
done

run
