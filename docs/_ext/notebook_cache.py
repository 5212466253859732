"""Where the outputs of notebooks are kept between builds."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

_DECIDES = ("engine", "recipes", "data")  # what the outputs of a notebook depend on, besides its cells


def cache_folder(root: Path) -> Path:
    """A folder of its own for each state of the sources: a notebook is run again when foretell has changed.

    Those of earlier states are removed.
    """
    digest = hashlib.sha256()
    for path in sorted(file for part in _DECIDES for file in (root / part).rglob("*") if file.is_file()):
        if "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    caches = root / "build" / "notebooks"
    wanted = caches / digest.hexdigest()[:16]
    for other in caches.glob("*") if caches.is_dir() else ():
        if other != wanted:
            shutil.rmtree(other)
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted
