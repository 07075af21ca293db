#!/bin/bash
# Other people's stacks, resolved from PyPI by envlock and by uv for the same target: the same versions, or the
# differences. Exit 1 where they differ in a way that is not written down in `explained` below.
# Usage: ci/agree-with-uv.sh [STACK…]; a STACK may be a file of requirements, such as ci/big-set.txt, packages that are much used
# as one set. ENVLOCK, UV and PYTHON name the programs (target/debug/envlock, uv, python3).
# Not a part of ci/test.sh: what PyPI has changes from day to day, and so do the differences.
set -euo pipefail
cd "$(dirname "$0")/.."

envlock=$(realpath "${ENVLOCK:-target/debug/envlock}")
uv=${UV:-uv}
# Without an interpreter of its own uv looks for one, for half a second and longer.
interpreter=$(command -v "${PYTHON:-python3}")
python=3.13.0
glibc=2.39
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

declare -A stacks=(
    [agents]='langchain langchain-openai langgraph chromadb'
    [airflow]='apache-airflow>=3'
    [ansible]='ansible molecule'
    [aws]='boto3 s3fs aiobotocore'
    [boost]='xgboost lightgbm catboost'
    [dagster]='dagster dagster-webserver dagster-postgres'
    [dask]='dask[complete] pandas<3 pyarrow distributed'
    [dask-cuda]='dask-cuda'
    [data]='dbt-core dbt-duckdb polars[all] great-expectations'
    [flows]='prefect mlflow'
    [geo]='geopandas rasterio rioxarray xarray[complete]'
    [gradio]='gradio streamlit'
    [huggingface]='transformers datasets accelerate tokenizers'
    [images]='opencv-python-headless scikit-image albumentations open3d'
    [jax]='jax[cpu] flax optax orbax-checkpoint'
    [jax-cuda]='jax[cuda13]'
    [jupyter]='jupyterlab notebook ipywidgets nbconvert[webpdf]'
    [lightning]='lightning torchmetrics tensorboard wandb'
    [llamaindex]='llama-index llama-index-vector-stores-qdrant'
    [nlp]='spacy gensim nltk sentence-transformers'
    [prerelease]='opentelemetry-distro opentelemetry-exporter-otlp opentelemetry-instrumentation-fastapi pydantic>=2.12.0a1'
    [pymc]='pymc arviz bambi'
    [ray]='ray[data,train,tune,serve] marimo pyzmq'
    [science]='scikit-learn lightgbm statsmodels matplotlib seaborn numba'
    [scrapers]='scrapy selenium playwright beautifulsoup4'
    [sglang]='sglang'
    [tensorflow]='tensorflow keras tensorboard'
    [torch]='torch torchvision torch_geometric'
    [torchgeo]='torchgeo'
    [unsloth]='unsloth'
    [vllm]='vllm'
    [web]='fastapi[standard] sqlalchemy[asyncio] alembic celery[redis] httpx[http2]'
)

# torch on PyPI is a CUDA build: without a fitting tag envlock would rightly leave it, and what needs it, out. The tag is
# that of the newest torch that the stack can have.
declare -A cuda=(
    [dask-cuda]=cu130 [huggingface]=cu132 [jax-cuda]=cu130 [lightning]=cu132 [nlp]=cu132 [sglang]=cu130 [torch]=cu132
    [torchgeo]=cu132 [unsloth]=cu130 [vllm]=cu130 [ci/big-set.txt]=cu132
)

# Packages of another CUDA line that the stack cannot do without, [cuda] allow in envlock.toml.
declare -A allow=([vllm]=nvidia-cutlass-dsl-libs-cu12)

# STACK PACKAGE, or STACK for all of it → why the two rightly differ.
declare -A explained=(
    [dagster]='uv lets dagster-postgres slide to 0.11.13 of 2021; for envlock the requirement that is furthest behind counts'
    [torchgeo]='uv takes pre-releases of hydra-core and omegaconf, which nobody asked for; envlock names them as a way out'
    [ci/big-set.txt]='uv lets mlflow slide to 1.27.0 of 2022 and dagster-postgres to 0.11.13 of 2021; envlock goes back less far, with airflow 3.2.2, pymc 5 and albumentations 1.4'
    [unsloth torchvision]='0.29.2 is built for CUDA 13.2, beside a torch for 13.0'
)

# Of a stack with so many packages the sentence above explains these and no others.
declare -A among=(
    [ci/big-set.txt]='
        aiosqlite albucore albumentations apache-airflow apache-airflow-core apache-airflow-task-sdk apprise bokeh
        cachetools cadwyn cons dagster dagster-graphql dagster-pipes dagster-postgres dagster-shared dagster-webserver
        databricks-cli entrypoints etuples eval-type-backport fastapi gunicorn importlib-metadata lazy-importer
        logical-unification minikanren mlflow mlflow-skinny multipledispatch numba numkong packaging prefect
        prometheus-flask-exporter pyarrow pymc pytensor python-slugify querystring-parser rapids-dask-dependency
        ruamel-yaml-clib virtualenv whenever
    '
)

# told NAME COMMAND…: prints the command line, with the folder as DIR, and runs it; NAME.log has its words.
told() {
    local name=$1 line tenths begun=$EPOCHREALTIME
    shift
    line=${*//$work/DIR}
    "$@" >/dev/null 2>"$folder/$name.log" || true
    tenths=$(((${EPOCHREALTIME/./} - ${begun/./}) / 100000))
    printf '    $ %s   (%d.%d s)\n' "${name}${line#"$1"}" $((tenths / 10)) $((tenths % 10))
}

requirements() {
    printf '[python]\nversion = "%s"\nsource = "base"\n[target]\ncuda = "%s"\nglibc = "%s"\n' \
        "$python" "${cuda[$stack]:-cpu}" "$glibc"
    # Nothing listens there: the base image is not part of this, and stays unpinned.
    printf '[base]\nruntime = "127.0.0.1:1/none:1"\ndevel = "127.0.0.1:1/none:1"\n'
    [[ -z ${allow[$stack]:-} ]] || printf '[cuda]\nallow = ["%s"]\n' "${allow[$stack]}"
    printf '[groups.all]\npackages = ['
    printf '"%s", ' "$@"
    printf ']\n[images.all]\ngroups = ["all"]\n'
}

refusal() {
    printf '    %s has no answer%s:\n' "$1" "${explained[$stack]:+   (${explained[$stack]})}"
    sed 's/^/      /' "$folder/$1.log" | tail -12
}

run() {
    local stack=$1 folder=$work/$1 requirements unexplained=0 line package why
    mkdir -p "$folder"
    if [[ -f $stack ]]; then
        mapfile -t requirements <"$stack"
        printf '%s: %d requirements\n' "$stack" "${#requirements[@]}"
    else
        read -ra requirements <<<"${stacks[$stack]}"
        printf '%s: %s\n' "$stack" "${stacks[$stack]}"
    fi
    printf '%s\n' "${requirements[@]}" >"$folder/requirements.in"
    requirements "${requirements[@]}" >"$folder/envlock.toml"
    told uv "$uv" pip compile --quiet --no-header --no-annotate --only-binary :all: --python "$interpreter" \
        --python-version "$python" --python-platform "x86_64-manylinux_${glibc/./_}" \
        "$folder/requirements.in" --output-file "$folder/uv.raw"
    told envlock "$envlock" --quiet -C "$folder" resolve
    [[ -s $folder/uv.raw ]] || refusal uv
    [[ -s $folder/env.lock ]] || refusal envlock
    if [[ ! -s $folder/env.lock || ! -s $folder/uv.raw ]]; then
        [[ ${explained[$stack]:-} ]]
        return
    fi
    sed -e 's/ *;.*//' -e '/^#/d' -e '/^$/d' "$folder/uv.raw" | sort >"$folder/uv.txt"
    awk -F'"' '/^name = /{name=$2} /^version = "/&&name{print name "==" $2; name=""}' "$folder/env.lock" |
        sort >"$folder/envlock.txt"
    while read -r line; do
        package=${line#?}
        package=${package%%==*}
        why=${explained[$stack $package]:-${explained[$stack]:-}}
        [[ -z ${among[$stack]:-} || " ${among[$stack]//$'\n'/ } " == *" $package "* ]] || why=''
        printf '    %s%s\n' "$line" "${why:+   ($why)}"
        [[ $why ]] || unexplained=1
    done < <(diff -U0 "$folder/uv.txt" "$folder/envlock.txt" | grep -E '^[-+][^-+]' || true) >"$folder/diff"
    printf '    %d packages, %s\n' "$(wc -l <"$folder/envlock.txt")" \
        "$(if [[ -s $folder/diff ]]; then echo "differences (- uv, + envlock):"; else echo "the same"; fi)"
    cat "$folder/diff"
    return "$unexplained"
}

same=0 failed=0 all=0
for stack in $(printf '%s\n' "${@:-${!stacks[@]}}" | sort); do
    all=$((all + 1))
    run "$stack" || failed=$((failed + 1))
    [[ -s $work/$stack/diff || ! -e $work/$stack/diff ]] || same=$((same + 1))
done
echo "$all stacks: $same the same, $failed with differences that nobody explained"
[[ $failed = 0 ]]
