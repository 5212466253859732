"""What one process hands to another: a folder of JSON and plain arrays, without pickle; panels are memory-mapped there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from foretell.data.panel import Panel
from foretell.data.panel_files import SavedFiles, read_panel_files, write_panel_files
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Recipe, State
from foretell.system.regular_files import read_regular
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.typed import typed


def write_job_panel(panel: Panel, folder: Path) -> None:
    """Write `panel` to the new folder `folder`."""
    folder.mkdir()
    files = write_panel_files(panel, folder, sealed=False)
    write_json({"schema": panel.schema.to_json(), "files": files}, folder / "panel.json")


def read_job_panel(folder: Path) -> Panel:
    """The panel that `write_job_panel` wrote; its arrays stay in their files until they are touched."""
    facts = read_json(folder / "panel.json")
    return read_panel_files(folder, typed(SavedFiles, facts["files"]), Schema.from_json(facts["schema"]))


def write_state(state: State, folder: Path, note: str = "") -> None:
    """Write a predictor's state, and a note beside it, to the new folder `folder`; it is whole once it is there."""
    partial = folder.with_name(f".{folder.name}")
    partial.mkdir()
    facts, arrays = state
    write_json({"facts": facts, "note": note}, partial / "state.json")
    save_file(
        {name: np.asarray(array, order="C") for name, array in arrays.items()}, partial / "arrays.safetensors"
    )
    partial.rename(folder)


def read_state(folder: Path) -> tuple[State, str]:
    """The state that `write_state` wrote, and its note."""
    written = read_json(folder / "state.json")
    return (written["facts"], load_file(folder / "arrays.safetensors")), str(written["note"])


def recipe_to_json(recipe: Recipe) -> dict[str, Any]:
    """Where a recipe's class is found, and its settings; raises ForetellError for one that no other process can import."""
    kind = type(recipe)
    if kind.__module__ == "__main__" or "<" in kind.__qualname__:
        raise ForetellError(
            f"{kind.__qualname__} is defined in a script or a function, where other processes cannot"
            " import it. Put it into a module of its own."
        )
    return {"module": kind.__module__, "name": kind.__qualname__, "settings": settings_of(recipe)}


def recipe_from_json(written: Mapping[str, Any]) -> Any:
    """The recipe that `recipe_to_json` described; only for what this program itself wrote, never of a model."""
    kind: Any = import_module(written["module"])
    for part in written["name"].split("."):
        kind = getattr(kind, part)
    settings = {name: tuple(v) if isinstance(v, list) else v for name, v in written["settings"].items()}
    return kind(**settings)


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write `value` as JSON."""
    path.write_text(json.dumps(value, default=_plain), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """What `write_json` wrote."""
    value: dict[str, Any] = parse_json(read_regular(path, most=MOST_BYTES), special=True)
    return value


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} cannot be handed to another process")
