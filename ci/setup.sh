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
  TIMES+=("$(printf '%5d s  %s' $((SECONDS - from)) "$STEP")")
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

times_of_steps() {
  say ""
  printf '%s\n' "${TIMES[@]}" >&2
  printf '%5d s  in all\n' "$SECONDS" >&2
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

# What compiling envlock needs.
need_toolchain() {
  need /etc/ssl/certs/ca-certificates.crt=ca-certificates curl git cc=gcc /usr/include/stdlib.h=libc6-dev pkg-config python3
  command -v cargo >/dev/null || fail "Rust is missing" "install it with rustup, version $(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml") or newer"
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
