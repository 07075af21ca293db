#!/usr/bin/env bash
# ci/screens.sh [FOLDER]: records what a build and a resolve show on a terminal, from a real run against a registry on loopback, as SVG
# into docs/images or FOLDER. Needs docker-registry, as the tests do.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
cd "$ROOT"
folder=$(realpath -m "${1:-docs/images}")
mkdir -p "$folder"
ENVLOCK_TEST_SCREENS=$folder step "screens into $folder" cargo test --locked --test it recordings_for_the_documents -- --ignored
