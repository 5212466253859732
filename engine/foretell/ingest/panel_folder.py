"""A panel as a folder: `manifest.json`, the items' keys, and an array a file that is opened without being read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np

from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.panel_files import (
    KEYS,
    SavedFiles,
    check_shapes,
    read_panel_files,
    remove_others,
    verify_panel_files,
    write_panel_files,
)
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.context import Names
from foretell.system.big_arrays import pieces
from foretell.system.folder_lock import claimed
from foretell.system.listener import heed
from foretell.system.regular_files import read_regular
from foretell.system.results import new_result
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.typed import Within, typed

# of the folder; raised when an older foretell could not read it, so with every new field of the manifest
# (2: columns say what they stand for; 3: checksums by block, of large files too)
FORMAT: Final = 3
MANIFEST: Final = "manifest.json"
KIND: Final = "panel"
_AGAIN: Final = "Write it anew with foretell ingest."


@dataclass(frozen=True, slots=True)
class Saved:
    """What a folder holds."""

    panel: Panel
    names: Names
    findings: tuple[Finding, ...]
    rows: Mapping[str, int]  # of each table that the panel was read from, by its label
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPanel:
    """The fields of a panel's manifest, its files apart; a field that is not here is refused when a panel is opened."""

    format: int  # a foretell that knows only lower ones refuses the folder
    kind: str  # "panel"
    foretell: str  # the version that wrote it
    written: str  # time of saving, ISO
    schema: Mapping[str, Any]  # `Schema.from_json` reads it
    items: Annotated[int, Within(0, 1 << 50)]  # how many
    fingerprint: str  # of the tables as they were read, sha256
    names: Names  # columns of the target table, as the user calls them
    findings: tuple[Finding, ...]  # of reading the tables
    rows: Mapping[str, int]  # of each table, by its label
    files: SavedFiles  # its entries stand beside the others


def is_panel(path: object) -> bool:
    """Whether `path` names a folder with a saved panel, or what is left of one."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    folder = Path(path)
    if not folder.is_dir():
        return False
    return _kind(folder) == KIND or (folder / KEYS).is_file()


def write_panel(saved: Saved, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write a panel to `folder`, whole or not at all, in the place of a result there if that is to be overwritten.

    Raises ForetellError when `folder` holds anything else, when the disk is full, and when another process writes it.
    """
    folder = Path(folder)
    with claimed(folder):
        with new_result(folder, "panel", overwrite=overwrite) as partial:
            manifest = _manifest(saved, write_panel_files(saved.panel, partial))
            text = json.dumps(manifest, indent=1, ensure_ascii=False)
            (partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
        remove_others(folder, manifest)


def _manifest(saved: Saved, files: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": KIND,
        "foretell": _version(),
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "schema": saved.panel.schema.to_json(),
        "items": len(saved.panel),
        "fingerprint": saved.fingerprint,
        "names": {**asdict(saved.names), "key": dict(saved.names.key)},
        "findings": [asdict(finding) for finding in saved.findings],
        "rows": dict(saved.rows),
        **files,
    }


def read_panel(folder: str | Path) -> Saved:
    """The panel in `folder`, its large arrays mapped and not read.

    Raises ForetellError naming the file that is missing, damaged, cut short or of a newer format.
    """
    folder = Path(folder)
    said = _read_manifest(folder)
    try:
        manifest = typed(SavedPanel, _upgraded(said))
        schema = Schema.from_json(manifest.schema)
        check_shapes(manifest.files, schema)
        sealed = [manifest.files.keys, *manifest.files.arrays.values()]
        if manifest.format >= 3 and any(file.blocks is None for file in sealed):
            raise ForetellError("a file has no checksums")
        if set(manifest.names.key) != set(schema.key):
            raise ForetellError("its names are not those of the key")
    except (ForetellError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(folder / MANIFEST, error) from error
    try:
        panel = read_panel_files(folder, manifest.files, schema)
    except ForetellError as error:
        raise ForetellError(f"{error} {_AGAIN}") from error
    return Saved(panel, manifest.names, manifest.findings, manifest.rows, manifest.fingerprint)


def verify_panel(folder: str | Path) -> int:
    """Read every file of a saved panel whole and compare all checksums; the number of bytes that have one.

    Raises ForetellError naming the file, and the part of it, that differs.
    """
    folder = Path(folder)
    panel = read_panel(folder).panel
    try:
        return verify_panel_files(folder, typed(SavedPanel, _upgraded(_read_manifest(folder))).files, panel)
    except ForetellError as error:
        raise ForetellError(f"{error} {_AGAIN}") from error


def _upgraded(said: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of format 1 or later as one of the present format, its files apart.

    Up to format 2, a file of at most one block had one checksum, a larger one none.
    """
    manifest = dict(said)
    files = {name: manifest.pop(name) for name in ("future", "keys", "arrays")}
    if said["format"] < 3:
        files["keys"] = _in_blocks(files["keys"])
        files["arrays"] = {name: _in_blocks(array) for name, array in files["arrays"].items()}
    return {**manifest, "files": files}


def _in_blocks(file: Mapping[str, Any]) -> dict[str, Any]:
    rest = dict(file)
    digest = rest.pop("sha256")
    return {**rest, "blocks": None if digest is None else [digest]}


def _damaged(path: Path, error: object) -> ForetellError:
    return ForetellError(f"{path} is damaged: {str(error).rstrip('.')}. {_AGAIN}")


def fingerprint(panel: Panel) -> str:
    """A sha256 over keys, times and values, in hex: equal for equal data."""
    digest = hashlib.sha256()
    for column in panel.keys:
        digest.update("\x1f".join(panel.keys[column]).encode() + b"\x1e")
    for array in (
        panel.start,
        panel.offsets,
        panel.target,
        panel.known,
        panel.past,
        panel.static_real,
        panel.static_cat,
    ):
        digest.update(f"{array.dtype}{array.shape}".encode())
        for part in pieces(len(array)):
            heed()
            digest.update(np.ascontiguousarray(array[part]).data)
    return digest.hexdigest()


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = parse_json(read_regular(path, most=MOST_BYTES))
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {folder} holds no whole panel. {_AGAIN}") from error
    except ForetellError as error:
        raise _damaged(path, error) from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise ForetellError(f"{folder} holds no panel: its {MANIFEST} is of something else. {_AGAIN}")
    found = manifest.get("format")
    if type(found) is not int or found < 1:
        raise _damaged(path, f"there is no format {found!r}")
    if found > FORMAT:
        raise ForetellError(
            f"{folder} has panel format {found}, this foretell reads up to {FORMAT}. Install a newer foretell, or"
            " ingest the tables again."
        )
    return manifest


def _kind(folder: Path) -> object:
    try:
        manifest = parse_json(read_regular(folder / MANIFEST, most=MOST_BYTES))
    except (OSError, ForetellError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None


def _version() -> str:
    from importlib.metadata import version

    return version("foretell")
