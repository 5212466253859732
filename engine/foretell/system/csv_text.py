"""Tables as CSV: the one place that writes them."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # begin what a spreadsheet computes instead of showing it
_LARGE: Final = 1e5  # numbers from here on, and
_SMALL: Final = 1e-3  # those below it, may have an exponent in pandas' CSV


def write_csv(
    frame: pd.DataFrame,
    file: IO[str],
    *,
    header: bool = True,
    spreadsheet: bool = False,
    line_end: str = "\n",
) -> None:
    """Write `frame` to a file of text, each row on a line that ends with `line_end`.

    For a `spreadsheet`, texts (names of columns too) that begin with = + - @ or a tab get an apostrophe in front, by which
    Excel and LibreOffice show them and compute nothing. Numbers are plain decimals, as short as they can be without a change.
    """
    shown = _without_exponents(_shown(frame) if spreadsheet else frame)
    lines: Any = _Lines(file, line_end)
    shown.to_csv(lines, index=False, header=header, lineterminator="\r\n")


class _Lines:
    """Lines that end as asked, out of a writer that ends them with a carriage return and a line feed.

    For Python's writer of CSV quotes what stands in its line end, and a lone carriage return ends a line for most readers.
    """

    def __init__(self, file: IO[str], end: str) -> None:
        self._file, self._end = file, end

    def write(self, text: str) -> int:
        return self._file.write(text.removesuffix("\r\n") + self._end)


def _without_exponents(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with the columns as texts in which pandas would write 1.0646026e+06."""
    import numpy as np

    shown = frame
    for at, kind in enumerate(frame.dtypes):
        if not isinstance(kind, np.dtype) or kind.kind != "f":
            continue
        values = frame.iloc[:, at].to_numpy()
        size = np.abs(values)
        odd = np.isfinite(values) & (values != 0) & ((size >= _LARGE) | (size < _SMALL))
        if odd.any():
            texts = values.astype(str).astype(object)
            texts[odd] = [np.format_float_positional(value, trim="0") for value in values[odd]]
            texts[np.isnan(values)] = None
            shown = frame.copy(deep=False) if shown is frame else shown
            shown.isetitem(at, texts)
    return shown


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    texts = [name for name in frame if frame[name].dtype.kind not in "biufcmM"]
    shown = frame.copy()
    for name in texts:
        shown[name] = frame[name].map(_quoted)
    return shown.rename(columns=_quoted)


def _quoted(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
