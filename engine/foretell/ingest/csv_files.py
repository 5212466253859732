"""CSV files: the header of each, what its columns spell, and what is wrong with one that is broken."""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import IO, Final

from foretell.errors import ForetellError
from foretell.ingest.column_names import check_names

DELIMITERS: Final = ",;\t|"
SAMPLE_ROWS: Final = 20_480  # rows from which a file's columns are known to be numbers, dates or text
SAMPLE_FILES: Final = 64  # files of a glob that are looked at so
_COUNTED: Final = 10_000_000  # rows of which the lines are counted, some seconds
_QUOTED: Final = 80  # characters of a broken line that a message repeats


@dataclass(frozen=True, slots=True)
class Header:
    """The delimiter, the columns and a sample of a file."""

    path: str
    delimiter: str
    names: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]  # its first rows; none where the file is a header alone
    unnamed: frozenset[str] = frozenset()  # of `names`, those that the file leaves empty


def read_headers(paths: Sequence[str]) -> list[Header]:
    """The header of every file, and the first rows of some, spread evenly. Raises ForetellError, naming the file, where one has none."""
    apart = max(1, -(-len(paths) // SAMPLE_FILES))
    return [_read_header(path, 1 if i % apart else SAMPLE_ROWS) for i, path in enumerate(paths)]


def _read_header(path: str, rows: int) -> Header:
    if Path(path).stat().st_size == 0:
        raise ForetellError(
            f"{path} is empty (0 bytes), expected a line of column names and rows. Give a table that has some, or leave it out."
        )
    with _explained(path), _text(path) as stream:
        first = stream.readline()
        if not first.strip():
            raise ForetellError(f"{path}, line 1: empty, expected the names of the columns.")
        delimiter = _delimiter(first)
        lines = csv.reader(chain([first], stream), delimiter=delimiter)
        written = next(lines)
        names = _named(path, written)
        sample = tuple(tuple(row) for row in islice((row for row in lines if row), rows))
    unnamed = frozenset(name for name, text in zip(names, written, strict=True) if not text.strip())
    return Header(path, delimiter, names, sample, unnamed)


def _delimiter(header: str) -> str:
    """The mark that makes most columns of a header."""
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([header], delimiter=mark))))


def _named(path: str, header: Sequence[str]) -> tuple[str, ...]:
    """The columns' names; one without gets its place, as an index that pandas wrote."""
    names = tuple(name.strip() or f"column{i}" for i, name in enumerate(header))
    check_names(names, f"{path}, line 1:")
    return names


@contextmanager
def _text(path: str, *, errors: str = "strict") -> Iterator[IO[str]]:
    """The file as text: decompressed, without a byte-order mark."""
    import pyarrow as pa

    with pa.input_stream(path, compression="detect") as raw:
        yield io.TextIOWrapper(raw, encoding="utf-8-sig", errors=errors, newline="")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise ForetellError(f"{path} is not UTF-8. Save it as UTF-8 (in Excel: CSV UTF-8).") from error
    except (csv.Error, OSError, EOFError, zlib.error) as error:
        raise ForetellError(f"{path} cannot be read: {error}. Is it a CSV file, and whole?") from error


def sampled_columns(headers: Iterable[Header]) -> dict[str, list[str | None]]:
    """The sampled values of every column, over all files."""
    columns: dict[str, list[str | None]] = {}
    for header in headers:
        for name, *values in islice(zip_longest(header.names, *header.sample), len(header.names)):
            columns.setdefault(name, []).extend(values)
    return columns


def lacking(columns: Iterable[tuple[str, Iterable[str]]]) -> dict[str, str]:
    """Column -> the first file that lacks it, of the columns that not all files have; from (file, its columns)."""
    have = [(path, set(names)) for path, names in columns]
    everything = {name for _, names in have for name in names}
    return {name: path for name in sorted(everything) for path, names in reversed(have) if name not in names}


def explain_broken_line(message: str) -> str | None:
    """DuckDB's message on a CSV line that it cannot read, in our words: file and line; None for another message."""
    file = re.search(r"^\s*file = (.*)$", message, re.MULTILINE)
    where = re.search(r"CSV Error on Line: (\d+)\s*\n(?:Original Line: ?([^\n]*))?", message)
    if file is None:
        return None
    if where is None:
        if "state machine" not in message:
            return None
        return f"{file[1]}: quotes or line ends are broken (a quote inside a value is doubled, lines all end alike)."
    line = where[2] or ""
    shown = repr(line if len(line) <= _QUOTED else line[:_QUOTED] + "...")
    return f"{file[1]}, {_place(file[1], int(where[1]))}: {_fault(message)}: {shown}."


def _place(path: str, record: int) -> str:
    """Where a record of a file begins: "line 7" as an editor counts; "row 7" where that would take long to find out.

    DuckDB counts records (the header and empty lines among them), and a quoted value may hold line breaks.
    """
    if record > _COUNTED:
        return f"row {record}"
    try:
        with _text(path, errors="replace") as stream:
            first = stream.readline()
            rows = csv.reader(chain([first], stream), delimiter=_delimiter(first))
            passed = sum(1 for _ in islice(rows, record - 1))
            return f"line {rows.line_num + 1}" if passed == record - 1 else f"row {record}"
    except (csv.Error, OSError, EOFError, zlib.error):  # a value that is longer than Python's reader takes
        return f"row {record}"


def _fault(message: str) -> str:
    counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", message)
    if counts is not None:
        return f"expected {counts[1]} columns, as the header has, got {counts[2]}"
    if "quote" in message.partition("Possible")[0]:
        return "a quote is not closed, or not doubled inside a value"
    if "utf-8" in message.lower():
        return "not UTF-8, save the file as UTF-8"
    if "Maximum line size" in message:
        return "the line is longer than 2 MB; is a quote not closed?"
    return "it cannot be read"
