"""The arrays and keys of a panel as files of a folder, opened without being read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.system.big_arrays import pieces
from foretell.system.listener import heed

KEYS: Final = "keys.arrow"
# bytes up to which a file is read, and its checksum compared, when the folder is opened
SMALL: Final = 1 << 26
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


def write_panel_files(panel: Panel, folder: Path, *, small: int | None = None) -> dict[str, Any]:
    """Write the arrays and keys of `panel` into `folder`, which exists; JSON that `read_panel_files` asks for.

    Files of at most `small` bytes (default: SMALL) get a checksum and are read when the panel is; larger ones are mapped.
    """
    small = SMALL if small is None else small
    arrays = {name: getattr(panel, name) for name in ARRAYS}
    return {
        "future": panel.future,
        "keys": _write_keys(folder / KEYS, panel.keys, small),
        "arrays": {
            name: _write_array(folder / f"{name}.npy", array, small)
            for name, array in arrays.items()
            if array is not None
        },
    }


def read_panel_files(folder: Path, written: Mapping[str, Any], schema: Schema) -> Panel:
    """The panel whose files `write_panel_files` wrote; no array can be written to.

    Raises ForetellError naming the file that is missing, damaged or cut short, and KeyError, TypeError, ValueError or
    AssertionError where `written` is not what that function returned.
    """
    listed: Mapping[str, Any] = written["arrays"]
    arrays = {name: _read_array(folder / f"{name}.npy", listed[name]) for name in ARRAYS if name in listed}
    keys = _read_keys(folder / KEYS, written["keys"])
    return Panel(keys=keys, schema=schema, future=written["future"], **arrays)


def remove_others(folder: Path, written: Mapping[str, Any]) -> None:
    """Remove the arrays that an older panel had in `folder` and the one that was `written` has not."""
    for name in ARRAYS:
        if name not in written["arrays"]:
            (folder / f"{name}.npy").unlink(missing_ok=True)


def _write_array(path: Path, array: NDArray[Any], small: int) -> dict[str, Any]:
    """Write one array as .npy, in pieces; what the manifest says of it."""
    with path.open("wb") as file:
        head = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, head)
        for part in pieces(len(array)):
            heed()
            file.write(np.ascontiguousarray(array[part]).data)
    return {"dtype": array.dtype.str, "shape": list(array.shape), **_seal(path, small)}


def _write_keys(path: Path, keys: pd.DataFrame, small: int) -> dict[str, Any]:
    import pyarrow as pa

    table = pa.table({str(name): pa.array(keys[name].astype(str), pa.large_string()) for name in keys})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return _seal(path, small)


def _seal(path: Path, small: int) -> dict[str, Any]:
    """The size of a file, and its checksum if it is small."""
    size = path.stat().st_size
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if size <= small else None
    return {"bytes": size, "sha256": digest}


def _read_array(path: Path, wanted: Mapping[str, Any]) -> NDArray[Any]:
    """A small array in memory, as is an empty one, which cannot be mapped; a large one mapped."""
    data = _checked(path, wanted)
    source = path if data is None else BytesIO(data)
    mapped: Any = "r" if data is None and 0 not in wanted["shape"] else None
    try:
        array = np.asarray(np.load(source, mmap_mode=mapped, allow_pickle=False))
    except (ValueError, EOFError, SyntaxError) as error:
        raise ForetellError(f"{path} is damaged: {error}.") from error
    if array.dtype.str != wanted["dtype"] or list(array.shape) != wanted["shape"]:
        raise ForetellError(
            f"{path} holds {array.dtype.str} of shape {list(array.shape)}, expected {wanted['dtype']} of shape"
            f" {wanted['shape']}."
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
        raise ForetellError(f"{path} is damaged: {error}.") from error
    return pd.DataFrame({name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names})


def _checked(path: Path, wanted: Mapping[str, Any]) -> bytes | None:
    """The bytes of a small file, its checksum compared; None for a large one, of which only the size is looked at."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if wanted["sha256"] is not None else None
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {path.parent} holds no whole panel.") from error
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror}.") from error
    if size != wanted["bytes"]:
        raise ForetellError(f"{path} has {size:,} bytes, expected {wanted['bytes']:,}: cut short?")
    if data is not None and hashlib.sha256(data).hexdigest() != wanted["sha256"]:
        raise ForetellError(f"{path} is damaged: its checksum differs from the one written with it.")
    return data


assert set(ARRAYS) <= {field.name for field in fields(Panel)}
