"""Compiles the modules of a wheel: python -I compile_wheel.py WHEEL SITE_PACKAGES OUT.

Writes a zip without compression that holds NAME/__pycache__/MODULE.TAG.pyc for every module, with a hash that is never
checked in its head (PEP 552): its bytes depend on the source and on this interpreter alone. A file that is no valid module (a
template, code of another Python) is left out, as pip leaves it out.
"""

import importlib.util
import sys
import zipfile
from importlib._bootstrap_external import _code_to_hash_pyc

wheel, site_packages, out = sys.argv[1:]
with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as compiled:
    for name in sorted(source.namelist()):
        if not name.endswith(".py") or name.split("/")[0].endswith(".data"):
            continue
        text = source.read(name)
        try:
            code = compile(text, f"{site_packages}/{name}", "exec", dont_inherit=True, optimize=0)
        except (SyntaxError, ValueError):
            continue
        head = importlib.util.source_hash(text)
        place = zipfile.ZipInfo(importlib.util.cache_from_source(name), (1980, 1, 1, 0, 0, 0))
        place.external_attr = 0o100644 << 16
        compiled.writestr(place, bytes(_code_to_hash_pyc(code, head, False)))
