#!/usr/bin/env bash
# ci/check-images.sh RAY_IMAGE MARIMO_IMAGE: starts both as the platform does and looks at them.
#
# Ray: a head, in both ways the platform starts it (`conda run -n py`, and `su - ray`), must report an
# active node. marimo: the image's own command must answer /health. Where torch, PyTorch Geometric or
# Ray's client are inside, they are used too: a product of tensors, a graph convolution, a connection
# from marimo's image to Ray's. Without a GPU all of it runs on the CPU.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

[ $# = 2 ] || fail "usage: ci/check-images.sh RAY_IMAGE MARIMO_IMAGE"
RAY_IMAGE=$1 MARIMO_IMAGE=$2
NAME=envlock-check-$$

at_end() {
  docker rm -f "$NAME-ray" "$NAME-marimo" >/dev/null 2>&1 || true
  docker network rm "$NAME" >/dev/null 2>&1 || true
}

# waits SECONDS CONTAINER TEXT COMMAND…: until the command's output holds the text; its exit code alone
# does not tell (`ray status` is 0 while there is no cluster yet).
waits() {
  local patience=$1 container=$2 text=$3 output='' end; shift 3
  end=$((SECONDS + patience))
  while [ $SECONDS -lt $end ]; do
    output=$("$@" 2>&1) || true
    case $output in *"$text"*) printf '%s\n' "$output" >&2; return ;; esac
    if [ "$(docker inspect -f '{{.State.Running}}' "$container")" != true ]; then break; fi
    sleep 1
  done
  docker logs --tail 40 "$container" >&2
  printf '%s\n' "$output" >&2
  fail "$container: no '$text' within $patience s from: $*"
}

has() { docker run --rm "$RAY_IMAGE" python -c "import $1" 2>/dev/null; }

pull() {
  docker pull -q "$RAY_IMAGE" >&2
  docker pull -q "$MARIMO_IMAGE" >&2
  docker image ls --digests --format '{{.Repository}} {{.Size}}' | sort -u >&2
  docker network create "$NAME" >/dev/null
}

ray_head() {
  docker run -d --name "$NAME-ray" --network "$NAME" --shm-size 1g "$RAY_IMAGE" \
    conda run -n py ray start --head --block --num-cpus 2 --include-dashboard false >/dev/null
  waits 120 "$NAME-ray" "Active:" docker exec "$NAME-ray" conda run -n py ray status
  waits 60 "$NAME-ray" "Resources" docker exec "$NAME-ray" su - ray -c "ray status"
}

ray_task() {
  docker exec "$NAME-ray" python -c '
import ray
ray.init(address="auto", log_to_driver=False)
squares = ray.get([ray.remote(lambda x: x * x).remote(n) for n in range(4)])
assert squares == [0, 1, 4, 9], squares
print("Ray", ray.__version__, "squares", squares)'
}

marimo_serves() {
  docker run -d --name "$NAME-marimo" --network "$NAME" --shm-size 256m "$MARIMO_IMAGE" >/dev/null
  waits 60 "$NAME-marimo" '"healthy"' docker exec "$NAME-marimo" python -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=5).read().decode())'
}

marimo_reaches_ray() {
  docker exec "$NAME-marimo" python -c "
import ray
ray.init('ray://$NAME-ray:10001')
print('from marimo:', ray.cluster_resources())"
}

torch_computes() {
  docker run --rm --shm-size 1g "$RAY_IMAGE" python -c '
import torch, torchvision
print("torch", torch.__version__, "CUDA", torch.version.cuda, "torchvision", torchvision.__version__)
a = torch.arange(6.0).reshape(2, 3)
assert (a @ a.T).tolist() == [[5.0, 14.0], [14.0, 50.0]]
torchvision.ops.nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1.0]), 0.5)'
}

pyg_computes() {
  docker run --rm --shm-size 1g "$RAY_IMAGE" python -c '
import torch, torch_geometric
from torch_geometric.nn import GCNConv
edges = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
out = GCNConv(4, 2)(torch.ones(3, 4), edges)
assert out.shape == (3, 2) and torch.isfinite(out).all()
print("torch_geometric", torch_geometric.__version__, "convolves", tuple(out.shape))'
}

step "pull both images by digest" pull
step "ray start --head, and ray status" ray_head
step "a task on Ray" ray_task
step "marimo serves and is healthy" marimo_serves
if has grpc; then step "from marimo's image to Ray by ray://" marimo_reaches_ray; fi
if has torch; then step "torch computes" torch_computes; fi
if has torch_geometric; then step "PyTorch Geometric computes" pyg_computes; fi
times_of_steps
