#!/usr/bin/env bash
# ci/release.sh [--plan] [FOLDER]: the release job, `envlock-release` where envlock was installed from a release. Locked,
# built, pushed, committed, or nothing at all.
#
#   resolve --check   the lock must answer envlock.toml; a stale lock ends the job with exit 3
#   build --push      images by digest; config.yaml and env.releases.jsonl change together
#   git commit        what envlock wrote; nothing changed, nothing committed
#   git push          with RELEASE_PUSH=1, to the branch RELEASE_BRANCH (the one that is checked out)
#
# Where another job pushed first, this one starts again from what the branch is then, RELEASE_TRIES (3) times in all:
# its release gets the next number, or there is nothing left to do.
#
# --plan shows what a release would do, for pull requests: nothing is built, pushed or written.
#
# The registry is envlock.toml's, or ENVLOCK_REGISTRY=HOST[/PREFIX]; the login is `docker login`'s.
# ENVLOCK is the program (envlock). GIT_AUTHOR_NAME and GIT_AUTHOR_EMAIL sign the commit. Exit codes are envlock's.
set -euo pipefail

ENVLOCK=${ENVLOCK:-envlock}
say() { printf 'release: %s\n' "$*" >&2; }
fail() { code=$1; shift; for line in "$@"; do say "$line"; done; exit "$code"; }

plan=
case ${1:-} in
  --plan) plan=1; shift ;;
  -*) fail 2 "unknown option $1: ${0##*/} [--plan] [FOLDER]" ;;
esac
cd "${1:-.}"
registry=(${ENVLOCK_REGISTRY:+--registry "$ENVLOCK_REGISTRY"})

if [ -n "$plan" ]; then
  "$ENVLOCK" resolve --check
  "$ENVLOCK" build --dry-run "${registry[@]}"
  exit 0
fi

# Only what this job writes is committed; other changes must not be there to be mistaken for it.
git update-index -q --refresh || true
if ! git diff --quiet HEAD -- . ; then
  say "the project folder has changes that are not committed:"
  git status --short >&2
  exit 2
fi
branch=${RELEASE_BRANCH:-$(git symbolic-ref --quiet --short HEAD || true)}
if [ "${RELEASE_PUSH:-}" = 1 ] && [ -z "$branch" ]; then
  fail 2 "no branch is checked out; say which one to push to: RELEASE_BRANCH=main"
fi

# Writes a release and commits it; fails where nothing changed.
release() {
  "$ENVLOCK" resolve --check
  # What runs after a release is for the machine that runs the services, not for the job.
  "$ENVLOCK" build --push --then '' "${registry[@]}"
  git add -u -- .
  if [ -e env.releases.jsonl ]; then git add -- env.releases.jsonl; fi
  if git diff --cached --quiet; then return; fi
  message="Layers of env.lock"
  if ! git diff --cached --quiet -- env.releases.jsonl; then
    message="Release $(tail -n 1 env.releases.jsonl | sed -n 's/.*"number":\([0-9]*\).*/\1/p')"
  fi
  lines=$(git diff --cached --unified=0 -- . ':!env.lock' ':!env.*.lock' ':!env.releases.jsonl' | grep -E '^\+[^+]' || true)
  git -c user.name="${GIT_AUTHOR_NAME:-envlock}" -c user.email="${GIT_AUTHOR_EMAIL:-envlock@localhost}" \
    commit -q -m "$message" ${lines:+-m "$lines"}
  say "committed $(git log -1 --format='%h %s')"
}

tries=${RELEASE_TRIES:-3}
for try in $(seq "$tries"); do
  before=$(git rev-parse HEAD)
  release
  if [ "$(git rev-parse HEAD)" = "$before" ]; then
    say "nothing changed: these images run already"
    exit 0
  fi
  if [ "${RELEASE_PUSH:-}" != 1 ]; then exit 0; fi
  if git push --quiet origin "HEAD:refs/heads/$branch"; then
    say "pushed to $branch"
    exit 0
  fi
  git fetch --quiet origin "refs/heads/$branch" ||
    fail 1 "the push was refused and $branch cannot be fetched; the commit is $(git rev-parse HEAD)"
  ahead=$(git rev-parse FETCH_HEAD)
  if [ "$ahead" = "$before" ]; then
    git reset --quiet --keep "$before"
    fail 1 "$branch is what this job began with, and the push was refused: may this job push there?" \
      "The images are in the registry; once it may, run the job again."
  fi
  git merge-base --is-ancestor "$before" "$ahead" ||
    fail 1 "$branch does not hold the commit this job began with ($before): check it out again, and run the job again"
  # The images of this attempt are in the registry; only its record is dropped, for one after the other job's.
  git reset --quiet --keep "$ahead"
  say "$branch has moved to $(git log -1 --format='%h %s'): starting again from there ($try of $tries)"
done
fail 1 "$branch moved while this job was at work, at each try ($tries); nothing was pushed. Run the job again."
