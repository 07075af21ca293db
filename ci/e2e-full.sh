#!/usr/bin/env bash
# ci/e2e-full.sh [--docker] [--folder DIR]: the full stack, with figures: ci/quickstart.sh, then both images
# pulled by digest into a Docker and used (Ray, torch, PyTorch Geometric, marimo). 3.3 GB of wheels, about
# 20 GB of disk, some minutes; with --docker 30 GB, half an hour. Options are those of ci/quickstart.sh.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

FOLDER=$ROOT/quickstart OPTIONS=()
while [ $# -gt 0 ]; do
  case $1 in
    --docker) OPTIONS+=(--docker) ;;
    --folder) FOLDER=${2:?--folder needs a DIR}; shift ;;
    *) fail "usage: ci/e2e-full.sh [--docker] [--folder DIR]" ;;
  esac
  shift
done

figures() {
  python3 - "$FOLDER/env.lock" <<'P'
import re, sys
text = open(sys.argv[1]).read().split("[[layer]]")[0]   # what was made of the wheels has sizes too
total = lambda key: sum(map(int, re.findall(rf"^{key} = (\d+)$", text, re.M)))
print(f"{text.count('[[package]]')} packages, {total('size') / 1e9:.2f} GB of wheels, "
      f"{total('unpacked-size') / 1e9:.2f} GB unpacked")
P
  local image
  for image in "$@"; do
    docker buildx imagetools inspect --raw "$image" | python3 -c '
import json, sys
layers = json.load(sys.stdin)["layers"]
size = sum(layer["size"] for layer in layers) / 1e9
print(f"{sys.argv[1]}: {len(layers)} layers, {size:.2f} GB compressed")' "${image%@*}"
  done
}

# quickstart ends its registry with itself; Docker pulls from it now.
registry() {
  need_engine
  ENVLOCK=${ENVLOCK:-${CARGO_TARGET_DIR:-$ROOT/target}/release/envlock}
  if [ ${#OPTIONS[@]} -gt 0 ]; then return; fi
  own_registry "$FOLDER"
}

step "resolve, build --push, rollback" "$CI/quickstart.sh" "${OPTIONS[@]}" --folder "$FOLDER"
step "a Docker to run them" registry
mapfile -t IMAGES < <(release_images "$FOLDER" ray-runtime marimo-runtime)
step "figures" figures "${IMAGES[@]}"
step "the images run" "$ENVLOCK" -C "$FOLDER" verify "${IMAGES[@]}"
times_of_steps
