"""A panel as a folder: `manifest.json`, the items' keys, and an array a file that is opened without being read."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.context import Names
from foretell.system.atomic_files import new_folder
from foretell.system.big_arrays import pieces
from foretell.system.folder_lock import claimed
from foretell.system.listener import heed

FORMAT: Final = (
    2  # of the folder; raised when an older foretell could not read it (2: columns say what they stand for)
)
MANIFEST: Final = "manifest.json"
KIND: Final = "panel"
_KEYS: Final = "keys.arrow"
# bytes up to which a file is read and its checksum compared when the folder is opened
_SMALL: Final = 1 << 26
_AGAIN: Final = "Write it anew with foretell ingest."
ARRAYS: Final = (
    "start",
    "offsets",
    "origin",
    "target",
    "known",
    "past",
    "static_real",
    "static_cat",
    "filled",
    "past_filled",
)


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
    return _kind(folder) == KIND or (folder / _KEYS).is_file()


def write_panel(saved: Saved, folder: str | Path) -> None:
    """Write a panel to `folder`, whole or not at all; an older panel there is replaced.

    Raises ForetellError when `folder` holds anything else, when the disk is full, and when another process writes it.
    """
    folder = Path(folder)
    check_replaceable(folder)
    panel = saved.panel
    with claimed(folder):
        with new_folder(folder) as partial:
            arrays = {name: getattr(panel, name) for name in ARRAYS}
            listed = {
                name: _write_array(partial / f"{name}.npy", array)
                for name, array in arrays.items()
                if array is not None
            }
            manifest = {
                "format": FORMAT,
                "kind": KIND,
                "foretell": _version(),
                "written": datetime.now(UTC).isoformat(timespec="seconds"),
                "schema": panel.schema.to_json(),
                "items": len(panel),
                "future": panel.future,
                "fingerprint": saved.fingerprint,
                "names": {**asdict(saved.names), "key": dict(saved.names.key)},
                "findings": [asdict(finding) for finding in saved.findings],
                "rows": dict(saved.rows),
                "keys": _write_keys(partial / _KEYS, panel.keys),
                "arrays": listed,
            }
            text = json.dumps(manifest, indent=1, ensure_ascii=False)
            (partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
        for name in ARRAYS:  # the older panel may have had an array that this one has not
            if name not in listed:
                (folder / f"{name}.npy").unlink(missing_ok=True)


def read_panel(folder: str | Path) -> Saved:
    """The panel in `folder`, its large arrays mapped and not read.

    Raises ForetellError naming the file that is missing, damaged, cut short or of a newer format.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    try:
        schema = Schema.from_json(manifest["schema"])
        listed: Mapping[str, Any] = manifest["arrays"]
        arrays = {
            name: _read_array(folder / f"{name}.npy", listed[name]) for name in ARRAYS if name in listed
        }
        keys = _read_keys(folder / _KEYS, manifest["keys"])
        panel = Panel(keys=keys, schema=schema, future=manifest["future"], **arrays)
        findings = tuple(Finding(**finding) for finding in manifest["findings"])
        names = Names(**manifest["names"])
        return Saved(panel, names, findings, manifest["rows"], str(manifest["fingerprint"]))
    except ForetellError:
        raise
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise ForetellError(
            f"{folder / MANIFEST} is damaged: {type(error).__name__}: {error}. {_AGAIN}"
        ) from error


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


def _write_array(path: Path, array: NDArray[Any]) -> dict[str, Any]:
    """Write one array as .npy, in pieces; what the manifest says of it."""
    with path.open("wb") as file:
        head = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, head)
        for part in pieces(len(array)):
            heed()
            file.write(np.ascontiguousarray(array[part]).data)
    return {"dtype": array.dtype.str, "shape": list(array.shape), **_seal(path)}


def _write_keys(path: Path, keys: pd.DataFrame) -> dict[str, Any]:
    import pyarrow as pa

    table = pa.table({str(name): pa.array(keys[name], pa.large_string()) for name in keys.columns})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return _seal(path)


def _seal(path: Path) -> dict[str, Any]:
    """The size of a file, and its checksum if it is small."""
    size = path.stat().st_size
    return {
        "bytes": size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if size <= _SMALL else None,
    }


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
        raise ForetellError(f"{folder} holds no panel: its {MANIFEST} speaks of something else. {_AGAIN}")
    found = manifest.get("format")
    if not isinstance(found, int) or found > FORMAT:
        raise ForetellError(
            f"{folder} has panel format {found}, this foretell reads up to {FORMAT}. Install a newer foretell, or"
            " ingest the tables again."
        )
    return manifest


def _read_array(path: Path, wanted: Mapping[str, Any]) -> NDArray[Any]:
    """A small array in memory, a large one mapped; neither can be written to."""
    data = _checked(path, wanted)
    try:
        source = path if data is None else BytesIO(data)
        array = np.asarray(np.load(source, mmap_mode="r" if data is None else None, allow_pickle=False))
    except (ValueError, EOFError, SyntaxError) as error:
        raise ForetellError(f"{path} is damaged: {error}. {_AGAIN}") from error
    if array.dtype.str != wanted["dtype"] or list(array.shape) != wanted["shape"]:
        raise ForetellError(
            f"{path} holds {array.dtype.str} of shape {list(array.shape)}, {MANIFEST} speaks of {wanted['dtype']} of"
            f" shape {wanted['shape']}. {_AGAIN}"
        )
    array.flags.writeable = False
    return array


def _read_keys(path: Path, wanted: Mapping[str, Any]) -> pd.DataFrame:
    import pyarrow as pa

    data = _checked(path, wanted)
    try:
        source = pa.memory_map(str(path)) if data is None else pa.BufferReader(data)
        table = pa.ipc.open_file(source).read_all()
    except (pa.ArrowInvalid, OSError) as error:
        raise ForetellError(f"{path} is damaged: {error}. {_AGAIN}") from error
    return pd.DataFrame({name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names})


def _checked(path: Path, wanted: Mapping[str, Any]) -> bytes | None:
    """The bytes of a small file, its checksum compared; None for a large one, of which only the size is looked at."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if wanted["sha256"] is not None else None
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {path.parent} holds no whole panel. {_AGAIN}") from error
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror}") from error
    if size != wanted["bytes"]:
        raise ForetellError(f"{path} has {size:,} bytes, expected {wanted['bytes']:,}: cut short? {_AGAIN}")
    if data is not None and hashlib.sha256(data).hexdigest() != wanted["sha256"]:
        raise ForetellError(f"{path} is damaged: its checksum differs from that in {MANIFEST}. {_AGAIN}")
    return data


def _kind(folder: Path) -> object:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None


def _version() -> str:
    from importlib.metadata import version

    return version("foretell")


assert set(ARRAYS) <= {field.name for field in fields(Panel)}
