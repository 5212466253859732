"""The speed benchmark: its tables, its measuring, its page."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.speed.ingest import record
from benchmarks.speed.measure import anonymous, measured
from benchmarks.speed.sales import AHEAD, DAYS, write_sales


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_tables_have_every_item_and_day_once_in_no_order(tmp_path: Path, ending: str) -> None:
    history, future = write_sales(tmp_path, 7, ending=ending, ahead=True)
    read = pd.read_parquet if ending == "parquet" else pd.read_csv
    rows, later = read(history), read(future)
    assert len(rows) == 7 * DAYS == len(rows.drop_duplicates(["item_id", "timestamp"]))
    assert rows["item_id"].nunique() == 7
    assert not rows["item_id"].is_monotonic_increasing
    assert not pd.to_datetime(rows["timestamp"]).is_monotonic_increasing
    assert (len(later), "target" in later) == (7 * AHEAD, False)
    assert pd.to_datetime(later["timestamp"]).min() > pd.to_datetime(rows["timestamp"]).max()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_anonymous_memory_grows_with_what_a_process_holds() -> None:
    before = anonymous(os.getpid())
    held = bytearray(os.urandom(1 << 25))
    assert anonymous(os.getpid()) - before > 25
    assert len(held) == 1 << 25
    assert anonymous(2**22 + 1) == 0.0


@pytest.mark.slow
def test_work_that_fails_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"opening failed:[\s\S]*is missing"):
        measured("opening", tmp_path)


def test_a_result_takes_the_place_of_the_last_one_and_the_ratio_is_worked_out(tmp_path: Path) -> None:
    around = {"system": "Linux", "cores": 2, "memory_gb": 8.0, "versions": "python 3"}
    base = {"case": "pandas", "rows": 1000, "items": 1, "load_before": 0.1, **around}
    for work, seconds, megabytes in (("ingest", 9.0, 1.0), ("pandas", 10.0, 400.0), ("ingest", 2.0, 100.0)):
        told = {"seconds": seconds, "cpu_seconds": seconds / 2, "peak_anonymous_mb": megabytes}
        record(tmp_path, {**base, "work": work, **told})
    rows = {row["work"]: row for row in csv.DictReader((tmp_path / "ingest.csv").read_text().splitlines())}
    assert (len(rows), rows["ingest"]["rows_per_second"]) == (2, "500")
    page = (tmp_path / "INGEST.md").read_text()
    assert "foretell is 5.0 times faster (5.0 times less processor time) with 0.25 of the memory" in page
