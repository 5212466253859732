"""What a row of a committed table says of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from benchmarks import machine
from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy.results import RESULTS, read_results
from benchmarks.speed import __main__ as speed
from benchmarks.speed import settings as speed_settings
from benchmarks.speed.timing import Case, Sample, row_of


@pytest.mark.parametrize(("mine", "said"), [(2, "2 of 16 cores"), (16, "16 cores")])
def test_a_process_that_may_use_a_part_of_the_cores_says_so(
    mine: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(machine, "usable", lambda: mine)
    assert machine.cores() == said


def test_rows_of_speed_are_kept_where_asked_and_the_committed_page_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = row_of(Case("feed", "small", "windows"), "foretell deepar", Sample(1, 2.0, 2.0))
    monkeypatch.setattr(speed, "_part", lambda _: lambda _: [row])
    monkeypatch.setattr(
        speed, "_write_table", lambda: pytest.fail("the committed page is of the committed table")
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = speed_settings.RESULTS.read_bytes()
    assert speed.main(["--part", "feed", "--offline", "--results", str(tmp_path / "new" / "speed.csv")]) == 0
    assert "foretell deepar" in (tmp_path / "new" / "speed.csv").read_text()
    assert speed_settings.RESULTS.read_bytes() == before


def test_rows_of_accuracy_are_kept_where_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path | None] = []

    def run(*_: object, results: Path | None, again: bool) -> bool:
        asked.append(results)
        return not again

    monkeypatch.setattr(accuracy, "run_task", run)
    assert accuracy.main(["--task", "m4_hourly", "--results", str(tmp_path / "new" / "rows.csv")]) == 0
    assert accuracy.main(["--task", "m4_hourly"]) == 0
    assert asked == [tmp_path / "new" / "rows.csv", RESULTS]
    assert len(read_results(tmp_path / "new" / "rows.csv")) == 0  # none yet, which is no error
