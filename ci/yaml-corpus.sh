#!/usr/bin/env bash
# ci/yaml-corpus.sh [FOLDER]: the YAML editor against files that people wrote.
#
# Collects YAML files out of published packages (Python wheels and sdists, Debian packages, the crates that cargo
# has unpacked) into FOLDER (target/yaml-corpus), each content once; then replaces every scalar of each file, with
# LF and with CRLF, and demands that nothing else changes; and makes random values of each file roles, releases twice and
# rolls back, and demands every byte again. Needs pip, apt-get and dpkg-deb for the packages.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
folder=${1:-$root/target/yaml-corpus}
say() { printf 'yaml-corpus: %s\n' "$*" >&2; }

# Playbooks and roles, service descriptions, operators' manifests, API descriptions, alert rules.
wheels=(ansible==12.0.0 homeassistant)
sdists=(kopf)
debs=(
  golang-github-getkin-kin-openapi-dev golang-github-go-openapi-spec-dev
  golang-github-go-openapi-validate-dev golang-github-prometheus-alertmanager-dev
)

if [ ! -e "$folder/complete" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  rm -rf "$folder"
  mkdir -p "$folder" "$work/packages" "$work/unpacked"
  cd "$work/packages"
  say "fetching packages"
  pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: "${wheels[@]}"
  pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: "${sdists[@]}"
  if command -v dpkg-deb >/dev/null; then apt-get download -qq "${debs[@]}" 2>/dev/null; fi
  for package in *; do
    into=$work/unpacked/${package%%[-_]*}
    mkdir -p "$into"
    case $package in
      *.whl) python3 -m zipfile -e "$package" "$into" ;;
      *.tar.gz) tar -xzf "$package" -C "$into" ;;
      *.deb) dpkg-deb -x "$package" "$into" ;;
    esac
  done
  find "$work/unpacked" "${CARGO_HOME:-$HOME/.cargo}/registry/src" -type f \
    \( -name '*.yaml' -o -name '*.yml' \) -size -8193c -print0 |
    while IFS= read -r -d '' file; do
      hash=$(sha256sum "$file" | cut -c1-24)
      cp -n -- "$file" "$folder/$hash-$(basename "$file")"
    done
  touch "$folder/complete"
fi
say "$(find "$folder" -name '*.y*ml' | wc -l) files in $folder"
cd "$root"
ENVLOCK_YAML_CORPUS=$folder cargo test --test it yaml_corpus -- --ignored --nocapture
