"""Tables written piece by piece, whole or not at all: CSV, Parquet, Excel, Delta, or a table of a database; the ending says which."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from foretell.errors import ForetellError
from foretell.system.atomic_files import new_folder, replacing
from foretell.system.csv_text import write_csv
from foretell.system.delta import DELTA, DELTA_FILES, deltalake
from foretell.system.excel import ExcelSheet, openpyxl_module
from foretell.system.sql_table import SqlTable, SqlTableWriter

if TYPE_CHECKING:
    import pandas as pd

Destination = str | Path | SqlTable


class FrameWriter(Protocol):
    """A table that is written piece by piece: a context manager, after which it is there, whole."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *reason: Any) -> bool | None: ...

    def write(self, frame: pd.DataFrame) -> None:
        """Append the rows of `frame`; all frames have the same columns."""


def check_place(place: Destination) -> None:
    """Raises ForetellError for an ending that no writer of tables has, and for one whose package is not installed."""
    if isinstance(place, SqlTable):
        return
    suffix = Path(place).suffix.lower()
    if suffix not in (".csv", ".parquet", ".xlsx", DELTA):
        raise ForetellError(f"a table is written as .csv, .parquet, .xlsx or .delta, got {str(place)!r}")
    if suffix == ".xlsx":
        openpyxl_module("written")
    elif suffix == DELTA:
        deltalake("written")


def frame_writer(place: Destination, *, spreadsheet: bool = False) -> FrameWriter:
    """What writes a table to a .csv (for a `spreadsheet`, if asked), .parquet or .xlsx file, a .delta folder, or an `SqlTable`.

    Raises ForetellError for other endings, at once.
    """
    if isinstance(place, SqlTable):
        return SqlTableWriter(place)
    check_place(place)
    path = Path(place)
    match path.suffix.lower():
        case ".csv":
            return _CsvWriter(path, spreadsheet=spreadsheet)
        case ".parquet":
            return _ParquetWriter(path)
        case ".xlsx":
            return _ExcelWriter(path)
    return _DeltaWriter(path)


def write_frame(frame: pd.DataFrame, place: Destination, *, spreadsheet: bool = False) -> None:
    """Write a table to where `frame_writer` can; raises ForetellError as that does."""
    with frame_writer(place, spreadsheet=spreadsheet) as writer:
        writer.write(frame)


class _Writer:
    """A table that is written to a temporary name, which takes its place at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._temporary = path

    def __enter__(self) -> Self:
        self._stack.__enter__()
        self._temporary = self._stack.enter_context(replacing(self._path))
        return self

    def __exit__(self, *reason: Any) -> bool | None:
        return self._stack.__exit__(*reason)


class _CsvWriter(_Writer):
    def __init__(self, path: Path, *, spreadsheet: bool) -> None:
        super().__init__(path)
        self._spreadsheet = spreadsheet
        self._file: IO[str] | None = None

    def write(self, frame: pd.DataFrame) -> None:
        first = self._file is None
        if self._file is None:
            self._file = self._stack.enter_context(self._temporary.open("w", encoding="utf-8", newline=""))
        write_csv(frame, self._file, header=first, spreadsheet=self._spreadsheet)


class _ParquetWriter(_Writer):
    _writer: Any = None

    def write(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if self._writer is None:
            schema = pa.Schema.from_pandas(frame, preserve_index=False)
            file = self._stack.enter_context(self._temporary.open("wb"))
            self._writer = self._stack.enter_context(pq.ParquetWriter(file, schema, compression="zstd"))
        self._writer.write_table(
            pa.Table.from_pandas(frame, schema=self._writer.schema, preserve_index=False)
        )


class _ExcelWriter(_Writer):
    _sheet: ExcelSheet | None = None

    def write(self, frame: pd.DataFrame) -> None:
        if self._sheet is None:
            self._sheet = self._stack.enter_context(ExcelSheet(self._temporary, list(frame.columns)))
        self._sheet.write(frame)


class _DeltaWriter(_Writer):
    """A table of Delta Lake in a folder of its own: its first version, made anew."""

    def __enter__(self) -> Self:
        deltalake("written")
        self._stack.__enter__()
        self._temporary = self._stack.enter_context(new_folder(self._path, drop=DELTA_FILES))
        return self

    def write(self, frame: pd.DataFrame) -> None:
        import pyarrow as pa

        rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
        kinds = [
            pa.timestamp("us") if pa.types.is_timestamp(part.type) else part.type for part in rows.schema
        ]
        schema = pa.schema([part.with_type(kind) for part, kind in zip(rows.schema, kinds, strict=True)])
        deltalake("written").write_deltalake(str(self._temporary), rows.cast(schema), mode="append")
