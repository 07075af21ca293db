#!/bin/sh
# ci/install.sh FOLDER: a published envlock for x86-64 Linux into FOLDER, the programs `envlock` and `envlock-release`
# (ci/release.sh), after its checksum and its attestation were checked: that this archive was built by the repository's own
# ci/publish.github.yml from the tag of the version. Needs curl, tar, gzip and sha256sum, and gh or cosign.
#
# ENVLOCK_VERSION      the one of the checkout this script is in
# ENVLOCK_REPOSITORY   https://github.com/OWNER/NAME; likewise
# ENVLOCK_ATTESTATION  gh (2.68 or newer), which needs a login or GH_TOKEN; or cosign (2.4); whichever is there. `none`: the checksum alone, which
#                      is kept where the archive is
# ENVLOCK_RELEASES     where the files of releases are (REPOSITORY/releases/download), for a mirror
#
# Exit: 0 installed, 1 not, 2 it cannot be known what to install or how to check it. What is in FOLDER stays until all is
# checked.
set -eu

say() { printf 'install: %s\n' "$*" >&2; }
fail() { code=$1; shift; for line in "$@"; do say "$line"; done; exit "$code"; }

manifest=$(dirname "$0")/../Cargo.toml
# of_checkout KEY VARIABLE
of_checkout() {
  [ -e "$manifest" ] || fail 2 "$2 is not set, and there is no checkout of envlock around this script"
  sed -n "/^\[\(workspace\.\)*package\]/,/^\$/s/^$1 = \"\(.*\)\"/\1/p" "$manifest"
}

[ $# = 1 ] || fail 2 "ci/install.sh FOLDER"
folder=$1
version=${ENVLOCK_VERSION:-$(of_checkout version ENVLOCK_VERSION)}
version=${version#v}
repository=${ENVLOCK_REPOSITORY:-$(of_checkout repository ENVLOCK_REPOSITORY)}
repository=${repository%/}
releases=${ENVLOCK_RELEASES:-$repository/releases/download}
slug=${repository#https://github.com/}
name=envlock-$version-x86_64-unknown-linux-musl
workflow=.github/workflows/publish.yml

case $(uname -s)-$(uname -m) in
  Linux-x86_64 | Linux-amd64) ;;
  *) fail 2 "there is no published envlock for $(uname -s) on $(uname -m): cargo install --locked --git $repository" ;;
esac
judge=${ENVLOCK_ATTESTATION:-}
if [ -z "$judge" ]; then
  # An older gh knows no --source-ref, or no attestations at all.
  if gh attestation verify --help 2>/dev/null | grep -q -e --source-ref; then judge=gh
  elif command -v cosign >/dev/null; then judge=cosign
  else fail 2 "neither gh (2.68 or newer) nor cosign is here to check where envlock comes from: install one of them," \
    "or say ENVLOCK_ATTESTATION=none to go by the checksum alone"; fi
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
get() {
  curl --fail --silent --show-error --location --retry 3 --output "$scratch/$1" "$releases/v$version/$1" ||
    fail 1 "$releases/v$version/$1 cannot be had"
}

get "$name.tar.gz"
get SHA256SUMS
(cd "$scratch" && grep " [ *]$name.tar.gz\$" SHA256SUMS | sha256sum --check --status) ||
  fail 1 "$name.tar.gz is not what SHA256SUMS of v$version says"
case $judge in
  gh)
    gh attestation verify "$scratch/$name.tar.gz" --repo "$slug" --signer-workflow "$slug/$workflow" \
      --source-ref "refs/tags/v$version" --deny-self-hosted-runners >&2 || fail 1 "the attestation of $name.tar.gz does not hold: nothing is installed" ;;
  cosign)
    get attestation.sigstore.json
    cosign verify-blob-attestation --bundle "$scratch/attestation.sigstore.json" --new-bundle-format \
      --type slsaprovenance1 --certificate-oidc-issuer https://token.actions.githubusercontent.com \
      --certificate-identity "$repository/$workflow@refs/tags/v$version" "$scratch/$name.tar.gz" >&2 ||
      fail 1 "the attestation of $name.tar.gz does not hold: nothing is installed" ;;
  none) say "the attestation is not looked at (ENVLOCK_ATTESTATION=none)" ;;
  *) fail 2 "ENVLOCK_ATTESTATION is gh, cosign or none, not $judge" ;;
esac

tar -C "$scratch" -xzf "$scratch/$name.tar.gz"
mkdir -p "$folder"
for program in envlock envlock-release; do
  # A program that runs cannot be written over, but replaced.
  cp "$scratch/$name/$program" "$folder/.$program.new"
  mv "$folder/.$program.new" "$folder/$program"
done
say "$("$folder/envlock" --version) is in $folder"
