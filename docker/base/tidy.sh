#!/bin/sh
# tidy.sh ROOT: takes out of a fresh root file system what nobody reads in a container, and what
# differs from one run to the next. Run by ci/base.sh as root.
set -eu
cd "$1"

rm -rf var/cache/* var/lib/apt/lists/* var/log/* tmp/* run/* dev/* var/lib/dpkg/*-old etc/*- \
  etc/machine-id etc/hostname etc/resolv.conf \
  usr/share/doc/* usr/share/man/* usr/share/info/* usr/share/locale/*
mkdir -p var/cache/apt/archives/partial var/lib/apt/lists/partial

# Link-time optimisation, sanitizers and the static interpreter: 130 MB that Triton does not use.
rm -f usr/bin/*lto-dump* usr/libexec/gcc/*/*/lto1 usr/lib/*/lib?san.so* usr/lib/*/libhwasan.so* \
  usr/lib/python3.14/config-*/*.a

# Which mirror this machine uses is not the image's business.
: >etc/apt/sources.list

# The day of the last password change; these accounts have no password.
sed -i -E 's/^([^:]*:[^:]*):[0-9]*:/\1::/' etc/shadow

[ -e usr/bin/python3 ] || ln -s python3.14 usr/bin/python3

# Compiled modules that hold a hash instead of a time: the image's user cannot write them later.
find usr -depth -name __pycache__ -exec rm -rf {} +
# What they hold depends on the hash seed and on names the interpreter has seen in its environment.
chroot . /usr/bin/env -i PYTHONHASHSEED=0 LC_ALL=C.UTF-8 /usr/bin/python3.14 -m compileall -q --invalidation-mode unchecked-hash /usr/lib/python3.14 >/dev/null
