#!/bin/sh
# Sourced by the build scripts. `settle DIR…` gives everything that this step wrote below DIR the lock's time
# stamp, so that the same lock makes the same layer on any day, without the exporter rewriting every layer.
set -eu
umask 022
# A second early: file systems count time in ticks.
started=$(($(date +%s) - 1))

settle() {
    find "$@" -xdev \
        \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /mnt -o -path /media \
           -o -path /run -o -path /etc/hosts -o -path /etc/resolv.conf -o -path /etc/hostname \) -prune \
        -o -newermt "@$started" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}

fail() {
    echo "envlock: $*" >&2
    exit 1
}
