#!/bin/bash
# What `envlock export` writes, used for real: a small lock from PyPI goes through pip and uv, with a right and with a
# wrong hash, and the bill of materials through its JSON Schema.
# Usage: ci/export-check.sh; ENVLOCK and PYTHON name the programs (target/debug/envlock and python3).
set -euo pipefail
cd "$(dirname "$0")/.."

envlock=$(realpath "${ENVLOCK:-target/debug/envlock}")
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf '%s\n' "$*" >&2; }
version=$("$python" -c 'import platform; print(platform.python_version())')
glibc=$("$python" -c 'import platform; print(platform.libc_ver()[1])')

# pip before 26.1 does not install from pylock.toml.
"$python" -m venv "$work/tools"
"$work/tools/bin/pip" install --quiet 'pip>=26.1' uv 'cyclonedx-python-lib[json-validation]>=11'
uv=$work/tools/bin/uv

# As PyG's: the file's name has a local version that METADATA lacks.
mkdir "$work/odd"
"$python" - "$work/odd" <<'END'
import base64, hashlib, sys, zipfile
info = "envlock_odd-1.dist-info"
files = {
    "envlock_odd.py": "",
    f"{info}/METADATA": "Metadata-Version: 2.1\nName: envlock-odd\nVersion: 1\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
def row(name, text):
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(text)}\n"
files[f"{info}/RECORD"] = "".join(row(*file) for file in files.items()) + f"{info}/RECORD,,\n"
name = "envlock_odd-1+pt9cpu-py3-none-any.whl"
with zipfile.ZipFile(f"{sys.argv[1]}/{name}", "w") as wheel:
    for path, text in files.items():
        wheel.writestr(path, text)
with open(f"{sys.argv[1]}/links.html", "w") as page:
    page.write(f'<a href="{name.replace("+", "%2B")}">{name}</a>')
END
"$python" -u -m http.server --bind 127.0.0.1 --directory "$work/odd" 0 >"$work/server.log" 2>&1 &
server=$!
trap 'kill "$server"; rm -rf "$work"' EXIT
until port=$(grep -oE 'port [0-9]+' "$work/server.log"); do sleep 0.1; done
port=${port#port }

mkdir "$work/project"
cd "$work/project"
cat >envlock.toml <<END
[python]
version = "$version"
source = "base"
[target]
cuda = "cpu"
glibc = "$glibc"
[base]
# Nothing listens there: no image is built here.
runtime = "127.0.0.1:1/none:1"
devel = "127.0.0.1:1/none:1"
[groups.all]
packages = ["marimo", "pyzmq", "envlock-odd"]
[packages]
envlock-odd = { index = ["odd"] }
[sources.odd]
kind = "find-links"
url = "http://127.0.0.1:$port/links.html"
[images.all]
groups = ["all"]
END
"$envlock" --quiet resolve >locked.txt 2>/dev/null
"$envlock" export --format pylock -o pylock.toml
"$envlock" export --format requirements -o requirements.txt
"$envlock" export --format cyclonedx -o bom.json
awk -F'"' '/^name = /{name=$2} /^version = "/&&name{print name "==" $2; name=""}' env.lock | sort >expected.txt
for file in pylock.toml requirements.txt; do
    # Of the first wheel, so that every tool meets it.
    sed -E '0,/[0-9a-f]{64}/s/[0-9a-f]{60}([0-9a-f]{4})/'"$(printf '0%.0s' {1..60})"'\1/' "$file" >"wrong.$file"
done
mv wrong.pylock.toml pylock.wrong.toml
say "$(wc -l <expected.txt) packages for Python $version, glibc $glibc"

# check NAME INSTALL…: an empty environment, INSTALL with its folder for @, then exactly the lock is in it.
check() {
    local name=$1 environment=$work/$1 step
    shift
    "$uv" venv --quiet --python "$python" "$environment"
    for step in "$@"; do
        printf '%s\n' "${step//@/$environment}"
    done | xargs -d '\n' env UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1 >"$work/$name.log" 2>&1 || return 1
    # What came by its address is shown with that, and with the version of its METADATA.
    "$uv" pip freeze --quiet --python "$environment" | sed 's/^envlock-odd @ .*/envlock-odd==1+pt9cpu/' | sort |
        sed 's/^envlock-odd==1$/&+pt9cpu/' | diff expected.txt - >&2
}
pip=("$work/tools/bin/pip" --python @ install --quiet)
uv_install=("$uv" pip install --quiet --python @ --require-hashes)
uv_sync=("$uv" pip sync --quiet --preview --python @)

right() {
    check "$@" || { tail -20 "$work/$1.log" >&2; say "$1: not installed as locked"; exit 1; }
    say "$1: installed as locked"
}
wrong() {
    ! check "$@" 2>/dev/null || { say "$1: a wrong hash was accepted"; exit 1; }
    grep -qi 'hash' "$work/$1.log" || { cat "$work/$1.log" >&2; say "$1: failed for another reason"; exit 1; }
    say "$1: refused"
}
right pip-pylock "${pip[@]}" -r pylock.toml
right pip-requirements "${pip[@]}" --require-hashes -r requirements.txt
right uv-pylock "${uv_sync[@]}" pylock.toml
right uv-requirements "${uv_install[@]}" -r requirements.txt
wrong pip-pylock-wrong "${pip[@]}" -r pylock.wrong.toml
wrong pip-requirements-wrong "${pip[@]}" --require-hashes -r wrong.requirements.txt
wrong uv-pylock-wrong "${uv_sync[@]}" pylock.wrong.toml
wrong uv-requirements-wrong "${uv_install[@]}" -r wrong.requirements.txt

# A set of nothing is a lock, too.
mkdir "$work/empty"
sed -e '/^packages = /s/=.*/= []/' -e '/^\[packages\]/,$d' envlock.toml >"$work/empty/envlock.toml"
printf '[images.all]\ngroups = ["all"]\n' >>"$work/empty/envlock.toml"
cd "$work/empty"
"$envlock" --quiet resolve >/dev/null 2>&1
"$envlock" export --format pylock -o pylock.toml
: >expected.txt
right pip-empty "${pip[@]}" -r pylock.toml
right uv-empty "${uv_sync[@]}" pylock.toml
cd "$work/project"

"$work/tools/bin/python" - <<'END' >&2
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
text = open("bom.json").read()
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
assert error is None, error
assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.replace("SHA-256", "SHA-255"))
print("bom.json: valid CycloneDX 1.6")
END
