#!/usr/bin/env python3
"""Writes src/index/likely.txt anew: who asks for whom among well-known packages, as their newest releases say.

    ci/likely.py PYPI >src/index/likely.txt

PYPI is the address of PyPI, without /simple; `packaging` must be there. Every package that the roots below lead to is
read, for CPython 3.14 on x86-64 Linux. envlock asks for these names before it knows that it needs them: a wrong or old
line costs a request and decides nothing.
"""

import json
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOTS = """
torch torchvision torchaudio torch-geometric ray[client,data,default,rllib,serve,train,tune] marimo[recommended]
accelerate albumentations altair anthropic bokeh boto3 catboost dask[complete] datasets diffusers distributed dvc einops
fastapi[standard] flax gradio httpx huggingface-hub hydra-core ipykernel ipywidgets jax jupyterlab langchain langgraph
lightgbm lightning matplotlib mlflow notebook numba openai opencv-python-headless optuna pandas panel papermill peft
plotly polars pyarrow pydantic pytest pytorch-lightning requests s3fs scikit-learn scipy seaborn sentence-transformers
spacy sqlalchemy streamlit tensorboard timm torchmetrics transformers trl uvicorn[standard] wandb xarray xgboost
""".split()
ENVIRONMENT = {
    "implementation_name": "cpython", "implementation_version": "3.14.0", "os_name": "posix", "platform_machine": "x86_64",
    "platform_python_implementation": "CPython", "platform_release": "", "platform_system": "Linux", "platform_version": "",
    "python_full_version": "3.14.0", "python_version": "3.14", "sys_platform": "linux",
}


def newest(pypi, name):
    """What the newest release requires."""
    with urllib.request.urlopen(f"{pypi.rstrip('/')}/pypi/{name}/json", timeout=60) as answer:
        required = json.load(answer)["info"]["requires_dist"] or []
    return [Requirement(text) for text in required]


def holds(requirement, extra):
    return requirement.marker is None or requirement.marker.evaluate(ENVIRONMENT | {"extra": extra})


def spelled(requirement):
    """NAME, NAME[EXTRA,…], with = behind it where one version is asked for, which is seldom the newest."""
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    pinned = any(s.operator in ("==", "===", "~=") for s in requirement.specifier)
    return canonicalize_name(requirement.name) + extras + ("=" if pinned else "")


def main(pypi):
    requirements, lines, todo = {}, {}, {}
    for root in map(Requirement, ROOTS):
        todo.setdefault(canonicalize_name(root.name), set()).update({"", *root.extras})
    while todo:
        with ThreadPoolExecutor(16) as pool:
            new = [name for name in todo if name not in requirements]
            requirements |= zip(new, pool.map(lambda name: newest(pypi, name), new))
        now, todo = todo, {}
        for name, extras in now.items():
            for extra in sorted(extras):
                key = f"{name}[{extra}]" if extra else name
                if key in lines:
                    continue
                base = {str(r) for r in requirements[name] if holds(r, "")} if extra else set()
                asked = [r for r in requirements[name] if str(r) not in base and holds(r, extra)]
                lines[key] = sorted(set(map(spelled, asked)))
                for r in asked:
                    todo.setdefault(canonicalize_name(r.name), set()).update({"", *r.extras})
    print("# Who asks for whom, by the newest releases: ci/likely.py writes this file. Hints, and nothing else.")
    for key, asked in sorted(lines.items()):
        if asked:
            print(f"{key}: {' '.join(asked)}")


main(sys.argv[1])
