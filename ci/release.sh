#!/usr/bin/env bash
# ci/release.sh [FOLDER]: the release job. Locked, built, pushed, committed, or nothing at all.
#
#   resolve --check   the lock must answer envlock.toml; a stale lock ends the job with exit 3
#   build --push      images by digest; config.yaml and env.releases.jsonl change together
#   git commit        those two files, and env.lock with the layers that were made; nothing changed,
#                     nothing committed
#
# The registry is envlock.toml's, or ENVLOCK_REGISTRY=HOST[/PREFIX]; the login is `docker login`'s.
# ENVLOCK is the program (envlock). RELEASE_PUSH=1 pushes the commit to the branch that is checked out.
# Exit codes are envlock's.
set -euo pipefail

ENVLOCK=${ENVLOCK:-envlock}
cd "${1:-.}"
say() { printf 'release: %s\n' "$*" >&2; }

# Only what this job writes is committed; other changes must not be there to be mistaken for it.
git update-index -q --refresh || true
if ! git diff --quiet HEAD -- . ; then
  say "the project folder has changes that are not committed:"
  git status --short >&2
  exit 2
fi

"$ENVLOCK" resolve --check
"$ENVLOCK" build --push ${ENVLOCK_REGISTRY:+--registry "$ENVLOCK_REGISTRY"}

config=config.yaml
if [ -e envlock.toml ]; then
  named=$(sed -n '/^\[config\]/,/^\[/s/^path *= *"\(.*\)".*/\1/p' envlock.toml)
  config=${named:-$config}
fi
for file in "$config" env.releases.jsonl env.lock; do
  if [ -e "$file" ]; then git add -- "$file"; fi
done
if git diff --cached --quiet; then
  say "nothing changed: config.yaml runs these images already"
  exit 0
fi
number=$(tail -n 1 env.releases.jsonl | sed -n 's/.*"number":\([0-9]*\).*/\1/p')
git -c user.name="${GIT_AUTHOR_NAME:-envlock}" -c user.email="${GIT_AUTHOR_EMAIL:-envlock@localhost}" \
  commit -q -m "Release $number" -m "$(git diff --cached --unified=0 -- "$config" | grep -E '^\+[^+]' || true)"
say "committed $(git log -1 --format='%h %s')"
if [ "${RELEASE_PUSH:-}" = 1 ]; then git push origin HEAD; fi
