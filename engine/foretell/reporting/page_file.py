"""A page written to a file: whole or not at all, and never over what is not foretell's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from foretell.errors import ForetellError
from foretell.system.atomic_files import write_text
from foretell.system.folder_lock import claimed
from foretell.system.results import may_replace_page


def write_page(render: Callable[[], str], path: str | Path, *, overwrite: bool) -> None:
    """Write what `render` gives to an .html file.

    Raises ForetellError for another ending, and where the file is there already; to `overwrite` replaces a page of foretell, and
    nothing else.
    """
    if Path(path).suffix.lower() != ".html":
        raise ForetellError(f"a page must end in .html, got {str(path)!r}")
    with claimed(path):
        may_replace_page(path, overwrite=overwrite)
        write_text(path, render())
