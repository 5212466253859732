"""The arrays and keys of a panel as files of a folder, opened without being read, and checked before anything uses them."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.data.panel_limits import check_items, check_offsets, check_values, wanted_arrays
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.system.big_arrays import pieces
from foretell.system.listener import heed
from foretell.system.regular_files import open_regular
from foretell.system.typed import Within

KEYS: Final = "keys.arrow"
BLOCK: Final = 1 << 26  # bytes that have a checksum each
SMALL: Final = BLOCK  # bytes up to which a file is read, and its checksum compared, when the folder is opened
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
_MAGIC: Final = b"\x93NUMPY\x01\x00"
_HEADER: Final = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|][a-z]\d)', 'fortran_order': False, 'shape': \((?P<shape>[\d, ]{1,60})\), \}\s*"
)
_SIZE: Final = re.compile(rb"\d+")

Count = Annotated[int, Within(0, 1 << 50)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """A file as it was written."""

    bytes: Count  # how many
    # sha256 of each 64 MB (`BLOCK`); None where there are none: between processes, and for large files of formats 1 and 2
    blocks: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedArray(SavedFile):
    """An array's file as it was written."""

    dtype: str  # as NumPy spells it: <f4
    shape: tuple[Count, ...]  # by axis


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFiles:
    """The files of a panel, and what else its arrays need to be understood."""

    future: Annotated[int, Within(0, 1 << 31)]  # steps that known columns reach past the end
    keys: SavedFile  # `keys.arrow`
    arrays: Mapping[str, SavedArray]  # NAME.npy by its name


def write_panel_files(panel: Panel, folder: Path, *, sealed: bool = True) -> dict[str, Any]:
    """Write the arrays and keys of `panel` into `folder`, which exists; JSON of the `SavedFiles`.

    Files that are not `sealed` have no checksum, and are mapped however small they are.
    """
    arrays = {name: getattr(panel, name) for name in ARRAYS}
    return {
        "future": panel.future,
        "keys": _write_keys(folder / KEYS, panel.keys, sealed),
        "arrays": {
            name: write_array(folder / f"{name}.npy", array, sealed)
            for name, array in arrays.items()
            if array is not None
        },
    }


def read_panel_files(folder: Path, written: SavedFiles, schema: Schema) -> Panel:
    """The panel whose files `write_panel_files` wrote; no array can be written to.

    Sizes, types and shapes are checked, and what each item says of itself; the values of large arrays are not looked at.
    Raises ForetellError naming the file that is missing, damaged, cut short or does not fit the others.
    """
    check_shapes(written, schema)
    arrays = {name: read_array(folder / f"{name}.npy", said) for name, said in written.arrays.items()}
    keys = _read_keys(folder / KEYS, written.keys, schema, len(arrays["start"]))
    try:
        check_offsets(arrays["offsets"], len(arrays["target"]))
        panel = Panel(keys=keys, schema=schema, future=written.future, **arrays)
        check_items(panel)
        if written.keys.blocks is not None:  # between processes a panel is handed over as it is
            check_values(panel, small=SMALL)
    except ForetellError as error:
        raise ForetellError(f"{folder} is damaged: {error}.") from error
    return panel


def check_shapes(written: SavedFiles, schema: Schema) -> None:
    """Raises ForetellError unless the arrays are those of a panel of the schema, each of its type and shape."""
    shapes = {name: array.shape for name, array in written.arrays.items()}
    for name, (dtype, shape) in wanted_arrays(shapes, schema, written.future).items():
        said = written.arrays[name]
        if (said.dtype, said.shape) != (dtype, shape):
            raise ForetellError(
                f"{name}.npy would hold {said.dtype} of shape {list(said.shape)}, expected {dtype} of shape {list(shape)}."
            )


def verify_panel_files(folder: Path, written: SavedFiles, panel: Panel) -> int:
    """Read all files whole, and compare their checksums; the number of bytes that have one.

    Raises ForetellError naming the first block that differs, or the first array with values that it cannot have.
    """
    named = {KEYS: written.keys, **{f"{name}.npy": said for name, said in written.arrays.items()}}
    count = 0
    for name, said in named.items():
        if said.blocks is None:
            continue
        with _opened(folder / name, said) as file:
            for number, wanted in enumerate(said.blocks):
                heed()
                if hashlib.sha256(file.read(BLOCK)).hexdigest() != wanted:
                    raise _differs(folder / name, f" in the {BLOCK >> 20} MB from byte {number * BLOCK:,} on")
        count += said.bytes
    try:
        check_values(panel, small=None)
    except ForetellError as error:
        raise ForetellError(f"{folder} is damaged: {error}.") from error
    return count


def remove_others(folder: Path, written: Mapping[str, Any]) -> None:
    """Remove the arrays that an older panel had in `folder` and the one that was `written` has not."""
    for name in ARRAYS:
        if name not in written["arrays"]:
            (folder / f"{name}.npy").unlink(missing_ok=True)


def write_array(path: Path, array: NDArray[Any], sealed: bool) -> dict[str, Any]:
    """Write one array as .npy, in pieces; what the manifest says of it."""
    with path.open("wb") as file:
        head = {"descr": array.dtype.str, "fortran_order": False, "shape": array.shape}
        np.lib.format.write_array_header_1_0(file, head)
        for part in pieces(len(array)):
            heed()
            file.write(np.ascontiguousarray(array[part]).data)
    return {"dtype": array.dtype.str, "shape": list(array.shape), **_seal(path, sealed)}


def _write_keys(path: Path, keys: pd.DataFrame, sealed: bool) -> dict[str, Any]:
    import pyarrow as pa

    table = pa.table({str(name): pa.array(keys[name].astype(str), pa.large_string()) for name in keys})
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return _seal(path, sealed)


def _seal(path: Path, sealed: bool) -> dict[str, Any]:
    """The size of a file, and the checksums of its blocks."""
    if not sealed:
        return {"bytes": path.stat().st_size, "blocks": None}
    with path.open("rb") as file:
        blocks = [hashlib.sha256(block).hexdigest() for block in iter(lambda: _next_block(file), b"")]
    return {"bytes": path.stat().st_size, "blocks": blocks}


def _next_block(file: BinaryIO) -> bytes:
    heed()
    return file.read(BLOCK)


def _opened(path: Path, said: SavedFile) -> BinaryIO:
    """The file, open, of the size that is said."""
    try:
        file = open_regular(path)
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {path.parent} holds no whole panel.") from error
    size = os.fstat(file.fileno()).st_size
    if size != said.bytes:
        file.close()
        raise ForetellError(f"{path} has {size:,} bytes, expected {said.bytes:,}: cut short?")
    if said.blocks is not None and len(said.blocks) != -(-size // BLOCK):
        file.close()
        raise ForetellError(f"{path} has {-(-size // BLOCK)} blocks, but {len(said.blocks)} checksums.")
    return file


def _contents(path: Path, said: SavedFile, file: BinaryIO) -> bytes | mmap.mmap:
    """A sealed small file read, its checksum compared; another one mapped."""
    if said.bytes == 0:
        return b""
    if said.blocks is None or said.bytes > SMALL:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    data = file.read()
    if hashlib.sha256(data).hexdigest() != said.blocks[0]:
        raise _differs(path)
    return data


def _differs(path: Path, where: str = "") -> ForetellError:
    return ForetellError(f"{path} is damaged: its checksum differs from the one written with it{where}.")


def _dtype(path: Path, name: str) -> np.dtype[Any]:
    """The type of an array's values; raises ForetellError for a name that is none, and for objects and records."""
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise ForetellError(f"{path} is damaged: its values have no type {name[:80]!r}.") from error
    if dtype.kind not in "biufMm":
        raise ForetellError(f"{path} is damaged: its values are of type {name[:80]!r}.")
    return dtype


def read_array(path: Path, said: SavedArray) -> NDArray[Any]:
    """A sealed small array in memory, as is an empty one, which cannot be mapped; another one mapped."""
    dtype, count = _dtype(path, said.dtype), prod(said.shape)
    with _opened(path, said) as file:
        _check_header(path, file, said)
        first = file.tell()
        if said.bytes - first != count * dtype.itemsize:
            raise ForetellError(f"{path} is damaged: its values take {said.bytes - first:,} bytes.")
        file.seek(0)
        mapped = said.blocks is None or said.bytes > SMALL
        if mapped and count:
            array = np.asarray(np.memmap(file, dtype, "r", first, said.shape))
        elif mapped:
            array = np.zeros(said.shape, dtype)
        else:
            array = np.frombuffer(_contents(path, said, file)[first:], dtype).reshape(said.shape)
    array.flags.writeable = False
    return array


def _check_header(path: Path, file: BinaryIO, said: SavedArray) -> None:
    """Read what the file says of its array; raises ForetellError unless that is what is `said` of it.

    NumPy's own reader evaluates the header as Python, which takes what it should not and fails in ways of its own.
    """
    magic, length = file.read(len(_MAGIC)), int.from_bytes(file.read(2), "little")
    header = _HEADER.fullmatch(file.read(length)) if magic == _MAGIC else None
    if header is None:
        raise ForetellError(f"{path} is damaged: it does not begin as an array does.")
    dtype, shape = header["dtype"].decode(), tuple(int(size) for size in _SIZE.findall(header["shape"]))
    if (dtype, shape) != (said.dtype, said.shape):
        raise ForetellError(
            f"{path} holds {dtype} of shape {list(shape)}, expected {said.dtype} of shape {list(said.shape)}."
        )


def _read_keys(path: Path, said: SavedFile, schema: Schema, items: int) -> pd.DataFrame:
    import pyarrow as pa

    with _opened(path, said) as file:
        data = _contents(path, said, file)
    try:
        reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data)))
        columns = tuple(reader.schema.names)
        if columns != schema.key or any(kind != pa.large_string() for kind in reader.schema.types):
            raise ForetellError(
                f"{path} has the columns {', '.join(columns)}, expected {', '.join(schema.key)}."
            )
        table = reader.read_all()
        table.validate(full=True)  # offsets that lead elsewhere would show what else lies in memory
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise ForetellError(f"{path} is damaged: {error}.") from error
    if len(table) != items or any(column.null_count for column in table.columns):
        raise ForetellError(
            f"{path} has {len(table):,} rows, or some without a key, expected {items:,} items."
        )
    return pd.DataFrame({name: table[name].to_numpy(zero_copy_only=False) for name in table.column_names})


assert set(ARRAYS) <= {field.name for field in fields(Panel)}
