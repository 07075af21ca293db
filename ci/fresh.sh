#!/usr/bin/env bash
# ci/fresh.sh [OPTION…] [SUITE…] [-- COMMAND…]: both doors, ci/quickstart.sh and ci/test.sh, on a bare machine.
#
# For each Debian suite (bookworm trixie forky) a root is made by `debootstrap --variant=minbase`, the commit that is
# checked out here is cloned to /root/envlock in it, and each door runs there with nothing left from anywhere. Times
# and results are printed for each suite; the exit code is 1 when a door failed. Needs root, debootstrap, iproute2 and
# iptables, and the disk that one door needs: the roots are made one after the other.
#
#   --door NAME   only quickstart or test
#   --small       ci/quickstart.sh --small: 0.2 GB of wheels, not 3.3
#   --share       Debian packages, Rust crates and wheels that were downloaded before come in, and stay for the next
#   --keep        the root stays, with all that the doors installed and compiled, and --keep takes it again: for
#                 looking into a failure, no longer a bare machine
#   -- COMMAND…   this in the clone, not the doors
#
# What is brought in, and why:
#   git                 to clone with; nothing else is installed
#   the Rust toolchain  read-only at /opt/rust, as the doors expect one; and cargo's settings of registries and network, where this
#                       machine has any
#   apt's mirror, its options and proxy, http_proxy and the like, certificates in /usr/local/share/ca-certificates,
#   an index address in pip's settings: what this network asks of every machine. Where pip's settings have none here,
#   there is none there, and the doors must find PyPI.
#
# The root is a machine of its own: namespaces for mounts, processes, names and network, where the engine of a door
# may make bridges and rules and take any port. One pair of interfaces, vef-…, leads out, through the two rules of
# this script in the machine's iptables; the machine forwards packets from then on, as with a Docker. All of it ends
# with this script, also when that is killed; what `kill -9` leaves, rules and files, the next run of the suite removes.
#
# ENVLOCK_CI_HOME  where roots and logs are, in fresh/ (/var/lib/envlock-ci)
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
umask 022

CI=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$CI/.." && pwd)
PLACE=${ENVLOCK_CI_HOME:-/var/lib/envlock-ci}/fresh

say() { printf 'fresh: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# --- inside the namespaces -----------------------------------------------------------------------

# A pair of interfaces, one end with the machine: $1 names it, $2 are the first three numbers and a dot, $3 the fourth.
connect() {
  local name=$1 net=$2 n=$3 outside=(nsenter --net=/proc/self/fd/8) mtu   # 8: `machine`
  mtu=$("${outside[@]}" ip -o -4 route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -1)
  mtu=$("${outside[@]}" cat "/sys/class/net/$mtu/mtu" 2>/dev/null || echo 1500)
  ip link set lo up
  "${outside[@]}" ip link add "$name" mtu "$mtu" type veth peer name eth0 mtu "$mtu" netns 1
  "${outside[@]}" ip address add "$net$((n + 1))/30" dev "$name"
  "${outside[@]}" ip link set "$name" up
  ip address add "$net$((n + 2))/30" dev eth0
  ip link set eth0 up
  ip route add default via "$net$((n + 1))"
}

# What a machine that has just started has mounted. The root itself is a mount: containerd and runc want that.
mounts() {
  local suite=$1 root=$2 toolchain=$3 shared=$4 at
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
  mount --bind /dev "$root/dev"
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mkdir -p "$root/opt/rust"
  mount --bind "$toolchain" "$root/opt/rust"
  mount -o remount,bind,ro "$root/opt/rust"
  [ -n "$shared" ] || return 0
  for at in crates:root/.cargo/registry wheels:root/.cache/envlock "$suite:var/cache/apt/archives"; do
    mkdir -p "$shared/${at%%:*}" "$root/${at#*:}"
    mount --bind "$shared/${at%%:*}" "$root/${at#*:}"
  done
}

# Becomes the first process of the machine, and runs COMMAND… in the clone.
inside() {
  local suite=$1 name=$2 net=$3 n=$4 root=$5 toolchain=$6 shared=$7; shift 7
  local variables=(HOME=/root TERM="${TERM:-dumb}" SHELL=/bin/bash
    PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin) variable
  for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [ -n "${!variable:-}" ]; then variables+=("$variable=${!variable}"); fi
  done
  connect "$name" "$net" "$n"
  hostname fresh
  mounts "$suite" "$root" "$toolchain" "$shared"
  cd "$root"
  pivot_root . .
  umount -l .
  mount --make-rshared /
  cd /root/envlock
  # What a shell starts in the background ignores Ctrl-C; nothing on the machine shall inherit that.
  exec env -i --default-signal=INT,QUIT "${variables[@]}" "$@" 8>&- 9>&-
}

# --- a root --------------------------------------------------------------------------------------

mirror() {
  # shellcheck disable=SC2016  # apt's own variables
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 -E '/debian/?$' ||
    fail "apt knows no Debian mirror here"
}

# What apt, TLS and pip of this machine were told about its network.
network_settings() {
  local root=$1 index
  apt-config dump | grep -E '^Acquire::(http|https|Check|Retries)[^ ]* "[^"]+";' >"$root/etc/apt/apt.conf.d/90network" || true
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp -r /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates"
  # A resolver on loopback is not reached from another network namespace.
  if grep -q '^nameserver 127\.' /etc/resolv.conf && [ -e /run/systemd/resolve/resolv.conf ]; then
    cp /run/systemd/resolve/resolv.conf "$root/etc/resolv.conf"
  else
    cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  fi
  printf '127.0.0.1 localhost fresh\n::1 localhost\n' >"$root/etc/hosts"
  index=${PIP_INDEX_URL:-$(python3 -m pip config get global.index-url 2>/dev/null || true)}
  if [ -n "$index" ]; then
    say "pip's settings name an index here: they do there"
    (umask 077 && printf '[global]\nindex-url = %s\n' "$index" >"$root/etc/pip.conf")
  fi
  mkdir -p "$root/root/.cargo"
  if [ -e "${CARGO_HOME:-$HOME/.cargo}/config.toml" ]; then
    awk '/^\[/ { take = /^\[+(source|registr|http|net)/ } take' "${CARGO_HOME:-$HOME/.cargo}/config.toml" >"$root/root/.cargo/config.toml"
  fi
}

make_root() {
  local suite=$1 root=$2 scripts=/usr/share/debootstrap/scripts script archives=() uri
  uri=$(mirror)
  script=$scripts/$suite
  [ -e "$script" ] || script=$scripts/sid   # a debootstrap older than the suite
  if [ -n "$SHARED" ]; then archives=(--cache-dir="$SHARED/$suite"); mkdir -p "${archives[0]#*=}"; fi
  rm -f "$PLACE/$suite/made"
  remove_root "$root"
  say "making $suite by debootstrap (log: $PLACE/$suite.log)"
  mkdir -p "$root"
  DPKG_FORCE=unsafe-io debootstrap --variant=minbase --include=git "${archives[@]}" \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$suite" "$root" "$uri" "$script" >"$PLACE/$suite.log" 2>&1 ||
    { tail -5 "$PLACE/$suite.log" >&2; fail "debootstrap failed"; }
  network_settings "$root"
  git clone -q --no-hardlinks --no-checkout "$ROOT" "$root/root/envlock"
  check_out "$root/root/envlock"
  touch "$PLACE/$suite/made"
}

check_out() {
  git -C "$1" fetch -q "$ROOT" "$COMMIT"
  git -C "$1" checkout -q --force --detach "$COMMIT"
}

remove_root() { rm -rf --one-file-system "$1"; }

# --- a suite -------------------------------------------------------------------------------------

firewall() {
  local action=$1 name=$2 block=$3 rule
  for rule in "-t nat $action POSTROUTING -s $block ! -d $block -j MASQUERADE" \
    "$action FORWARD -s $block -j ACCEPT" "$action FORWARD -d $block -j ACCEPT"; do
    # shellcheck disable=SC2086  # words
    iptables -w $rule -m comment --comment "$name" 2>/dev/null || return 1
  done
}

# machine SUITE COMMAND…: runs it in the suite's root. It ends with this script, whatever ends that: unshare by the
# signal for a parent's death, and with it (--kill-child) the machine's first process, and with that all others.
machine() {
  local suite=$1 name=vef-${1:0:10} net=198.51.100. n status=0; shift
  n=$((4 * ($(cksum <<<"$suite" | cut -d' ' -f1) % 64)))
  OUTSIDE=("$name" "$net$n/30")
  while firewall -D "${OUTSIDE[@]}"; do :; done   # of one that was killed
  firewall -I "${OUTSIDE[@]}" || fail "iptables does not work here"
  echo 1 >/proc/sys/net/ipv4/ip_forward
  setpriv --pdeathsig KILL unshare --mount --propagation private --uts --ipc --net --pid --mount-proc --kill-child \
    "${BASH_SOURCE[0]}" --inside "$suite" "$name" "$net" "$n" "$PLACE/$suite/root" "$TOOLCHAIN" "$SHARED" "$@" 8</proc/self/ns/net &
  MACHINE=$!
  wait "$MACHINE" || status=$?
  end_machine
  return $status
}

end_machine() {
  if [ -n "$MACHINE" ]; then
    kill -9 "$MACHINE" 2>/dev/null || true
    wait "$MACHINE" 2>/dev/null || true
  fi
  if [ ${#OUTSIDE[@]} -gt 0 ]; then firewall -D "${OUTSIDE[@]}" || true; fi
  MACHINE='' OUTSIDE=()
}

# door SUITE NAME COMMAND…: its output goes to a file as well; sets a line of RESULTS.
door() {
  local suite=$1 name=$2 from=$SECONDS log=$PLACE/$1-$2.log result=ok; shift 2
  say "$suite: $*"
  # `machine` must be this shell's: its trap ends the process.
  machine "$suite" "$@" > >(tee "$log" >&2) 2>&1 || { result="FAILED (log: $log)"; FAILED=1; }
  RESULTS+=("$(printf '%-10s %-10s %5d s  %s' "$suite" "$name" $((SECONDS - from)) "$result")")
  say "${RESULTS[-1]}"
}

run_suite() {
  local suite=$1 root=$PLACE/$1/root from=$SECONDS
  mkdir -p "$PLACE/$suite"
  exec 9>"$PLACE/$suite/lock"
  flock -n 9 || fail "another ci/fresh.sh is at work on $suite"
  if [ -z "$KEEP" ] || [ ! -e "$PLACE/$suite/made" ]; then make_root "$suite" "$root"; fi
  check_out "$root/root/envlock"
  RESULTS+=("$(printf '%-10s %-10s %5d s  %s' "$suite" root $((SECONDS - from)) "$(git -C "$ROOT" log -1 --format='%h %s' "$COMMIT")")")
  if [ ${#COMMAND[@]} -gt 0 ]; then
    door "$suite" command "${COMMAND[@]}"
  else
    case $DOOR in quickstart | both) door "$suite" quickstart ci/quickstart.sh ${SMALL:+--small} ;; esac
    # A machine of its own: the second door must not live on what the first has installed.
    if [ "$DOOR" = both ] && [ -z "$KEEP" ]; then make_root "$suite" "$root"; fi
    case $DOOR in test | both) door "$suite" test ci/test.sh ;; esac
  fi
  [ -n "$KEEP" ] || remove_root "$PLACE/$suite"
  exec 9>&-
}

# Whatever ended it.
at_end() {
  local line
  end_machine
  for line in "${RESULTS[@]}"; do say "$line"; done
}

if [ "${1:-}" = --inside ]; then shift; inside "$@"; fi

DOOR=both SMALL='' SHARED='' KEEP='' SUITES=() COMMAND=() RESULTS=() FAILED='' MACHINE='' OUTSIDE=()
while [ $# -gt 0 ]; do
  case $1 in
    --door) DOOR=${2:-}; shift; case $DOOR in quickstart | test) ;; *) usage ;; esac ;;
    --small) SMALL=1 ;;
    --share) SHARED=$PLACE/shared ;;
    --keep) KEEP=1 ;;
    --) shift; COMMAND=("$@"); break ;;
    -*) usage ;;
    *) SUITES+=("$1") ;;
  esac
  shift
done
[ ${#SUITES[@]} -gt 0 ] || SUITES=(bookworm trixie forky)
[ "$(id -u)" = 0 ] || fail "this needs root: it mounts, and makes network namespaces"
for tool in debootstrap ip iptables unshare setpriv nsenter pivot_root git; do
  command -v $tool >/dev/null || fail "$tool is missing: apt-get install debootstrap iproute2 iptables util-linux git"
done
TOOLCHAIN=$(rustc --print sysroot)
[ "$TOOLCHAIN" != /usr ] || fail "the Rust toolchain of this machine is a Debian package: install one with rustup"
COMMIT=$(git -C "$ROOT" rev-parse HEAD)
[ -z "$(git -C "$ROOT" status --porcelain)" ] || say "what is not committed here stays here"
mkdir -p "$PLACE"
trap at_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
for suite in "${SUITES[@]}"; do run_suite "$suite"; done
[ -z "$FAILED" ]
