#!/usr/bin/env bash
# ci/base.sh: a stand-in for the CUDA base image where Docker Hub cannot be reached.
#
# Debian with Python 3.14, its headers and a C compiler (Triton compiles at run time), pushed to the
# registry of ci/engine.sh as envlock/base:debian-py3.14. Prints its reference on stdout. The root file
# system is made once (about a minute) and kept; the same packages give the same bytes.
# Needs root or sudo, for debootstrap. `. "$(ci/engine.sh up …)"` first: see ci/engine.sh.
#
# ENVLOCK_CI_HOME     where it is kept, as in ci/engine.sh
# ENVLOCK_BASE_SUITE  forky on Debian, resolute on Ubuntu: the first of each with Python 3.14
# ENVLOCK_BASE_MIRROR the mirror (the one apt is set to)
set -euo pipefail

NAME=envlock/base:debian-py3.14
EPOCH=1767225600   # 2026-01-01: no time stamp in the image is newer
PACKAGES=(
  python3.14 python3.14-dev   # the interpreter and Python.h
  gcc libc6-dev               # torch.compile, Ray's and Triton's run-time builds
  libgomp1 libstdc++6         # torch, scikit-learn
  ca-certificates
)

if [ "$(id -u)" = 0 ]; then
  HOME_DEFAULT=/var/lib/envlock-ci
else
  HOME_DEFAULT=${XDG_CACHE_HOME:-$HOME/.cache}/envlock-ci
fi
PLACE=${ENVLOCK_CI_HOME:-$HOME_DEFAULT}

say() { printf 'base: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

: "${ENGINE_REGISTRY:?run ci/engine.sh up and source the file it names}"

# shellcheck disable=SC1091
ID=$(. /etc/os-release && echo "$ID")
case $ID in
  debian) SUITE=${ENVLOCK_BASE_SUITE:-forky} COMPONENTS=main ;;
  ubuntu) SUITE=${ENVLOCK_BASE_SUITE:-resolute} COMPONENTS=main,universe ;;
  *) fail "a base image can be made on Debian and Ubuntu; set base.runtime in envlock.toml to one you have" ;;
esac
KEY=$(printf '%s\n' "$SUITE" "$COMPONENTS" "${PACKAGES[@]}" "$EPOCH" | sha256sum | cut -c1-12)
TAR=$PLACE/base-$SUITE-$KEY.tar

rootfs() {
  local mirror scripts=/usr/share/debootstrap/scripts root keyring=/usr/share/keyrings/$ID-archive-keyring.gpg
  command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
  # shellcheck disable=SC2016  # apt's own variables
  mirror=${ENVLOCK_BASE_MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' |
    grep -m1 -E "/$ID/?\$" || true)}
  [ -n "$mirror" ] || fail "apt knows no $ID mirror here: set ENVLOCK_BASE_MIRROR"
  root=$(mktemp -d "$PLACE/rootfs.XXXXXX")
  # shellcheck disable=SC2064
  trap "$(declare -f as_root); as_root rm -rf '$root'" EXIT
  say "making $SUITE with Python 3.14 by debootstrap (once, about a minute; log: $PLACE/base.log)"
  # An older debootstrap does not know the suite; its script is the one of sid (gutsy for Ubuntu).
  local script=$scripts/$SUITE
  [ -e "$script" ] || script=$scripts/$([ "$ID" = ubuntu ] && echo gutsy || echo sid)
  local include; include=$(IFS=,; echo "${PACKAGES[*]}")
  # The image is thrown together once: no fsync after every file.
  as_root env DPKG_FORCE=unsafe-io SOURCE_DATE_EPOCH=$EPOCH debootstrap --variant=minbase --keyring="$keyring" \
    --components="$COMPONENTS" --include="$include" "$SUITE" "$root" "$mirror" "$script" >"$PLACE/base.log" 2>&1 ||
    { tail -5 "$PLACE/base.log" >&2; fail "debootstrap failed"; }
  tidy "$root"
  as_root tar -C "$root" --sort=name --mtime="@$EPOCH" --clamp-mtime --numeric-owner --format=gnu -cf - . >"$TAR.part"
  mv "$TAR.part" "$TAR"
}

# Out goes what nobody reads in a container, and what differs from one run to the next.
tidy() {
  as_root sh -eu -c '
    cd "$1"
    rm -rf var/cache/* var/lib/apt/lists/* var/log/* tmp/* run/* dev/* etc/machine-id etc/hostname etc/resolv.conf \
      usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/* var/lib/dpkg/*-old etc/*-
    mkdir -p var/cache/apt/archives/partial var/lib/apt/lists/partial
    # apt would record which mirror this machine uses.
    : >etc/apt/sources.list
    # The day of the last password change; these accounts have none.
    sed -i -E "s/^([^:]*:[^:]*):[0-9]*:/\1::/" etc/shadow
    # Compiled modules hold time stamps; Python makes them when it wants them.
    find usr -depth -name __pycache__ -exec rm -rf {} +
    [ -e usr/bin/python3 ] || ln -s python3.14 usr/bin/python3
  ' tidy "$1"
}

mkdir -p "$PLACE"
if [ -s "$TAR" ]; then say "taking $TAR, made before"; else rootfs; fi
context=$(mktemp -d "$PLACE/context.XXXXXX")
trap 'rm -rf "$context"' EXIT
ln "$TAR" "$context/rootfs.tar" 2>/dev/null || cp "$TAR" "$context/rootfs.tar"
cat >"$context/Dockerfile" <<'D'
FROM scratch
ADD rootfs.tar /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
CMD ["/bin/bash"]
D
SOURCE_DATE_EPOCH=$EPOCH docker buildx build --quiet --provenance=false --metadata-file "$context/metadata.json" \
  --output "type=image,name=$ENGINE_REGISTRY/$NAME,push=true,store=false,oci-mediatypes=true,rewrite-timestamp=true" \
  "$context" >/dev/null
say "pushed $NAME, $(($(stat -c %s "$TAR") / 1000000)) MB unpacked, $(sed -n 's/.*"containerimage.digest": "\([^"]*\)".*/\1/p' "$context/metadata.json")"
echo "$ENGINE_REGISTRY/$NAME"
