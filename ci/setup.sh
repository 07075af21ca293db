# shellcheck shell=bash
# ci/setup.sh: sourced by the scripts beside it. Installs commands that are missing, talks, measures.

CI=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$CI/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
fail() { printf 'error: %s\n' "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }

TIMES=()
STEP=''

# step "what it does" COMMAND…: runs it, prints the seconds; a failing step ends the script and is named.
# The command is not part of a condition: `set -e` must hold inside functions.
step() {
  local from=$SECONDS
  STEP=$1; shift
  say ""
  say "=== $STEP"
  "$@"
  TIMES+=("$((SECONDS - from)) $STEP")
  say "--- $((SECONDS - from)) s"
  STEP=''
}

# Scripts that must clean up define it anew.
at_end() { end_registry; }
ended() {
  local status=$?
  at_end
  [ -n "$STEP" ] || return 0
  say ""
  say "FAILED: $STEP"
  times_of_steps
  exit $((status == 0 ? 1 : status))
}
trap ended EXIT

# Where the time went: seconds, and of a hundred.
times_of_steps() {
  local line
  say ""
  for line in "${TIMES[@]}" "$SECONDS in all"; do
    printf '%5d s %3d %%  %s\n' "${line%% *}" $((100 * ${line%% *} / (SECONDS > 0 ? SECONDS : 1))) "${line#* }" >&2
  done
}

# need COMMAND[=PACKAGE]…: installs by apt what is missing, as root or with sudo, and says so.
need() {
  local item missing=()
  for item in "$@"; do
    case $item in
      /*) [ -e "${item%%=*}" ] || missing+=("${item#*=}") ;;
      # A program: `command -v` would take the shell's own kill as well.
      *) PATH=$PATH:/usr/sbin:/sbin type -P "${item%%=*}" >/dev/null || missing+=("${item#*=}") ;;
    esac
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "these are missing, and there is no apt-get here: ${missing[*]}"
  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "these are missing: ${missing[*]}" "apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing with apt: ${missing[*]}"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# need_module MODULE…: the same for modules of python3.
need_module() {
  local module
  for module in "$@"; do
    python3 -c "import $module" 2>/dev/null || need "/usr/lib/python3/dist-packages/$module=python3-$module"
  done
}

# need_venv: `python3 -m venv`, which Debian has apart.
need_venv() { python3 -c 'import ensurepip, venv' 2>/dev/null || need "/usr/share/doc/python3-venv=python3-venv"; }

# What compiling envlock needs.
need_toolchain() {
  need /etc/ssl/certs/ca-certificates.crt=ca-certificates curl git cc=gcc /usr/include/stdlib.h=libc6-dev pkg-config python3
  command -v cargo >/dev/null || fail "Rust is missing" "install it with rustup, version $(cargo_toml rust-version) or newer"
}

# cargo_toml KEY: a text of Cargo.toml's [package], or [workspace.package].
cargo_toml() { sed -n "/^\[\(workspace\.\)*package\]/,/^\$/s/^$1 = \"\(.*\)\"/\1/p" "$ROOT/Cargo.toml"; }

# Sets ENVLOCK_DEFAULT_INDEX, with which published programs are built, to the default of the installed pip: not to what
# this machine's own settings say. One that is set stays, for a program of one's own company.
pypi_address() {
  if [ -n "${ENVLOCK_DEFAULT_INDEX:-}" ]; then return; fi
  need_module pip
  ENVLOCK_DEFAULT_INDEX=$(python3 -c 'from pip._internal.models.index import PyPI; print(PyPI.simple_url)')
}

# knows_pypi PROGRAM: where nothing says an address, and no Python is, it has the one of ENVLOCK_DEFAULT_INDEX.
knows_pypi() {
  local empty said
  empty=$(mktemp -d)
  # Exit 1 says only that something is missing, as the lock is here.
  said=$(env -i HOME="$empty" PATH="$empty" PIP_CONFIG_FILE=/dev/null "$1" -C "$empty" doctor --json) || true
  rm -rf "$empty"
  python3 - "$ENVLOCK_DEFAULT_INDEX" "$said" <<'P' || fail "$1 does not know the address it was built with"
import json, sys
address, said = sys.argv[1:]
found = next(check["found"] for check in json.loads(said)["checks"] if check["name"] == "PyPI")
print(f"PyPI: {found}", file=sys.stderr)
sys.exit(found != f"{address.rstrip('/')}/ from ENVLOCK_DEFAULT_INDEX at build time")
P
}

# need_pypi FOLDER: where nothing in FOLDER or on this machine says where PyPI is, pip does. The program, $ENVLOCK,
# knows whether anything says it.
need_pypi() {
  says_where() {
    "$ENVLOCK" -C "$1" doctor --json 2>/dev/null | python3 -c '
import json, sys
sys.exit(next(check["level"] for check in json.load(sys.stdin)["checks"] if check["name"] == "PyPI") == "fail")'
  }
  if says_where "$1"; then return; fi
  say "nothing here says where PyPI is; pip does"
  need_module pip
  says_where "$1" || fail "pip does not say where PyPI is" "set UV_DEFAULT_INDEX or PIP_INDEX_URL"
}

# Starts or takes an engine and a registry, and uses them from here on.
need_engine() {
  # Containers of a private engine get out through iptables.
  need curl python3 ip=iproute2 iptables
  "$CI/engine.sh" up
  # shellcheck disable=SC1090
  . <("$CI/engine.sh" env)
}

# own_registry FOLDER: a registry of envlock's own in FOLDER, so that it goes with it, served until the script calls
# `end_registry`; one that is served already is taken. The program is $ENVLOCK.
OWN_REGISTRY=127.0.0.1:5080
SERVING=''
own_registry() {
  local folder=$1 log own
  mkdir -p "$folder/.envlock/registry"
  ENVLOCK_REGISTRY_FOLDER=$(cd "$folder/.envlock/registry" && pwd -P)
  export ENVLOCK_REGISTRY_FOLDER
  # What the server says of itself: one with other images may have the address.
  own=$(printf %s "$ENVLOCK_REGISTRY_FOLDER" | sha256sum | cut -c1-64)
  is_ours() {
    curl -sS --noproxy '*' -m 5 -o /dev/null -D - "http://$OWN_REGISTRY/v2/" 2>/dev/null | grep -i "^envlock-layout: $own" >/dev/null
  }
  if is_ours; then say "$folder/.envlock/registry is served at $OWN_REGISTRY already"; return; fi
  log=$folder/.envlock/serve.log
  "$ENVLOCK" -C "$folder" serve >"$log" 2>&1 </dev/null &
  SERVING=$!
  until is_ours; do
    if ! kill -0 "$SERVING" 2>/dev/null; then
      SERVING=''
      cat "$log" >&2
      fail "$folder/.envlock/registry cannot be served at $OWN_REGISTRY" "an envlock serve of yours? end it"
    fi
    sleep 0.1
  done
  say "$folder/.envlock/registry is served at $OWN_REGISTRY"
}
end_registry() {
  [ -n "$SERVING" ] || return 0
  kill "$SERVING" 2>/dev/null || true
  wait "$SERVING" || true
  SERVING=''
}

# stand_in_base: makes and pushes the base image of ci/base.sh; prints its reference.
stand_in_base() {
  need curl debootstrap
  "$CI/base.sh"
}

# Whether a server answers at all; 401 and 403 are answers.
reaches() { curl -sS -m 10 -o /dev/null "$1" 2>/dev/null; }

# release_images FOLDER IMAGE…: where the images of the folder's last build are, a line each.
release_images() {
  python3 - "$@" <<'P'
import json, sys
folder, *names = sys.argv[1:]
builds = [r for r in map(json.loads, open(f"{folder}/env.releases.jsonl")) if r["kind"] == "build"]
for name in names:
    print(builds[-1]["images"][name])
P
}
