#!/bin/sh
# Installs one group: exactly the wheels of its requirements.txt, each checked against its sha256 by the locked
# pip. Runs as ray, without network.
# shellcheck source=docker/build/settle.sh
. /mnt/settle.sh
env=/opt/conda/envs/py
group=$1

[ -f /media/requirements.txt ] ||
    fail "the envlock build context has no $group/requirements.txt: run \`envlock build --prepare\` and pass --build-context envlock=.envlock/context"
grep -q '^[^#]' /media/requirements.txt || exit 0

pip="-m pip"
if [ "$group" = python ]; then
    set -- /media/pip-*.whl
    [ -f "$1" ] || fail "the group python has no pip wheel: ask for pip in [groups.python]"
    pip=$1/pip
fi
# shellcheck disable=SC2086 # "-m pip" is two words
"$env/bin/python" -I -B $pip install --quiet --no-index --no-deps --require-hashes --no-compile --no-cache-dir \
    --disable-pip-version-check --no-warn-script-location --find-links /media -r /media/requirements.txt
settle "$env"
