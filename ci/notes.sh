#!/usr/bin/env bash
# ci/notes.sh TAG: what CHANGELOG.md says of the version that TAG (v0.2.0) names. Fails where that is not Cargo.toml's, or
# has no section with a date.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

TAG=${1:?ci/notes.sh TAG}
VERSION=$(cargo_toml version)
[ "$TAG" = "v$VERSION" ] || fail "the tag is $TAG, and Cargo.toml says $VERSION"
grep -qE "^## $VERSION \([0-9]{4}-[0-9]{2}-[0-9]{2}\)$" "$ROOT/CHANGELOG.md" ||
  fail "CHANGELOG.md has no section \"## $VERSION (YYYY-MM-DD)\""
sed -n "/^## $VERSION (/,/^## /{/^## /!p}" "$ROOT/CHANGELOG.md"
