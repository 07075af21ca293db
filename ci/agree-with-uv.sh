#!/bin/bash
# Other people's stacks, resolved from PyPI by envlock and by uv for the same target: the same versions, or the
# differences. Exit 1 where they differ in a way that is not written down in `explained` below.
# Usage: ci/agree-with-uv.sh [STACK…]; ENVLOCK and UV name the programs (target/debug/envlock and uv).
set -euo pipefail
cd "$(dirname "$0")/.."

envlock=$(realpath "${ENVLOCK:-target/debug/envlock}")
uv=${UV:-uv}
python=3.13.0
glibc=2.39
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

declare -A stacks=(
    [huggingface]='transformers datasets accelerate tokenizers'
    [aws]='boto3 s3fs aiobotocore'
    [dask]='dask[complete] pandas<3 pyarrow distributed'
    [airflow]='apache-airflow>=3'
    [jupyter]='jupyterlab notebook ipywidgets nbconvert[webpdf]'
    [prerelease]='opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-instrumentation-fastapi pydantic>=2.12.0a1'
    [web]='fastapi[standard] sqlalchemy[asyncio] alembic celery[redis] httpx[http2]'
    [boost]='xgboost lightgbm catboost'
    [science]='scikit-learn lightgbm statsmodels matplotlib seaborn numba'
    [jax]='jax[cpu] flax optax orbax-checkpoint'
    [flows]='prefect mlflow'
    [agents]='langchain langchain-openai langgraph chromadb'
    [data]='dbt-core dbt-duckdb polars[all] great-expectations'
)

# torch on PyPI is a CUDA build: without a fitting tag envlock would rightly leave it, and what needs it, out.
declare -A cuda=([huggingface]=cu132)

# STACK PACKAGE → why the two rightly differ.
declare -A explained=()

run() {
    local stack=$1 folder=$work/$1 wishes
    mkdir -p "$folder"
    read -ra wishes <<<"${stacks[$stack]}"
    printf '%s\n' "${wishes[@]}" >"$folder/requirements.in"
    {
        printf '[python]\nversion = "%s"\nsource = "base"\n[target]\ncuda = "%s"\nglibc = "%s"\n' \
            "$python" "${cuda[$stack]:-cpu}" "$glibc"
        # Nothing listens there: the base image is not part of this, and stays unpinned.
        printf '[base]\nruntime = "127.0.0.1:1/none:1"\ndevel = "127.0.0.1:1/none:1"\n'
        printf '[groups.all]\npackages = ['
        printf '"%s", ' "${wishes[@]}"
        printf ']\n[images.all]\ngroups = ["all"]\n'
    } >"$folder/envlock.toml"
    "$uv" pip compile --quiet --no-header --no-annotate --only-binary :all: \
        --python-version "$python" --python-platform "x86_64-manylinux_${glibc/./_}" \
        "$folder/requirements.in" >"$folder/uv.raw" 2>"$folder/uv.log" || true
    sed -e 's/ *;.*//' -e '/^#/d' -e '/^$/d' "$folder/uv.raw" | sort >"$folder/uv.txt"
    "$envlock" --quiet -C "$folder" resolve >/dev/null 2>"$folder/envlock.log" || true
    if [[ ! -s $folder/env.lock || ! -s $folder/uv.txt ]]; then
        printf '%-12s no answer\n' "$stack"
        [[ -s $folder/uv.txt ]] || sed 's/^/    uv: /' "$folder/uv.log" | head -20
        [[ -s $folder/env.lock ]] || sed 's/^/    envlock: /' "$folder/envlock.log" | tail -20
        return 1
    fi
    awk -F'"' '/^name = /{name=$2} /^version = "/&&name{print name "==" $2; name=""}' "$folder/env.lock" |
        sort >"$folder/envlock.txt"
    local unexplained=0 line package
    while read -r line; do
        package=${line#?}
        package=${package%%==*}
        printf '    %s%s\n' "$line" "${explained[$stack $package]:+   (${explained[$stack $package]})}"
        [[ ${explained[$stack $package]:-} ]] || unexplained=1
    done < <(diff -U0 "$folder/uv.txt" "$folder/envlock.txt" | grep -E '^[-+][^-+]' || true) >"$folder/diff"
    printf '%-12s %3d packages, %s\n' "$stack" "$(wc -l <"$folder/envlock.txt")" \
        "$(if [[ -s $folder/diff ]]; then echo "differences (- uv, + envlock):"; else echo "the same"; fi)"
    cat "$folder/diff"
    return "$unexplained"
}

failed=0
for stack in $(printf '%s\n' "${@:-${!stacks[@]}}" | sort); do
    run "$stack" || failed=1
done
exit "$failed"
