"""CSV as people and other programs read it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.system.csv_text import write_csv
from foretell.system.excel import ExcelSheet, read_sheet


def written(frame: pd.DataFrame, **options: Any) -> str:
    file = io.StringIO()
    write_csv(frame, file, **options)
    return file.getvalue()


def test_numbers_are_plain_decimals_that_are_read_back_unchanged() -> None:
    small = np.array([1064602.6, 3.25, 0, 1e-5, np.nan, 1e8, -2.5e7], np.float32)
    frame = pd.DataFrame({"item": list("abcdefg"), "mean": small, "wide": small.astype(float) * 1e12})
    text = written(frame)
    assert "e+" not in text
    assert "e-" not in text
    assert text.splitlines()[1].startswith("a,1064602.6,1064602625000000000.0")
    assert text.splitlines()[5] == "e,,"  # missing
    again = pd.read_csv(io.StringIO(text), float_precision="round_trip")
    np.testing.assert_array_equal(again["mean"].to_numpy(np.float32), small)
    np.testing.assert_array_equal(again["wide"], frame["wide"])


def test_a_large_negative_number_is_no_text_to_a_spreadsheet() -> None:
    assert written(pd.DataFrame({"bias": [-1e20]}), spreadsheet=True) == "bias\n-100000000000000000000.0\n"


def test_a_workbook_has_dates_without_a_clock_where_all_are_midnight(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    times = pd.to_datetime(["2024-01-01", "2024-01-02"])
    frame = pd.DataFrame({"day": times, "hour": times + pd.Timedelta(hours=6), "mean": [1.0, 2.0]})
    with ExcelSheet(tmp_path / "x.xlsx", list(frame.columns)) as sheet:
        sheet.write(frame)
    cells = openpyxl.load_workbook(tmp_path / "x.xlsx").active[2]
    assert [cell.number_format for cell in cells[:2]] == ["yyyy-mm-dd", "yyyy-mm-dd h:mm:ss"]
    assert read_sheet(str(tmp_path / "x.xlsx"), None)["day"].tolist() == times.tolist()
