#!/usr/bin/env bash
# ci/base.sh: a stand-in for the CUDA base image where Docker Hub cannot be reached.
#
# Debian with Python 3.14 and a C compiler (docker/base/packages.txt), pushed to a registry as
# envlock/base:debian-py3.14. The reference is printed on stdout. The root file system is made once, in
# about a minute, and kept; the same packages give the same bytes where the same Debian release puts them
# together. Needs root or sudo for debootstrap, and no Docker: one layer and two documents are sent by curl.
#
# ENGINE_REGISTRY      HOST:PORT[/PREFIX], without login: of `ci/engine.sh env`, or of `envlock serve`
# ENVLOCK_CI_HOME      where it is kept, as in ci/engine.sh
# ENVLOCK_BASE_SUITE   forky on Debian, resolute on Ubuntu: the first of each with Python 3.14
# ENVLOCK_BASE_MIRROR  the mirror (the one apt is set to)
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin   # debootstrap; not in every user's PATH

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

: "${ENGINE_REGISTRY:?name a registry: of ci/engine.sh env, or of envlock serve}"
HOST=${ENGINE_REGISTRY%%/*}
case $HOST in localhost:*|127.*|\[::1\]:*) SERVER=http://$HOST ;; *) SERVER=https://$HOST ;; esac
PREFIX=${ENGINE_REGISTRY#"$HOST"}
API=$SERVER/v2$PREFIX/$IMAGE
API=${API%:*}

# shellcheck disable=SC1091
ID=$(. /etc/os-release && echo "$ID")
case $ID in
  debian) SUITE=${ENVLOCK_BASE_SUITE:-forky} COMPONENTS=main KNOWN=sid ;;
  ubuntu) SUITE=${ENVLOCK_BASE_SUITE:-resolute} COMPONENTS=main,universe KNOWN=gutsy ;;
  *) fail "a base image can be made on Debian and Ubuntu; set base.runtime in envlock.toml to one you have" ;;
esac
PACKAGES=$(grep -v '^#' "$RECIPE/packages.txt" | paste -sd,)
LAYER=$PLACE/base-$SUITE-$(cat "$RECIPE"/* "${BASH_SOURCE[0]}" | sha256sum | cut -c1-12).tar.gz

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
  root=${SCRATCH[-1]}/rootfs
  as_root install -d -o root -g root -m 755 "$root"
  say "making $SUITE with Python 3.14 by debootstrap (once, about a minute; log: $PLACE/base.log)"
  # The files are read back once: no fsync after each.
  as_root env DPKG_FORCE=unsafe-io SOURCE_DATE_EPOCH=$EPOCH debootstrap --variant=minbase \
    --keyring="/usr/share/keyrings/$ID-archive-keyring.gpg" --components="$COMPONENTS" --include="$PACKAGES" \
    "$SUITE" "$root" "$mirror" "$script" >"$PLACE/base.log" 2>&1 ||
    { tail -5 "$PLACE/base.log" >&2; fail "debootstrap failed"; }
  as_root "$RECIPE/tidy.sh" "$root"
  local top
  mapfile -t top < <(ls -A "$root")
  # A temporary name of its own: two may be making it at once.
  as_root tar -C "$root" --sort=name --mtime="@$EPOCH" --clamp-mtime --numeric-owner --format=gnu -cf - "${top[@]}" |
    gzip -n >"${SCRATCH[-1]}/layer"
  mv "${SCRATCH[-1]}/layer" "$LAYER"
}

sha256() { sha256sum | cut -c1-64; }
ask() { curl -fsS --noproxy 127.0.0.1,localhost,::1 -o /dev/null "$@"; }

# put_blob FILE: sends it unless the registry has it; prints its digest.
put_blob() {
  local digest session
  digest=sha256:$(sha256 <"$1")
  if ! ask --head "$API/blobs/$digest" 2>/dev/null; then
    session=$(ask -X POST --data '' -D - "$API/blobs/uploads/" | tr -d '\r' | sed -n 's/^location: *//Ip')
    case $session in "") fail "$HOST began no upload" ;; /*) session=$SERVER$session ;; esac
    case $session in *\?*) session+="&" ;; *) session+="?" ;; esac
    ask -X PUT -H 'Content-Type: application/octet-stream' -T "$1" "${session}digest=$digest"
  fi
  echo "$digest"
}

mkdir -p "$PLACE"
if [ -s "$LAYER" ]; then say "taking $LAYER, made before"; else make_rootfs; fi

documents=$(mktemp -d "$PLACE/documents.XXXXXX")
SCRATCH+=("$documents")
diff_id=sha256:$(gzip -dc "$LAYER" | sha256)
created=$(date -u -d "@$EPOCH" +%Y-%m-%dT%H:%M:%SZ)
cat >"$documents/config" <<J
{"architecture":"$(dpkg --print-architecture)","os":"linux","created":"$created",
"config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","LANG=C.UTF-8"],"Cmd":["/bin/bash"]},
"rootfs":{"type":"layers","diff_ids":["$diff_id"]},
"history":[{"created":"$created","created_by":"debootstrap --variant=minbase $SUITE"}]}
J
layer=$(put_blob "$LAYER")
config=$(put_blob "$documents/config")
OCI=application/vnd.oci.image
cat >"$documents/manifest" <<J
{"schemaVersion":2,"mediaType":"$OCI.manifest.v1+json",
"config":{"mediaType":"$OCI.config.v1+json","digest":"$config","size":$(stat -c %s "$documents/config")},
"layers":[{"mediaType":"$OCI.layer.v1.tar+gzip","digest":"$layer","size":$(stat -c %s "$LAYER")}]}
J
ask -X PUT -H "Content-Type: $OCI.manifest.v1+json" --data-binary "@$documents/manifest" "$API/manifests/${IMAGE#*:}"
say "pushed $IMAGE ($(($(stat -c %s "$LAYER") / 1000000)) MB) as sha256:$(sha256 <"$documents/manifest")"
echo "$ENGINE_REGISTRY/$IMAGE"
