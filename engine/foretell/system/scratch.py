"""Room for what does not fit into memory, and for what processes hand each other: folders that vanish with their process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from foretell.errors import ForetellError
from foretell.system.temporary_names import temporary_folder

_NAME: Final = "foretell"
_MINE_ALONE: Final = 0o700


def scratch_place(scratch: str | os.PathLike[str] | None = None) -> str:
    """The folder that temporary files go to: `scratch`, or the system's; raises ForetellError where there is none."""
    if scratch is not None:
        return os.fspath(scratch)
    try:
        return tempfile.gettempdir()
    except OSError as error:
        raise _no_place(error) from error


@contextmanager
def scratch_folder(scratch: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """An empty folder in `scratch_place`, for this user alone, which is gone at the end.

    What dead processes left there under such names is removed before: a killed one removes nothing itself. Raises ForetellError
    where it cannot be made.
    """
    place = os.path.abspath(scratch_place(scratch))
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(temporary_folder(Path(place) / _NAME, mode=_MINE_ALONE))
        except OSError as error:
            raise _no_place(error) from error
        yield folder


def _no_place(error: OSError) -> ForetellError:
    where = f" {error.filename!r}" if error.filename else ""
    return ForetellError(
        f"there is no folder for temporary files:{where} {error.strerror or error}. Name one that can be written: scratch= (or the"
        " environment variable TMPDIR)."
    )
