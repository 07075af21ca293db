#!/usr/bin/env bash
# ci/push-faults.sh [SCHEDULES]: pushes through random faults before a real docker-registry, 500 MB each, 1,000 of them.
#
# A proxy injects 429 with Retry-After, 500 to 504, cut requests and answers, stalled connections, 416, refused mounts,
# tokens that run out, sessions that are lost, wrong digests, corrupt read-backs and blobs that are missing after success.
# Every push must end right or with the error that names the fault, and right when it is run again. A cut may cost one part
# (a twentieth of the image) where the registry keeps what arrived, an answer of failure what it was given to. Where a
# session is lost, as docker-registry 2.x does it when a request is cut inside, what it held is sent again: those bytes
# are counted apart. Beside them builds with config.yaml, a twentieth as many.
#
#   BYTES=20000000  bytes of an image (500000000)
#   SEED=1001       the first schedule (1); a schedule does the same with the same number
#   TMPDIR          where the registry keeps its data: about three times BYTES; /dev/shm makes it faster
#
# About 2 s a schedule on 2 cores in /dev/shm; `ENVLOCK_PUSH_…` in tests/it/push_schedules.rs are the same settings.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

SCHEDULES=${1:-1000}
programs() {
  need_toolchain
  if ! command -v docker-registry >/dev/null; then
    PATH=$("$CI/engine.sh" tool docker-registry):$PATH
    export PATH
  fi
}
schedules() {
  export ENVLOCK_PUSH_SCHEDULES=$SCHEDULES ENVLOCK_PUSH_BYTES=${BYTES:-500000000} ENVLOCK_PUSH_SEED=${SEED:-1}
  export ENVLOCK_PUSH_RELEASES=$((SCHEDULES / 20 + 1))
  cd "$ROOT"
  # One after the other: each is measured against its own faults, not against a busy machine.
  cargo test --locked --test it push_schedules:: -- --nocapture --test-threads 1
}

step "docker-registry" programs
step "$SCHEDULES schedules of faults" schedules
times_of_steps
