"""What a job takes of the machine: the memory of its processes, and room on the home's disk."""

from __future__ import annotations

import errno
import shutil
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def group_of(leader: int) -> list[int]:
    """The processes of a group that live; none where the system does not list them under /proc."""
    found = []
    for entry in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            state, _, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            if int(group) == leader and state != "Z":
                found.append(int(entry.name))
    return found


def anonymous_memory(process: int) -> int:
    """Bytes of memory that are the process's own, and not of a file; 0 where it is gone."""
    with suppress(OSError, ValueError):
        for line in (_PROCESSES / str(process) / "status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return 0


def free_disk(folder: Path) -> int:
    """Bytes that may still be written there."""
    return shutil.disk_usage(folder).free


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one that it came from, is of a disk without room, or of a quota that is used up."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, OSError) and at.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        at = at.__cause__ or at.__context__
    return False
