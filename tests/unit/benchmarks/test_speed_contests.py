"""The speed benchmark: turns, missing peers, the same series for everybody, and a table with ratios of rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.speed.panels import Series
from benchmarks.speed.peers import environment, peer
from benchmarks.speed.results import keep, read
from benchmarks.speed.results_page import render
from benchmarks.speed.settings import Settings, Unavailable
from benchmarks.speed.timing import Case, Sample, compete, timed

CASE = Case("feed", "small", "windows", 50)


def sample(work: float, seconds: float) -> Sample:
    return Sample(work, seconds, seconds / 2)


def test_contestants_take_turns_and_give_their_median() -> None:
    turns: list[str] = []

    def contestant(name: str, seconds: list[float]):
        return lambda: (turns.append(name), sample(10, seconds[turns.count(name) - 1]))[1]

    rows = compete(
        CASE, {"foretell": contestant("a", [3, 1, 2]), "other": contestant("b", [9, 9, 1])}, Settings()
    )
    assert turns == ["a", "b"] * 3
    assert [row["seconds"] for row in rows] == [2, 9]
    assert [row["repeats"] for row in rows] == [3, 3]


def test_a_peer_that_is_not_there_gets_a_row_that_says_why() -> None:
    rows = compete(
        CASE, {"foretell": lambda: sample(1, 1), "other": Unavailable("no wheel")}, Settings(repeats=1)
    )
    assert rows[1]["note"] == "no wheel"
    assert "seconds" not in rows[1]


def test_a_peer_that_was_not_asked_for_is_not_installed(tmp_path: Path) -> None:
    settings = Settings(environments=tmp_path)
    with pytest.raises(Unavailable, match="--peer autogluon"):
        environment("autogluon", settings)
    with peer("autogluon", Series.make(2, 10), settings) as other:
        assert isinstance(other, Unavailable)
    assert not any(tmp_path.iterdir())


def test_everybody_gets_the_same_series() -> None:
    series = Series.make(3, 50)
    panel, frame, entries = series.panel(), series.frame(), series.entries()
    np.testing.assert_array_equal(panel.target, frame["y"])
    np.testing.assert_array_equal(panel.target, np.concatenate([entry["target"] for entry in entries]))
    assert panel.frequency.timestamps(panel.start)[0] == frame["ds"][0] == entries[0]["start"].to_timestamp()
    assert (panel.history(1) == series.values[1]).all()


def test_time_is_measured_on_both_clocks() -> None:
    took = timed(1, lambda: sum(range(200_000)))
    assert took.cpu_seconds > 0
    assert took.seconds > 0


def test_results_of_a_part_replace_those_before_and_leave_the_others(tmp_path: Path) -> None:
    path = tmp_path / "speed.csv"
    row = {"part": "feed", "case": "c", "system": "foretell", "unit": "windows", "work": 10, "note": ""}
    timed_row = {**row, "repeats": 1, "seconds": 2.0, "cpu_seconds": 1.0, "target": 50}
    keep([timed_row], Settings(), path)
    keep([{**timed_row, "part": "evaluator"}], Settings(), path)
    keep([{**timed_row, "seconds": 3.0}, {**row, "system": "other", "note": "gone"}], Settings(), path)
    kept = read(path)
    assert kept["part"].tolist() == ["evaluator", "feed", "feed"]
    assert kept["seconds"].tolist()[:2] == [2.0, 3.0]
    assert kept["note"].tolist() == ["", "", "gone"]


@pytest.mark.parametrize("first", ["foretell", "other"])
def test_the_table_compares_rates_not_seconds(tmp_path: Path, first: str) -> None:
    path = tmp_path / "speed.csv"
    both = {"foretell": lambda: sample(100, 1), "other": lambda: sample(10, 2)}
    rows = compete(CASE, {name: both[name] for name in sorted(both, key=first.__ne__)}, Settings(repeats=1))
    keep(rows, Settings(), path)
    text = render(read(path))
    line = next(line for line in text.splitlines() if "| other |" in line)
    assert [part.strip() for part in line.split("|")][7:10] == [
        "5",
        "20",
        "50",
    ]  # 10 / 2 s; 100 / 5; the target
    assert "Not measured: no machine with one was at hand" in text


def test_growth_is_the_cost_of_one_over_that_among_the_fewest(tmp_path: Path) -> None:
    path = tmp_path / "speed.csv"
    few, many = (Case("growth: series placed", case, "series") for case in ("10", "1000"))
    rows = [
        *compete(few, {"foretell": lambda: sample(10, 1)}, Settings(repeats=1)),
        *compete(many, {"foretell": lambda: sample(1000, 110)}, Settings(repeats=1)),
    ]
    keep(rows, Settings(), path)
    lines = [line.split("|") for line in render(read(path)).splitlines() if "series placed" in line]
    assert [line[8].strip() for line in lines] == ["1", "1.1"]
