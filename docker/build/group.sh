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
# An interpreter that is patched to install elsewhere would pass unseen: the environment itself must have it all.
"$env/bin/python" -I -B -c '
import importlib.metadata, re, sys
names = [line.split("==")[0] for line in open("/media/requirements.txt") if re.match("[A-Za-z0-9]", line)]
for name in names:
    place = str(importlib.metadata.distribution(name).locate_file(""))
    if not place.startswith(sys.prefix + "/"):
        sys.exit(f"{name} was installed into {place}, not into {sys.prefix}")
' || fail "not every distribution of the group $group is in $env"
settle "$env"
