#!/bin/sh
# ci/try.sh FOLDER: what ci/wheel.sh made, in FOLDER, on this machine: the static program runs, and a wheel is installed by
# pip where this Python takes one. Each resolves ray and marimo from PyPI into a lock, which takes a minute at most. For bare containers, as root:
# it installs Python where there is none (apt, dnf, apk).
set -eu

folder=$(cd "$1" && pwd)
say() { printf '=== %s\n' "$*" >&2; }

resolves() {
  project=$(mktemp -d)
  printf '[groups.ray]\npackages = ["ray"]\n\n[groups.marimo]\npackages = ["marimo"]\n' >"$project/envlock.toml"
  "$1" -C "$project" resolve
  grep -q '^name = "marimo"' "$project/env.lock"
}

if ! command -v python3 >/dev/null || ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
  say "installing Python"
  if command -v apt-get >/dev/null; then apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv ca-certificates >/dev/null
  elif command -v dnf >/dev/null; then dnf -q -y install python39
  elif command -v apk >/dev/null; then apk add --quiet python3
  fi
fi
say "the static program"
scratch=$(mktemp -d)
tar -C "$scratch" -xzf "$folder"/envlock-*-musl.tar.gz
resolves "$(echo "$scratch"/envlock-*/envlock)"

say "the wheel"
python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --no-index --find-links "$folder" envlock-images
resolves "$scratch/venv/bin/envlock"
