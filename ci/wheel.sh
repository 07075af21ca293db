#!/usr/bin/env bash
# ci/wheel.sh [--static | --quick] [FOLDER]: envlock as it is published, into FOLDER (dist/).
#
#             a wheel for every Linux with glibc 2.17 or newer (manylinux2014), linked by zig
#   --static  a wheel for Linux with musl (Alpine), and an archive with the same binary, which needs no library at all,
#             ci/release.sh as envlock-release, licence, README and changelog
#   --quick   a wheel for this machine alone: development profile, the linker that is here. Cargo has compiled all of
#             it for the tests, so ci/test.sh packs, installs and uses this one: metadata and layout are what is
#             published. Links and addresses of what is published are checked here, when that is made.
#
# Each knows PyPI's address (ENVLOCK_DEFAULT_INDEX; see ci/binary.sh), is installed into a fresh environment, and asked for
# its version and that address. maturin and zig come from PyPI, by hash (ci/wheel-tools.txt), into target/wheel-tools.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
umask 022

FORM=wheel
case ${1:-} in
  --static | --quick) FORM=${1#--}; shift ;;
  -*) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
esac
FOLDER=$(realpath -m "${1:-$ROOT/dist}")
TARGET_DIR=${CARGO_TARGET_DIR:-$ROOT/target}
TOOLS=$TARGET_DIR/wheel-tools
VERSION=$(cargo_toml version)
MUSL=x86_64-unknown-linux-musl
SCRATCH=$(mktemp -d)
at_end() { rm -rf "$SCRATCH"; }

tools() {
  need_toolchain
  need_venv
  [ -x "$TOOLS/bin/pip" ] || python3 -m venv "$TOOLS"
  local wanted='maturin|zig'
  if [ "$FORM" = quick ]; then wanted=maturin; fi
  "$TOOLS/bin/pip" install --quiet --require-hashes -r <(grep -E "^($wanted)" "$CI/wheel-tools.txt")
  if [ "$FORM" = static ] && [ ! -d "$(rustc --print sysroot)/lib/rustlib/$MUSL" ]; then rustup target add "$MUSL"; fi
}

# The one wheel that this makes, in $SCRATCH until it has been checked.
wheel() {
  local options
  case $FORM in
    wheel) options=(--release --zig --target x86_64-unknown-linux-gnu --compatibility manylinux2014) ;;
    static) options=(--release --zig --target "$MUSL" --compatibility musllinux_1_2) ;;
    quick) options=(--profile dev --compatibility linux) ;;
  esac
  export ENVLOCK_DEFAULT_INDEX
  SOURCE_DATE_EPOCH=$(git -C "$ROOT" log -1 --format=%ct)
  # What C compilers see is compiled anew.
  if [ "$FORM" != quick ]; then export SOURCE_DATE_EPOCH; fi
  # maturin looks for zig as a module of the python that it finds first.
  (cd "$ROOT" && PATH=$TOOLS/bin:$PATH maturin build "${options[@]}" --out "$SCRATCH/wheel")
  WHEEL=$(echo "$SCRATCH"/wheel/*.whl)
}

# The same archive for the same commit, on every machine and at any time.
archive() {
  local name=envlock-$VERSION-$MUSL at=$SCRATCH/archive
  ARCHIVE=$SCRATCH/$name.tar.gz
  mkdir -p "$at/$name"
  unpacked "$WHEEL" "$at/$name/envlock"
  install -m 755 "$CI/release.sh" "$at/$name/envlock-release"
  install -m 644 "$ROOT"/{LICENSE,README.md,CHANGELOG.md} "$at/$name"
  tar -C "$at" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" | gzip -9n >"$ARCHIVE"
}

# unpacked WHEEL FILE: the wheel's program, where pip would refuse the wheel on this machine.
unpacked() {
  python3 - "$@" <<'P'
import pathlib, sys, zipfile
wheel, file = zipfile.ZipFile(sys.argv[1]), pathlib.Path(sys.argv[2])
[name] = [name for name in wheel.namelist() if name.endswith(".data/scripts/envlock")]
file.write_bytes(wheel.read(name))
file.chmod(0o755)
P
}

# is_static FILE: the ELF file has no program header that names a loader (PT_INTERP).
is_static() {
  python3 - "$1" <<'P'
import struct, sys
elf = open(sys.argv[1], "rb").read()
[at], (size, count) = struct.unpack_from("<Q", elf, 32), struct.unpack_from("<HH", elf, 54)
sys.exit(any(struct.unpack_from("<I", elf, at + size * number)[0] == 3 for number in range(count)))
P
}

check() {
  local said program=$SCRATCH/fresh/bin/envlock
  if [ "$FORM" = static ]; then
    tar -C "$SCRATCH" -xzf "$ARCHIVE"
    program=$SCRATCH/$(basename "$ARCHIVE" .tar.gz)/envlock
    is_static "$program" || fail "$program asks for a loader: it is not static"
  else
    python3 -m venv "$SCRATCH/fresh"
    "$SCRATCH/fresh/bin/pip" install --quiet --no-index --no-deps "$WHEEL"
  fi
  said=$(env -i "$program" --version)
  [ "$said" = "envlock $VERSION" ] || fail "$program says it is $said, and Cargo.toml says $VERSION"
  knows_pypi "$program"
}

publish() {
  mkdir -p "$FOLDER"
  mv "$WHEEL" ${ARCHIVE:+"$ARCHIVE"} "$FOLDER"
}

WHEEL='' ARCHIVE=''
step "maturin and zig" tools
step "the address of PyPI" pypi_address
step "a wheel ($FORM)" wheel
if [ "$FORM" = static ]; then step "an archive" archive; fi
step "it runs, and knows the address" check
publish
for file in "$WHEEL" "$ARCHIVE"; do [ -z "$file" ] || say "$FOLDER/$(basename "$file")"; done
