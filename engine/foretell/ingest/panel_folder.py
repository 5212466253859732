"""A panel as a folder: `manifest.json`, the items' keys, and an array a file that is opened without being read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.panel_files import KEYS, read_panel_files, remove_others, write_panel_files
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.context import Names
from foretell.system.atomic_files import new_folder
from foretell.system.big_arrays import pieces
from foretell.system.folder_lock import claimed
from foretell.system.listener import heed

# of the folder; raised when an older foretell could not read it (2: columns say what they stand for)
FORMAT: Final = 2
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


def is_panel(path: object) -> bool:
    """Whether `path` names a folder with a saved panel, or what is left of one."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    folder = Path(path)
    if not folder.is_dir():
        return False
    return _kind(folder) == KIND or (folder / KEYS).is_file()


def write_panel(saved: Saved, folder: str | Path) -> None:
    """Write a panel to `folder`, whole or not at all; an older panel there is replaced.

    Raises ForetellError when `folder` holds anything else, when the disk is full, and when another process writes it.
    """
    folder = Path(folder)
    check_replaceable(folder)
    with claimed(folder):
        with new_folder(folder) as partial:
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
    manifest = _read_manifest(folder)
    try:
        schema = _schema_of(folder, manifest)
        panel = _read_files(folder, manifest, schema)
        findings = tuple(Finding(**finding) for finding in manifest["findings"])
        names = Names(**manifest["names"])
        return Saved(panel, names, findings, manifest["rows"], str(manifest["fingerprint"]))
    except ForetellError:
        raise
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise ForetellError(
            f"{folder / MANIFEST} is damaged: {type(error).__name__}: {error}. {_AGAIN}"
        ) from error


def _schema_of(folder: Path, manifest: Mapping[str, Any]) -> Schema:
    try:
        return Schema.from_json(manifest["schema"])
    except ForetellError as error:
        raise ForetellError(f"{folder / MANIFEST} is damaged: {error} {_AGAIN}") from error


def _read_files(folder: Path, manifest: Mapping[str, Any], schema: Schema) -> Panel:
    try:
        return read_panel_files(folder, manifest, schema)
    except ForetellError as error:
        raise ForetellError(f"{error} {_AGAIN}") from error


def check_replaceable(folder: Path) -> None:
    """Raises ForetellError when `folder` is no place for a panel: a file, or a folder of other things."""
    if folder.is_file():
        raise ForetellError(f"{folder} is a file, expected a folder for the panel. Choose another name.")
    others = sorted(entry.name for entry in folder.glob("*"))
    if others and not is_panel(folder):
        raise ForetellError(
            f"{folder} holds other things than a panel, such as {others[0]!r}. Give a new folder, an empty one, or one"
            " with a panel to replace."
        )


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
        manifest = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {folder} holds no whole panel. {_AGAIN}") from error
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ForetellError(f"{path} is damaged: {error}. {_AGAIN}") from error
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise ForetellError(f"{folder} holds no panel: its {MANIFEST} is of something else. {_AGAIN}")
    found = manifest.get("format")
    if not isinstance(found, int) or found > FORMAT:
        raise ForetellError(
            f"{folder} has panel format {found}, this foretell reads up to {FORMAT}. Install a newer foretell, or"
            " ingest the tables again."
        )
    return manifest


def _kind(folder: Path) -> object:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None


def _version() -> str:
    from importlib.metadata import version

    return version("foretell")
