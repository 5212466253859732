"""Sheets of Excel, written and read row by row through openpyxl; a text stays a text, whatever it begins with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from zipfile import BadZipFile, ZipFile

from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS: Final = 1_048_576  # of a sheet, its header included
_LONGEST_TEXT: Final = 32_767  # characters of a cell
_UNWRITABLE: Final = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
)  # XML has no way to hold them
_MOST_TEXT: Final = 1 << 29  # bytes, unpacked, of the texts of a workbook, which are read whole
# a cell with a formula and no value; one with a type has been computed, perhaps to an empty text
_FORMULA: Final = re.compile(
    rb"<c ([^>]*)>\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>"
)
_PLACE: Final = re.compile(rb'\br="([A-Z]+[0-9]+)"')
_LONGEST_CELL: Final = 1 << 16  # bytes: a formula has 8,192 characters
_MOST_SMALLER: Final = (
    400  # times that the packed form of a large part may be smaller: sheets of cells reach some 50
)
_LARGE: Final = 1 << 28  # bytes
_MOST_CELLS: Final = 1 << 33  # bytes, unpacked, of one of its other parts, which are read row by row


class ExcelSheet:
    """A workbook of one sheet that is written row by row: a context manager, after which the file is there.

    Raises ForetellError where openpyxl is not installed and where there are more rows than a sheet holds.
    """

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns, self._rows = path, columns, 1

    def __enter__(self) -> Self:
        openpyxl = openpyxl_module("written")
        self._book = openpyxl.Workbook(write_only=True)
        self._sheet = self._book.create_sheet("forecast")
        self._sheet.append([self._cell(name) for name in self._columns])
        return self

    def __exit__(self, reason: type[BaseException] | None, *_: Any) -> None:
        if reason is None:
            self._book.save(self._path)
        else:
            self._sheet.close()

    def write(self, frame: pd.DataFrame) -> None:
        """Append the rows of `frame`."""
        self._rows += len(frame)
        if self._rows > MOST_ROWS:
            raise ForetellError(
                f"a sheet of Excel holds {MOST_ROWS:,} rows, and there are more. Write .parquet or .csv."
            )
        for row in _without_midnights(frame).astype(object).itertuples(index=False, name=None):
            self._sheet.append([self._cell(value) for value in row])

    def _cell(self, value: Any) -> Any:
        """A value as a cell: texts are marked as such, so that none that begins with = is computed."""
        import pandas as pd
        from openpyxl.cell import WriteOnlyCell

        if value is None or (not isinstance(value, str) and pd.isna(value)):
            return None
        if isinstance(value, pd.Timestamp):
            return value.to_pydatetime()
        if not isinstance(value, str):
            return value.item() if hasattr(value, "item") else value
        cell = WriteOnlyCell(self._sheet, value=_UNWRITABLE.sub("\ufffd", value)[:_LONGEST_TEXT])
        cell.data_type = "s"
        return cell


def _without_midnights(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with times as dates, which Excel shows without a clock, in the columns where all are midnight."""
    dates = {
        str(name): frame[name].dt.date
        for name, kind in frame.dtypes.items()
        if kind.kind == "M" and (frame[name].isna() | (frame[name] == frame[name].dt.normalize())).all()
    }
    return frame.assign(**dates) if dates else frame


def read_sheet(path: str, sheet: str | None, *, rows: int | None = None) -> pd.DataFrame:
    """The rows (at most `rows`) below the header of a sheet: the one named, or the only one that holds something.

    Raises ForetellError for what is no workbook, unpacks to more than memory should hold, or has several sheets to choose from.
    """
    import pandas as pd

    _check_sizes(path)
    openpyxl = openpyxl_module("read")
    try:
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)) as book:
            name, header, there = _read_rows(path, book, sheet, rows)
            _check_formulas(path, book[name]._worksheet_path, name)
    except (ForetellError, MemoryError):
        raise
    except Exception as error:  # zip, XML and openpyxl's own, of any kind, wherever the file is damaged
        raise ForetellError(f"{path} is no workbook of Excel (.xlsx), or not a whole one: {error}") from error
    return pd.DataFrame(
        {column: _column([row[k] if k < len(row) else None for row in there]) for k, column in header}
    )


def _read_rows(
    path: str, book: Any, sheet: str | None, rows: int | None
) -> tuple[str, list[tuple[int, str]], list[tuple[Any, ...]]]:
    """The name of a sheet, its header and its rows; those without any value are left out."""
    name = sheet if sheet is not None else _only_sheet(path, book)
    if name not in book.sheetnames:
        raise ForetellError(f"{path} has no sheet {name!r}. It has {', '.join(map(repr, book.sheetnames))}.")
    book[name].reset_dimensions()  # what a sheet says of its size may be wrong
    lines = book[name].iter_rows(values_only=True)
    header = _header(path, name, next(lines, ()))
    return name, header, [row for row in islice(lines, rows) if any(value is not None for value in row)]


def _check_formulas(path: str, part: str, sheet: str) -> None:
    """Raises ForetellError for a cell whose formula has no value yet: read as empty, it would be a gap that nobody made."""
    rest = b""
    with ZipFile(path) as archive, archive.open(part) as cells:
        while block := cells.read(1 << 20):
            rest += block
            for found in _FORMULA.finditer(rest):
                if b' t="' not in found[1] and (at := _PLACE.search(found[1])):
                    raise ForetellError(
                        f"{path}: cell {at[1].decode()} of sheet {sheet!r} has a formula without a value. Open the workbook in"
                        " Excel and save it there, or put the value in the formula's place."
                    )
            rest = rest[max(rest.rfind(b"<c "), len(rest) - _LONGEST_CELL) :]


def openpyxl_module(what: str) -> Any:
    """openpyxl; raises ForetellError, saying `what` is done by it, where it is not installed."""
    try:
        import openpyxl
    except ImportError as error:
        raise ForetellError(
            f"Excel's files are {what} by openpyxl, which is not installed: pip install foretell[excel]"
        ) from error
    return openpyxl


def _check_sizes(path: str) -> None:
    """Raises ForetellError for a file that is no archive, or one that unpacks to more than a workbook of full sheets does."""
    try:
        with ZipFile(path) as archive:
            parts = [(part.filename, part.file_size, part.compress_size) for part in archive.infolist()]
    except (BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise ForetellError(f"{path} is no workbook of Excel (.xlsx), or not a whole one: {error}") from error
    for name, size, packed in parts:
        most = _MOST_TEXT if name.lower().endswith("sharedstrings.xml") else _MOST_CELLS
        if size > most:
            raise ForetellError(f"{path} unpacks to {size:,} bytes ({name!r}), at most {most:,} are read.")
        if size > _LARGE and size > _MOST_SMALLER * packed:
            raise ForetellError(
                f"{path} unpacks {packed:,} bytes to {size:,} ({name!r}): no sheet of values is so uniform."
            )


def _only_sheet(path: str, book: Any) -> str:
    """The sheet that holds something; raises ForetellError where there are several."""
    filled = [sheet.title for sheet in book.worksheets if _is_filled(sheet)]
    if len(filled) > 1:
        names = ", ".join(map(repr, filled[:5]))
        raise ForetellError(
            f"{path} has {len(filled)} sheets that hold something: {names}. Name one: '{path}#{filled[0]}'."
        )
    return str(filled[0] if filled else book.sheetnames[0])


def _is_filled(sheet: Any) -> bool:
    sheet.reset_dimensions()  # what a sheet says of its size may be wrong
    return any(value is not None for row in sheet.iter_rows(values_only=True) for value in row)


def _header(path: str, sheet: str, row: Sequence[Any]) -> list[tuple[int, str]]:
    """The positions and names of the columns; raises ForetellError where there is none, or a name twice."""
    names = [
        (k, str(value).strip()) for k, value in enumerate(row) if value is not None and str(value).strip()
    ]
    if not names:
        raise ForetellError(f"{path}: the first row of sheet {sheet!r} names no columns.")
    seen: set[str] = set()
    for _, name in names:
        if name in seen:
            raise ForetellError(f"{path}: sheet {sheet!r} has the column {name!r} twice. Rename one of them.")
        seen.add(name)
    return names


def _column(values: list[Any]) -> Any:
    """The values of a column: all numbers, all times or all true and false, or else texts."""
    import pandas as pd

    kinds = {type(value) for value in values if value is not None}
    if not kinds or kinds <= {int, float}:
        return pd.array(values, dtype="Float64" if float in kinds or not kinds else "Int64")
    if kinds == {bool}:
        return pd.array(values, dtype="boolean")
    if kinds <= {datetime, date}:
        return pd.to_datetime(pd.Series(values, dtype=object))
    return pd.array([None if value is None else _text(value) for value in values], dtype="string")


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)
