"""What a row of a committed table says of the machine that it was measured on."""

from __future__ import annotations

import os
from pathlib import Path

from foretell.system.processes import cores as usable


def cores() -> str:
    """`2 cores`, or `2 of 16 cores` where the process may use a part of them (taskset, a container)."""
    there = os.cpu_count() or 1
    mine = usable()
    return f"{there} cores" if mine == there else f"{mine} of {there} cores"


def table_path(text: str) -> Path:
    """The file that `--results` names; its folder is made."""
    path = Path(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
