# shellcheck shell=sh
# A login shell (`su - ray -c …`) starts with the system's PATH: put the environment first.
export PATH="/opt/conda/envs/py/bin:/opt/conda/bin:$PATH"
