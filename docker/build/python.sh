#!/bin/sh
# Makes /opt/conda/envs/py: the locked archive, or a virtual environment of the base image's own interpreter.
# The interpreter's full version must be the locked one. Runs as ray, without network. The `layers` engine does
# the same without running it (src/engine/layers/python.rs): the two must stay equal.
# shellcheck source=docker/build/settle.sh
. /mnt/settle.sh
export PYTHONDONTWRITEBYTECODE=1
env=/opt/conda/envs/py

case $PYTHON_SOURCE in
standalone)
    set -- /media/*.tar.gz
    [ -f "$1" ] || fail "the envlock build context has no Python archive: run \`envlock build --prepare\`"
    echo "$PYTHON_ARCHIVE_SHA256  $1" | sha256sum --check --quiet || fail "$1 is not the locked archive"
    tar -xzf "$1" -C "$env" --strip-components=1 --no-same-owner
    # Only what the lock names: an archive brings a pip of its own, or forbids ours.
    rm -rf "$env"/lib/python3*/site-packages/* "$env"/lib/python3*/EXTERNALLY-MANAGED "$env"/bin/pip*
    ;;
base)
    # A virtual environment is these few files; what `venv` adds is for people at a prompt.
    python="python${PYTHON_VERSION%.*}"
    interpreter=$(command -v "$python") ||
        fail "the base image has no $python: use one that has it, or python.source = \"standalone\""
    mkdir -p "$env/bin" "$env/include" "$env/lib/$python/site-packages"
    ln -s lib "$env/lib64"
    ln -s "$interpreter" "$env/bin/$python"
    ln -s "$python" "$env/bin/python3"
    ln -s "$python" "$env/bin/python"
    printf 'home = %s\ninclude-system-site-packages = false\nversion = %s\n' \
        "${interpreter%/*}" "$PYTHON_VERSION" >"$env/pyvenv.cfg"
    ;;
*) fail "PYTHON_SOURCE is '$PYTHON_SOURCE': standalone or base" ;;
esac

found=$("$env/bin/python" -c 'import platform; print(platform.python_version())')
[ "$found" = "$PYTHON_VERSION" ] ||
    fail "the interpreter is Python $found, the lock says $PYTHON_VERSION: run \`envlock resolve\`"
find "$env" -name __pycache__ -prune -exec rm -rf {} +
settle "$env"
