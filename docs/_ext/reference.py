"""Writes the generated pages of the reference before Sphinx reads the sources; what cannot be explained ends the build."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import api_pages
import command_pages
import format_pages
import message_pages
import recipe_pages
from docstrings import Undocumented
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MARK = "<!-- generated from the code by docs/_ext: do not edit -->"


def pages() -> Iterator[tuple[str, str]]:
    """(path below reference/, MyST) of every generated page."""
    for module in (api_pages, command_pages, recipe_pages, message_pages, format_pages):
        yield from module.pages()


def write(app: Sphinx) -> None:
    """Bring the generated pages up to date; those of names that are gone are removed."""
    folder = Path(app.srcdir) / "reference"
    try:
        wanted = {folder / path: f"{text}\n{MARK}\n" for path, text in pages()}
    except Undocumented as missing:
        raise ExtensionError(f"the reference is not whole: {missing}") from missing
    for old in folder.rglob("*.md"):
        if old not in wanted and MARK in old.read_text(encoding="utf-8"):
            old.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before the sources are looked for."""
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
