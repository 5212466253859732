"""How many tasks a machine has room for: cores, and memory that is free."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Final

from foretell.system.big_arrays import memory

WORKER: Final = 700 << 20  # bytes of a process that has loaded torch, before it does anything
_PART: Final = 0.8  # of the memory that is free now: others want some too
_MEMINFO: Final = Path("/proc/meminfo")
_GROUP: Final = Path("/sys/fs/cgroup")
# of libraries that start threads of their own
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def free_memory() -> int:
    """Bytes that may be used now: what the machine has left, and the container where there is one."""
    return min(_free_of_machine(), _free_of_group())


def memory_budget() -> int:
    """Bytes that tasks at work may take together."""
    return int(_PART * free_memory())


def thread_variables(threads: int) -> dict[str, str]:
    """The environment in which libraries start so many threads; what the user has set stays."""
    return {name: os.environ.get(name, str(threads)) for name in _THREADS}


def _free_of_machine() -> int:
    try:
        lines = _MEMINFO.read_text().splitlines()
    except OSError:  # another system than Linux
        return memory() // 2
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), memory())


def _free_of_group() -> int:
    """Bytes that the limit of the control group leaves; files that were only read can be let go of."""
    try:
        limit = (_GROUP / "memory.max").read_text().strip()
        used = int((_GROUP / "memory.current").read_text())
        stat = dict(line.split() for line in (_GROUP / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return memory()
    most = math.inf if limit == "max" else float(limit)
    left = most - used + int(stat.get("inactive_file", 0))
    return memory() if math.isinf(left) else max(int(left), 0)
