"""The page of the reference on the folders of models and panels, from the classes that read them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from api_pages import cell
from docstrings import field_comments


def pages() -> Iterator[tuple[str, str]]:
    """(path, MyST) of the page on formats."""
    yield "formats.md", formats_page()


def formats_page() -> str:
    """The fields of both manifests."""
    from foretell.ingest.panel_folder import FORMAT as PANEL_FORMAT
    from foretell.ingest.panel_folder import SavedPanel
    from foretell.models.saved_model import FORMAT, SavedModel

    return (
        "\n\n".join(
            [
                "# Formats of models and panels",
                "A model and a saved panel are folders of JSON and plain arrays; nothing in them is code. Fields that a version does not know"
                " are refused, and so is a newer format. Older formats are read. See [what a folder can do](../explanation/trust.md).",
                f"## A model: format {FORMAT}",
                "`manifest.json` and `weights.safetensors`. The manifest has these fields:",
                _table(SavedModel),
                f"## A panel: format {PANEL_FORMAT}",
                "`manifest.json`, `keys.arrow` and an array a file (`*.npy`). The manifest has these fields:",
                _table(SavedPanel),
            ]
        )
        + "\n"
    )


def _table(kind: Any) -> str:
    comments = field_comments(kind)
    rows = ["| field | type | |", "|---|---|---|"]
    for each in fields(kind):
        rows.append(f"| `{each.name}` | `{cell(str(each.type))}` | {cell(comments.get(each.name, ''))} |")
    return "\n".join(rows)
