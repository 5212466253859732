"""The page of the reference on the folders of models and panels, from the classes that read them."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from api_pages import cell
from docstrings import Undocumented, field_comments

_WORDS: Final = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    type(None): "null",
    Any: "any",
}


def pages() -> Iterator[tuple[str, str]]:
    """(path, MyST) of the page on formats; raises Undocumented for a field without a comment."""
    yield "formats.md", formats_page()


def formats_page() -> str:
    """The fields of both manifests, those of their parts, and the arrays of a panel."""
    from foretell.data.columns import Column
    from foretell.data.frequency import Frequency
    from foretell.data.panel import Panel
    from foretell.data.panel_files import ARRAYS
    from foretell.data.schema import Schema
    from foretell.ingest.panel_folder import FORMAT as PANEL_FORMAT
    from foretell.ingest.panel_folder import SavedPanel
    from foretell.models.saved_model import FORMAT, SavedModel
    from foretell.recipe.dependence import Dependence

    manifests = (SavedModel, SavedPanel)
    parts: dict[Any, None] = {}
    for kind in (*manifests, Schema, Dependence, Frequency, Column):
        for part in (kind, *_parts_of(kind)):
            parts.setdefault(part)
    comments = field_comments(Panel)
    arrays = [f"| `{name}.npy` | {cell(_comment(Panel, name, comments))} |" for name in ARRAYS]
    return (
        "\n\n".join(
            [
                "# Formats of models and panels",
                "A model and a saved panel are folders of JSON and plain arrays; nothing in them is code. Fields that a version does not know"
                " are refused, and so is a newer format. Older formats are read. See [what a folder can do](../explanation/trust.md).",
                f"## A model: format {FORMAT}",
                "`manifest.json` and `weights.safetensors`, whose arrays are the recipe's. The manifest has these fields:",
                fields_table(SavedModel),
                f"## A panel: format {PANEL_FORMAT}",
                "`manifest.json`, `keys.arrow` (the key of each item, a row an item) and an array a file. The manifest has these fields:",
                fields_table(SavedPanel),
                "The arrays, of N items with T steps in all (`filled` and `past_filled` only where there is a filling):",
                "| file | |\n|---|---|\n" + "\n".join(arrays),
                "## Parts of the manifests",
                *(f"### {part.__name__}\n\n{fields_table(part)}" for part in parts if part not in manifests),
            ]
        )
        + "\n"
    )


def fields_table(kind: Any) -> str:
    """A row a field: its name, its type in words, its comment. Raises Undocumented where there is none."""
    comments, hints = field_comments(kind), get_type_hints(kind, include_extras=True)
    rows = ["| field | type | |", "|---|---|---|"]
    for each in fields(kind):
        comment = _comment(kind, each.name, comments)
        rows.append(f"| `{each.name}` | {cell(spelt(hints[each.name]))} | {cell(comment)} |")
    return "\n".join(rows)


def _comment(kind: Any, name: str, comments: Mapping[str, str]) -> str:
    if not comments.get(name):
        raise Undocumented(f"the field {kind.__name__}.{name} has no comment beside it")
    text = re.sub(r"\bNone\b", "null", comments[name])
    return re.sub(r"`(\w+)\.from_json` reads it", lambda read: f"[{read[1]}](#{read[1].lower()})", text)


def spelt(kind: Any) -> str:
    """A type as JSON has it, in words."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return f"{spelt(inner[0])}, {inner[1].least:,g} to {inner[1].most:,g}"
    if origin in (Union, types.UnionType):
        return " or ".join(map(spelt, inner))
    if origin is Literal:
        return " or ".join(f"`{each}`" for each in inner)
    if origin is tuple:
        return f"list of {spelt(inner[0])}" if inner[-1] is Ellipsis else f"[{', '.join(map(spelt, inner))}]"
    if origin is not None and issubclass(origin, Mapping):
        return f"object of {spelt(inner[1])}"
    if is_dataclass(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"  # type: ignore[union-attr]
    return _WORDS[kind]


def _parts_of(kind: Any) -> Iterator[Any]:
    """The classes that the fields of a class are made of, and theirs."""
    for hint in get_type_hints(kind, include_extras=True).values():
        yield from _classes_in(hint)


def _classes_in(kind: Any) -> Iterator[Any]:
    if is_dataclass(kind):
        yield kind
        yield from _parts_of(kind)
    elif get_origin(kind) is not Literal:
        for inner in get_args(kind):
            if inner is not Ellipsis and (get_origin(kind) is not Annotated or isinstance(inner, type)):
                yield from _classes_in(inner)
