#!/usr/bin/env bash
# ci/base.sh: a stand-in for the CUDA base image where Docker Hub cannot be reached.
#
# Debian with Python 3.14 and a C compiler (docker/base/packages.txt), pushed to the registry of
# ci/engine.sh as envlock/base:debian-py3.14. The reference is printed on stdout. The root file system
# is made once, in about a minute, and kept; the same packages give the same bytes.
# Needs root or sudo for debootstrap, and the settings that `ci/engine.sh env` prints.
#
# ENVLOCK_CI_HOME      where it is kept, as in ci/engine.sh
# ENVLOCK_BASE_SUITE   forky on Debian, resolute on Ubuntu: the first of each with Python 3.14
# ENVLOCK_BASE_MIRROR  the mirror (the one apt is set to)
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin   # ip, iptables, debootstrap; not in every user's PATH

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
RECIPE=$ROOT/docker/base
IMAGE=envlock/base:debian-py3.14
umask 022   # decides the modes of folders in the image
export LC_ALL=C
EPOCH=1767225600   # 2026-01-01: no time stamp in the image is newer

if [ "$(id -u)" = 0 ]; then
  HOME_DEFAULT=/var/lib/envlock-ci
else
  HOME_DEFAULT=${XDG_CACHE_HOME:-$HOME/.cache}/envlock-ci
fi
PLACE=${ENVLOCK_CI_HOME:-$HOME_DEFAULT}

say() { printf 'base: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

SCRATCH=()
tidy_up() {
  local folder
  for folder in "${SCRATCH[@]}"; do rm -rf "$folder" 2>/dev/null || as_root rm -rf "$folder"; done
}
trap tidy_up EXIT

: "${ENGINE_REGISTRY:?run ci/engine.sh up and source the file it names}"

# shellcheck disable=SC1091
ID=$(. /etc/os-release && echo "$ID")
case $ID in
  debian) SUITE=${ENVLOCK_BASE_SUITE:-forky} COMPONENTS=main KNOWN=sid ;;
  ubuntu) SUITE=${ENVLOCK_BASE_SUITE:-resolute} COMPONENTS=main,universe KNOWN=gutsy ;;
  *) fail "a base image can be made on Debian and Ubuntu; set base.runtime in envlock.toml to one you have" ;;
esac
PACKAGES=$(grep -v '^#' "$RECIPE/packages.txt" | paste -sd,)
TAR=$PLACE/base-$SUITE-$(cat "$RECIPE"/* "${BASH_SOURCE[0]}" | sha256sum | cut -c1-12).tar

make_rootfs() {
  local root mirror scripts=/usr/share/debootstrap/scripts script
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
  # shellcheck disable=SC2016  # apt's own variables
  mirror=${ENVLOCK_BASE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m1 -E "/$ID/?\$" || true)}
  [ -n "$mirror" ] || fail "apt knows no $ID mirror here: set ENVLOCK_BASE_MIRROR"
  # A debootstrap that is older than the suite has a script for the one it came from.
  script=$scripts/$SUITE
  [ -e "$script" ] || script=$scripts/$KNOWN
  SCRATCH+=("$(mktemp -d "$PLACE/rootfs.XXXXXX")")
  # The image's `/` takes this folder's owner and mode.
  root=${SCRATCH[-1]}/rootfs
  as_root install -d -o root -g root -m 755 "$root"
  say "making $SUITE with Python 3.14 by debootstrap (once, about a minute; log: $PLACE/base.log)"
  # The files are read back once: no fsync after each.
  as_root env DPKG_FORCE=unsafe-io SOURCE_DATE_EPOCH=$EPOCH debootstrap --variant=minbase \
    --keyring="/usr/share/keyrings/$ID-archive-keyring.gpg" --components="$COMPONENTS" --include="$PACKAGES" \
    "$SUITE" "$root" "$mirror" "$script" >"$PLACE/base.log" 2>&1 ||
    { tail -5 "$PLACE/base.log" >&2; fail "debootstrap failed"; }
  as_root "$RECIPE/tidy.sh" "$root"
  as_root tar -C "$root" --sort=name --mtime="@$EPOCH" --clamp-mtime --numeric-owner --format=gnu -cf - . >"$TAR.part"
  mv "$TAR.part" "$TAR"
}

mkdir -p "$PLACE"
if [ -s "$TAR" ]; then say "taking $TAR, made before"; else make_rootfs; fi

context=$(mktemp -d "$PLACE/context.XXXXXX")
SCRATCH+=("$context")
cp "$RECIPE/Dockerfile" "$context"
ln "$TAR" "$context/rootfs.tar" 2>/dev/null || cp "$TAR" "$context/rootfs.tar"
SOURCE_DATE_EPOCH=$EPOCH docker buildx build --quiet --provenance=false --metadata-file "$context/metadata.json" \
  --output "type=image,name=$ENGINE_REGISTRY/$IMAGE,push=true,store=false,oci-mediatypes=true,rewrite-timestamp=true" \
  "$context" >/dev/null
digest=$(sed -n 's/.*"containerimage.digest": "\([^"]*\)".*/\1/p' "$context/metadata.json")
say "pushed $IMAGE ($(($(stat -c %s "$TAR") / 1000000)) MB unpacked) as $digest"
echo "$ENGINE_REGISTRY/$IMAGE"
