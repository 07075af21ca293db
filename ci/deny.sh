#!/usr/bin/env bash
# ci/deny.sh: licences, sources and duplicates of all dependencies against deny.toml. Installs cargo-deny
# when it is missing, which compiles for about three minutes; that is why ci/test.sh does not call this.
# `ci/deny.sh advisories` also fetches the advisory database, where GitHub can be reached.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$ROOT"

cargo deny --version >/dev/null 2>&1 || step "install cargo-deny" cargo install --locked --debug cargo-deny
step "cargo deny" cargo deny --workspace --all-features check "${@:-licenses}" bans sources
