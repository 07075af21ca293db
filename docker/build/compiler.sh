#!/bin/sh
# Triton compiles C at run time, against Python.h. Where the lock holds Triton (COMPILER=required) and the base
# image lacks a part, it is installed from the distribution's archive as it was at APT_SNAPSHOT. Runs as root.
# shellcheck source=docker/build/settle.sh
. /mnt/settle.sh

[ "$COMPILER" = required ] || exit 0
missing=
command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || missing="gcc libc6-dev"
minor=${PYTHON_VERSION%.*}
if [ "$PYTHON_SOURCE" = base ] && [ ! -f "/usr/include/python$minor/Python.h" ] &&
    [ ! -f "/usr/local/include/python$minor/Python.h" ]; then
    missing="$missing libpython$minor-dev"
fi
[ -n "$missing" ] || exit 0

command -v apt-get >/dev/null ||
    fail "the base image has no $missing and no apt-get: use a base image that has them"
apt-get --snapshot "$APT_SNAPSHOT" --version >/dev/null 2>&1 ||
    fail "the base image has no $missing, and its apt cannot read a snapshot (2.7 can): use a base image that has them"
export DEBIAN_FRONTEND=noninteractive
# A pinned day is always past its Valid-Until; signatures are checked all the same.
archive() {
    apt-get --snapshot "$APT_SNAPSHOT" -o Acquire::Check-Valid-Until=false -qq "$@"
}
# shellcheck disable=SC2086 # a list of packages
if ! archive update || ! archive install --yes --no-install-recommends $missing; then
    fail "$missing cannot be installed from the snapshot $APT_SNAPSHOT: use a base image that has them, or one that is not newer than the snapshot"
fi
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old \
    /var/lib/dpkg/*-old /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /usr/share/doc /usr/share/man
settle /
