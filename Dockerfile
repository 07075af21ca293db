# check=skip=InvalidDefaultArgInFrom
# The images of env.lock. Nothing is chosen here: every version and every base image comes from a build
# argument that `envlock build` sets from the lock, every distribution from the build context `envlock`,
# which holds one folder a group with its wheels and a requirements.txt that pins their sha256.
#
# By hand, after `envlock build --prepare`:
#   docker build --target ray-runtime -t ray-runtime --build-context envlock=.envlock/context \
#     $(cat .envlock/build.args) .
#
# One RUN is one layer is one group, so a new marimo moves marimo's layer only. The installing steps have no
# network. Versions used for nothing but labels are declared after them: they must not spoil the cache.

# Before the first FROM, CUDA_VERSION is the lock's; inside a stage a base image's ENV of that name wins.
ARG CUDA_VERSION
ARG LOCKED_CUDA_VERSION=${CUDA_VERSION}
ARG BASE_IMAGE
ARG RUNTIME_BASE_IMAGE

# Stands in for the build context of this name: a build without --build-context envlock=… ends at once, at the
# first mount from it ("/python: not found"), and takes nothing from anywhere else.
FROM scratch AS envlock

# ---------------------------------------------------------------------------------------------- runtime
FROM ${RUNTIME_BASE_IMAGE} AS runtime
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker,target=/mnt --mount=type=tmpfs,target=/tmp \
    sh /mnt/build/base.sh
# The one step with a network: a C compiler for Triton, from a pinned day of the distribution's archive,
# and only where the lock needs one and the base image has none.
ARG COMPILER
ARG APT_SNAPSHOT
ARG PYTHON_VERSION
ARG PYTHON_SOURCE
RUN --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    sh /mnt/compiler.sh
ENV PATH=/opt/conda/envs/py/bin:/opt/conda/bin:${PATH} \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER ray
ARG PYTHON_ARCHIVE_SHA256
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=python,target=/media \
    sh /mnt/python.sh && sh /mnt/group.sh python
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=torch,target=/media \
    sh /mnt/group.sh torch
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=pyg,target=/media \
    sh /mnt/group.sh pyg
WORKDIR /home/ray
ARG LOCK_SHA256
ARG CREATED
ARG CUDA_TAG
ARG LOCKED_CUDA_VERSION
ARG TORCH_VERSION
ARG PYG_VERSION
ARG RUNTIME_BASE_IMAGE
LABEL org.opencontainers.image.title="runtime" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME_BASE_IMAGE}" \
      dev.envlock.lock.sha256="${LOCK_SHA256}" \
      dev.envlock.cuda.tag="${CUDA_TAG}" \
      dev.envlock.cuda.version="${LOCKED_CUDA_VERSION}" \
      dev.envlock.python.version="${PYTHON_VERSION}" \
      dev.envlock.torch.version="${TORCH_VERSION}" \
      dev.envlock.pyg.version="${PYG_VERSION}"

# ---------------------------------------------------------------------------------------------- devel
# The same environment on the base image that has the CUDA compiler.
FROM ${BASE_IMAGE} AS devel
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker,target=/mnt --mount=type=tmpfs,target=/tmp \
    sh /mnt/build/base.sh
ARG COMPILER
ARG APT_SNAPSHOT
ARG PYTHON_VERSION
ARG PYTHON_SOURCE
RUN --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    sh /mnt/compiler.sh
ENV PATH=/opt/conda/envs/py/bin:/opt/conda/bin:${PATH} \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER ray
ARG PYTHON_ARCHIVE_SHA256
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=python,target=/media \
    sh /mnt/python.sh && sh /mnt/group.sh python
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=torch,target=/media \
    sh /mnt/group.sh torch
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=pyg,target=/media \
    sh /mnt/group.sh pyg
WORKDIR /home/ray
ARG LOCK_SHA256
ARG CREATED
ARG CUDA_TAG
ARG LOCKED_CUDA_VERSION
ARG TORCH_VERSION
ARG PYG_VERSION
ARG BASE_IMAGE
LABEL org.opencontainers.image.title="devel" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE_IMAGE}" \
      dev.envlock.lock.sha256="${LOCK_SHA256}" \
      dev.envlock.cuda.tag="${CUDA_TAG}" \
      dev.envlock.cuda.version="${LOCKED_CUDA_VERSION}" \
      dev.envlock.python.version="${PYTHON_VERSION}" \
      dev.envlock.torch.version="${TORCH_VERSION}" \
      dev.envlock.pyg.version="${PYG_VERSION}"

# ---------------------------------------------------------------------------------------------- ray
FROM devel AS ray-devel
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=ray,target=/media \
    sh /mnt/group.sh ray
ARG RAY_VERSION
LABEL org.opencontainers.image.title="ray-devel" \
      dev.envlock.ray.version="${RAY_VERSION}"

FROM runtime AS ray-runtime
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=ray,target=/media \
    sh /mnt/group.sh ray
ARG RAY_VERSION
LABEL org.opencontainers.image.title="ray-runtime" \
      dev.envlock.ray.version="${RAY_VERSION}"

# ---------------------------------------------------------------------------------------------- marimo
FROM ray-devel AS marimo-devel
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=marimo,target=/media \
    sh /mnt/group.sh marimo
WORKDIR /workspace
EXPOSE 8080
CMD ["marimo-serve"]
ARG MARIMO_VERSION
LABEL org.opencontainers.image.title="marimo-devel" \
      dev.envlock.marimo.version="${MARIMO_VERSION}"

FROM ray-runtime AS marimo-runtime
ARG SOURCE_DATE_EPOCH
RUN --network=none --mount=type=bind,source=docker/build,target=/mnt --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,from=envlock,source=marimo,target=/media \
    sh /mnt/group.sh marimo
WORKDIR /workspace
EXPOSE 8080
CMD ["marimo-serve"]
ARG MARIMO_VERSION
LABEL org.opencontainers.image.title="marimo-runtime" \
      dev.envlock.marimo.version="${MARIMO_VERSION}"
