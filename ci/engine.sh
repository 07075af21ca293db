#!/usr/bin/env bash
# ci/engine.sh up|down|clean|env|tool: a Docker engine that can push by digest, and a registry.
#
#   up     takes a Docker that works (`docker info`) and the registry in $ENGINE_REGISTRY; what of
#          the two is missing is started here, on loopback, from Debian's or Ubuntu's packages
#   env    prints the settings of the last `up`; `. FILE` them, `up` says which file
#   down   stops what `up` started; images and packages stay
#   clean  down, and removes everything
#   tool PACKAGE…  only unpacks these packages, and prints the folder of their commands
#
# No package of the system is installed, upgraded or removed: the .deb files are unpacked below
# $ENVLOCK_CI_HOME. The engine has a bridge and networks of its own, chosen where nothing else is, and
# does not touch another Docker's.
#
# ENVLOCK_CI_HOME       where everything is kept (/var/lib/envlock-ci; ~/.cache/envlock-ci when not root)
# ENVLOCK_ENGINE=own    start a private engine even where a Docker works
# ENVLOCK_ENGINE_SUITE  the Debian suite the engine is taken from (forky)
# ENVLOCK_ENGINE_MIRROR the Debian mirror (the one apt is set to)
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin   # ip, iptables, debootstrap; not in every user's PATH

if [ "$(id -u)" = 0 ]; then
  HOME_DEFAULT=/var/lib/envlock-ci
else
  HOME_DEFAULT=${XDG_CACHE_HOME:-$HOME/.cache}/envlock-ci
fi
PLACE=${ENVLOCK_CI_HOME:-$HOME_DEFAULT}
CI=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=$PLACE/run
BIN=$PLACE/bin

say() { printf 'engine: %s\n' "$*" >&2; }
fail() { say "$1"; shift; for line in "$@"; do printf '        %s\n' "$line" >&2; done; exit 1; }
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "a Docker engine needs root, and there is no sudo" \
            "run this as root, or point DOCKER_HOST at a Docker that works"; fi
}

# --- processes -----------------------------------------------------------------------------------

# A pid counts only when its command line names our folder: numbers are used again after a reboot.
alive() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) && [ -n "$pid" ] || return 1
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$PLACE/"
}

# start NAME COMMAND…: in the background, output in run/NAME.log, pid in run/NAME.pid
start() {
  local name=$1; shift
  setsid nohup "$@" >"$RUN/$name.log" 2>&1 </dev/null &
  echo $! >"$RUN/$name.pid"
  # Until exec has happened the command line is still this script's.
  for _ in $(seq 1 40); do alive "$name" && return; sleep 0.05; done
}

stop() {
  local name=$1 pid
  if alive "$name"; then
    pid=$(cat "$RUN/$name.pid")
    if [ -O "/proc/$pid" ]; then kill "$pid"; else as_root kill "$pid"; fi
    for _ in $(seq 1 150); do [ -d "/proc/$pid" ] || break; sleep 0.2; done
    if [ -d "/proc/$pid" ]; then fail "$name (pid $pid) does not end"; fi
    say "stopped $name"
  fi
  rm -f "$RUN/$name.pid" 2>/dev/null || as_root rm -f "$RUN/$name.pid"
}

# --- packages ------------------------------------------------------------------------------------

# The mirror that apt on this machine uses for $1 (debian, ubuntu).
mirror() {
  if [ -n "${ENVLOCK_ENGINE_MIRROR:-}" ]; then echo "$ENVLOCK_ENGINE_MIRROR"; return; fi
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    grep -m1 -E "/$1/?\$" || true
}

# An apt that knows only the sources in $PLACE/apt; the proxies and options of the system apply.
private_apt() {
  APT_CONFIG=$PLACE/apt/apt.conf "$@"
}

write_private_apt() {
  local apt=$PLACE/apt uri keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite
  uri=$(mirror debian)
  [ -n "$uri" ] || fail "apt knows no Debian mirror here" "set ENVLOCK_ENGINE_MIRROR"
  [ -e "$keyring" ] || fail "$keyring is missing" "apt-get install debian-archive-keyring"
  mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/none"
  for suite in "$@"; do echo "deb [signed-by=$keyring] $uri $suite main"; done |
    sort -u >"$apt/sources.list"
  cat >"$apt/apt.conf" <<C
Dir::Etc::SourceList "$apt/sources.list";
Dir::Etc::SourceParts "$apt/none";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "$apt/none";
Dir::State::Lists "$apt/lists";
Dir::Cache "$apt";
Dir::Cache::Archives "$apt/archives";
Acquire::Languages "none";
Acquire::Retries "3";
Debug::NoLocking "true";
APT::Sandbox::User "";
C
}

# unpack NAME PACKAGE…: downloads and unpacks below $PLACE/root, once.
unpack() {
  local name=$1 distribution codename suite deb wanted=() package; shift
  [ ! -e "$PLACE/.have-$name" ] || return 0
  if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
    fail "there is no apt here to take $1 from" \
         "install Docker with buildx, or point DOCKER_HOST at one, and start this again"
  fi
  # shellcheck disable=SC1091
  distribution=$(. /etc/os-release && echo "$ID")
  # shellcheck disable=SC1091
  codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  mkdir -p "$PLACE/debs-$name" "$PLACE/root" "$BIN"
  say "downloading $* (once, below $PLACE)"
  case $distribution in
    debian)
      suite=${ENVLOCK_ENGINE_SUITE:-forky}
      write_private_apt "$suite" "${codename:-$suite}"
      private_apt apt-get -q update >"$PLACE/apt/update.log" 2>&1 ||
        { cat "$PLACE/apt/update.log" >&2; fail "apt cannot read $suite from this machine's mirror"; }
      for package in "$@"; do
        # runc is linked against the C library of its suite: take the system's own.
        case $package in runc) wanted+=("runc/${codename:-$suite}") ;; *) wanted+=("$package/$suite") ;; esac
      done
      (cd "$PLACE/debs-$name" && private_apt apt-get -q download "${wanted[@]}") >"$PLACE/apt/download.log" 2>&1 ||
        { cat "$PLACE/apt/download.log" >&2; fail "the packages cannot be downloaded"; } ;;
    *)
      # Ubuntu ships the same packages in its own suites (docker-cli is part of docker.io there).
      for package in "$@"; do [ "$package" = docker-cli ] || wanted+=("$package"); done
      (cd "$PLACE/debs-$name" && apt-get -q download "${wanted[@]}") >"$PLACE/download.log" 2>&1 ||
        { cat "$PLACE/download.log" >&2
          fail "apt on this machine has not all of: ${wanted[*]}" \
               "try apt-get update; or install Docker with buildx and start this again"; } ;;
  esac
  for deb in "$PLACE/debs-$name"/*.deb; do dpkg -x "$deb" "$PLACE/root"; done
  rm -rf "$PLACE/debs-$name"
  for deb in "$PLACE"/root/usr/bin/* "$PLACE"/root/usr/sbin/*; do ln -sfn "$deb" "$BIN/${deb##*/}"; done
  touch "$PLACE/.have-$name"
}

# Binaries of a newer suite may ask for a newer C library than this system has: find out here.
starts() {
  local program
  for program in "$@"; do
    "$BIN/$program" --version >/dev/null 2>"$RUN/starts.log" ||
      { cat "$RUN/starts.log" >&2; rm -f "$PLACE"/.have-*; fail "$program does not start on this system"; }
  done
}

# --- registry ------------------------------------------------------------------------------------

answers_v2() { curl -fsS -m 5 -o /dev/null "http://$1/v2/" 2>/dev/null; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# Sets REGISTRY. The port is chosen once and kept while nothing else takes it.
registry_up() {
  local port
  unpack registry docker-registry
  starts docker-registry
  if alive registry; then REGISTRY=127.0.0.1:$(cat "$PLACE/registry.port"); answers_v2 "$REGISTRY" && return; fi
  stop registry
  mkdir -p "$PLACE/registry"
  for _ in 1 2 3; do
    port=$(cat "$PLACE/registry.port" 2>/dev/null || free_port)
    REGISTRY=127.0.0.1:$port
    cat >"$PLACE/registry.yml" <<Y
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: "$PLACE/registry"}, delete: {enabled: true}}
http: {addr: "$REGISTRY"}
Y
    start registry "$BIN/docker-registry" serve "$PLACE/registry.yml"
    for _ in $(seq 1 50); do
      alive registry || break
      if answers_v2 "$REGISTRY"; then
        echo "$port" >"$PLACE/registry.port"
        say "registry on $REGISTRY"
        return
      fi
      sleep 0.1
    done
    rm -f "$PLACE/registry.port"   # somebody else has the port: choose another
  done
  cat "$RUN/registry.log" >&2; fail "the registry does not start"
}

# --- engine --------------------------------------------------------------------------------------

# An unused bridge name and two unused private networks, the bridge's and the pool's, kept in
# $PLACE/network as long as the bridge is there.
choose_networks() {
  read -r BRIDGE NETWORK POOL 2>/dev/null <"$PLACE/network" || BRIDGE=
  if [ -n "$BRIDGE" ] && ip link show "$BRIDGE" >/dev/null 2>&1; then return; fi
  python3 - >"$PLACE/network" <<'P' || fail "no free private network was found"
import ipaddress, json, os, subprocess, sys
def ip(*what):
    return json.loads(subprocess.check_output(["ip", "-4", "-json", *what]) or "[]")
used = [f"{a['local']}/{a['prefixlen']}" for link in ip("addr") for a in link.get("addr_info", [])]
used += [r["dst"] for r in ip("route", "show", "table", "all") if r["dst"][0].isdigit()]
used = [ipaddress.ip_network(u, strict=False) for u in used]
for n in range(231, 254, 2):
    block = [ipaddress.ip_network(f"10.{m}.0.0/16") for m in (n, n + 1)]
    if not any(b.overlaps(u) for b in block for u in used):
        taken = set(os.listdir("/sys/class/net"))
        bridge = next(b for b in map("envlk-ci{}".format, range(100)) if b not in taken)
        print(bridge, f"10.{n}.0.0/24 10.{n + 1}.0.0/16")
        sys.exit()
sys.exit(1)
P
  read -r BRIDGE NETWORK POOL <"$PLACE/network"
}

# Of the interface that leads out, 1500 when there is none.
mtu() {
  local device
  device=$(ip -o -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -1)
  cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500
}

# firewall -I|-D: rules of our own for our two networks: containers reach each other, where the machine
# filters bridges, and the world. The engine itself leaves the firewall alone: a second dockerd that
# manages it would rebuild the chains of the first.
firewall() {
  local action=$1 bridge network pool
  command -v iptables >/dev/null || return 1
  read -r bridge network pool <"$PLACE/network"
  rule() { as_root iptables -w "$@" -m comment --comment "$bridge"; }
  for network in "$network" "$pool"; do
    rule -t nat "$action" POSTROUTING -s "$network" ! -d "$network" -j MASQUERADE &&
      rule "$action" FORWARD -s "$network" -j ACCEPT &&
      rule "$action" FORWARD -d "$network" -j ACCEPT || return 1
  done
}

# Docker's layers want overlayfs, which cannot lie on another overlayfs (a container's own root).
snapshotter() {
  local probe=$PLACE/overlay-probe kind=overlayfs
  mkdir -p "$probe"/{lower,upper,work,merged}
  if as_root mount -t overlay overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" "$probe/merged" 2>/dev/null; then
    as_root umount "$probe/merged"
  else
    kind=native
    say "overlayfs does not work on $PLACE: layers are copied instead, which is slow and large"
  fi
  as_root rm -rf "$probe"
  echo $kind
}

# shellcheck disable=SC1091
init_package() { if [ "$(. /etc/os-release && echo "$ID")" = debian ]; then echo tini-static; else echo tini; fi; }

dockerd_up() {
  local socket=$RUN/docker.sock
  [ ${#socket} -lt 100 ] || fail "the path $socket is too long for a socket" "set ENVLOCK_CI_HOME to a shorter folder"
  command -v ip >/dev/null || fail "the command ip is missing" "apt-get install iproute2"
  unpack engine docker.io docker-cli docker-buildx containerd runc
  # What a container with `--init` begins with; docker.io may have a link to it only.
  [ -x "$BIN/docker-init" ] || unpack init "$(init_package)"
  starts dockerd containerd runc docker
  mkdir -p "$PLACE/docker-config"
  ln -sfn "$PLACE/root/usr/libexec/docker/cli-plugins" "$PLACE/docker-config/cli-plugins"
  OWN=1
  if ! alive docker; then
    as_root rm -f "$RUN/docker.pid"
    choose_networks
    if ! ip link show "$BRIDGE" >/dev/null 2>&1; then as_root ip link add "$BRIDGE" type bridge; fi
    as_root ip address replace "${NETWORK%0/24}1/24" dev "$BRIDGE"
    as_root ip link set "$BRIDGE" mtu "$(mtu)" up
    while firewall -D 2>/dev/null; do :; done
    firewall -I 2>/dev/null || say "no iptables that works: containers may reach this machine and nothing else"
    # The containerd namespaces keep us apart even if a containerd of the system is used.
    cat >"$PLACE/daemon.json" <<J
{ "data-root": "$PLACE/docker", "exec-root": "$RUN/exec", "pidfile": "$RUN/docker.pid",
  "hosts": ["unix://$socket"], "group": "$(id -g)",
  "bridge": "$BRIDGE", "default-address-pools": [{"base": "$POOL", "size": 24}],
  "iptables": false, "ip6tables": false, "mtu": $(mtu),
  "features": {"containerd-snapshotter": true}, "storage-driver": "$(snapshotter)",
  "containerd-namespace": "envlock-ci", "containerd-plugins-namespace": "envlock-ci-plugins",
  "log-level": "warn", "builder": {"gc": {"enabled": true, "defaultKeepStorage": "40GB"}} }
J
    as_root env PATH="$BIN:$PATH" setsid nohup "$BIN/dockerd" --config-file "$PLACE/daemon.json" \
      >"$RUN/docker.log" 2>&1 </dev/null &
  fi
  export PATH=$BIN:$PATH DOCKER_HOST=unix://$socket DOCKER_CONFIG=$PLACE/docker-config BUILDX_CONFIG=$PLACE/buildx
  unset BUILDX_BUILDER DOCKER_CONTEXT
  for _ in $(seq 1 150); do docker version >/dev/null 2>&1 && return; sleep 0.2; done
  tail -30 "$RUN/docker.log" >&2; fail "the engine does not start (its log is $RUN/docker.log)"
}

# --- builder -------------------------------------------------------------------------------------

# The proof that counts: a tiny image pushed by digest. Only the builder's answer is looked at.
pushes_by_digest() {
  printf 'FROM scratch\nLABEL envlock.probe=1\n' |
    timeout 120 docker buildx build --builder "$1" --quiet --provenance=false \
      --output "type=image,name=$REGISTRY/envlock/probe,push=true,push-by-digest=true,name-canonical=true,oci-mediatypes=true" - \
      >"$RUN/probe.log" 2>&1
}

# The BuildKit inside the daemon behind $1 (a socket's path), as a builder that may push by digest.
embedded_buildkit() {
  if ! alive buildkit; then
    start buildkit python3 "$CI/buildkit-socket.py" "$1" "$RUN/buildkit.sock"
    for _ in $(seq 1 50); do [ -S "$RUN/buildkit.sock" ] && break; sleep 0.1; done
  fi
  # A builder of this name may be left from another folder.
  docker buildx inspect envlock-ci 2>/dev/null | grep -qF "unix://$RUN/buildkit.sock" && return
  docker buildx rm envlock-ci >/dev/null 2>&1 || true
  docker buildx create --name envlock-ci --driver remote "unix://$RUN/buildkit.sock" >/dev/null
}

docker_works() { command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; }

# Sets BUILDER to a builder of the Docker that is there, or fails.
existing_builder() {
  local name endpoint
  for name in "${BUILDX_BUILDER:-}" "$(docker buildx inspect 2>/dev/null | sed -n 's/^Name: *//p' | head -1)"; do
    if [ -n "$name" ] && pushes_by_digest "$name"; then BUILDER=$name; return 0; fi
  done
  endpoint=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)}
  case $endpoint in unix://*) ;; *) return 1 ;; esac
  embedded_buildkit "${endpoint#unix://}"
  if pushes_by_digest envlock-ci; then BUILDER=envlock-ci; return 0; fi
  docker buildx rm envlock-ci >/dev/null 2>&1; stop buildkit
  # A daemon without the containerd image store: a BuildKit in a container, with the host's loopback.
  docker buildx inspect envlock-ci-container >/dev/null 2>&1 ||
    docker buildx create --name envlock-ci-container --driver docker-container --driver-opt network=host >/dev/null || return 1
  if pushes_by_digest envlock-ci-container; then BUILDER=envlock-ci-container; return 0; fi
  docker buildx rm envlock-ci-container >/dev/null 2>&1
  return 1
}

# --- commands ------------------------------------------------------------------------------------

write_env() {
  {
    if [ -d "$BIN" ]; then echo "export PATH=\"$BIN:\$PATH\""; fi
    if [ -n "$OWN" ]; then
      echo "export DOCKER_HOST=$DOCKER_HOST DOCKER_CONFIG=$DOCKER_CONFIG BUILDX_CONFIG=$BUILDX_CONFIG"
    elif [ -n "${DOCKER_HOST:-}" ]; then
      echo "export DOCKER_HOST=$DOCKER_HOST"
    fi
    echo "export BUILDX_BUILDER=$BUILDER ENGINE_REGISTRY=$REGISTRY"
  } >"$PLACE/env"
}

up() {
  local tool
  for tool in curl python3; do
    command -v $tool >/dev/null || fail "$tool is missing" "apt-get install $tool"
  done
  mkdir -p "$RUN"
  OWN='' BUILDER='' REGISTRY=''
  if ! alive docker && [ "${ENVLOCK_ENGINE:-}" != own ] && docker_works; then
    say "taking the Docker that is here: $(docker version --format '{{.Server.Version}}') at ${DOCKER_HOST:-$(docker context show)}"
    if [ -n "${ENGINE_REGISTRY:-}" ] && answers_v2 "${ENGINE_REGISTRY%%/*}"; then
      REGISTRY=$ENGINE_REGISTRY
      say "taking the registry that is here: $REGISTRY"
    else
      registry_up
    fi
    existing_builder || say "this Docker cannot push by digest to $REGISTRY ($(tail -1 "$RUN/probe.log")); starting a private one"
  fi
  if [ -z "$BUILDER" ]; then
    registry_up
    dockerd_up
    embedded_buildkit "$RUN/docker.sock"
    BUILDER=envlock-ci
    pushes_by_digest "$BUILDER" || { cat "$RUN/probe.log" >&2; fail "the engine is up and cannot push to $REGISTRY"; }
  fi
  write_env
  say "ready: Docker $(docker version --format '{{.Server.Version}}'), $(docker buildx version | cut -d' ' -f1,2), builder $BUILDER, registry $REGISTRY"
  say "to use it:  . $PLACE/env"
}

down() {
  local bridge
  if [ -s "$PLACE/env" ]; then
    # What was added to the settings of a Docker that is not ours goes too.
    # shellcheck disable=SC1091
    (. "$PLACE/env" && case $BUILDX_BUILDER in envlock-ci*) docker buildx rm "$BUILDX_BUILDER" ;; esac) >/dev/null 2>&1 || true
  fi
  stop buildkit; stop docker; stop registry
  if read -r bridge _ 2>/dev/null <"$PLACE/network" && ip link show "$bridge" >/dev/null 2>&1; then
    firewall -D 2>/dev/null || true
    as_root ip link delete "$bridge"
  fi
  rm -f "$PLACE/env" "$PLACE/network"
}

clean() {
  if [ -e "$PLACE" ] && [ ! -e "$RUN" ]; then fail "$PLACE was not made by this script; it stays"; fi
  down
  # The part of the data that containers own belongs to root.
  if [ -d "$PLACE/docker" ]; then as_root rm -rf "$PLACE/docker" "$RUN"; fi
  rm -rf "$PLACE"
  say "removed $PLACE"
}

# One name for the same packages: unpacked once.
tool() {
  [ $# -gt 0 ] || fail "ci/engine.sh tool PACKAGE…"
  mkdir -p "$RUN"
  unpack "tool-$(IFS=-; echo "$*")" "$@" >&2
  echo "$BIN"
}

case ${1:-} in
  up | down | clean) "$1" ;;
  tool) shift; tool "$@" ;;
  env) cat "$PLACE/env" 2>/dev/null || fail "nothing is up; run ci/engine.sh up" ;;
  *) echo "usage: ci/engine.sh up|down|clean|env|tool PACKAGE…" >&2; exit 2 ;;
esac
