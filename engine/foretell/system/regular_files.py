"""Files of a folder that others may have written: only regular ones are opened, and no link is followed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from foretell.errors import ForetellError

# A pipe would be waited for, a terminal become ours; Windows has none of these flags.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_regular(path: Path) -> BinaryIO:
    """The file at `path`, open for reading.

    Raises FileNotFoundError where there is none, and ForetellError for a link, a folder, a pipe, a device, and for what
    cannot be read.
    """
    try:
        if path.is_symlink():  # said in words, and where the system cannot refuse to follow
            raise ForetellError(
                f"{path} is a link: only regular files are opened. Put the file itself there."
            )
        descriptor = os.open(path, _FLAGS)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ForetellError(f"{str(path)!r} is no name of a file: {error}.") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ForetellError(f"{path} is no regular file (a folder, a pipe or a device).")
    return os.fdopen(descriptor, "rb")


def read_regular(path: Path, *, most: int) -> bytes:
    """The bytes of the regular file at `path`; raises as `open_regular`, and ForetellError for more than `most` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ForetellError(f"{path} has {size:,} bytes, expected {most:,} at most.")
        try:
            return file.read(size)
        except OSError as error:
            raise ForetellError(f"{path} cannot be read: {error.strerror or error}.") from error
