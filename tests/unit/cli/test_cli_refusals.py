"""What the command line refuses: one message on standard error, exit status 2, nothing written."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

RECIPE = "seasonal_naive"
Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv", "--freq", "D", "--known", "promo")


def refused(result: Any, *said: str) -> None:
    """Exit status 2, one message on standard error, no traceback, nothing written."""
    assert result.exit_code == 2, result.output
    assert result.stderr.count("error: ") == 1
    assert "Traceback" not in result.output
    for words in said:
        assert words in result.stderr
    assert sorted(path.name for path in Path().iterdir() if path.suffix != ".toml") == [
        "ahead.csv",
        "items.csv",
        "sales.csv",
    ]


def test_check_shows_what_was_found_and_fails_on_what_a_run_would_fail_on(run: Run) -> None:
    fine = run("check", *TABLES, "--horizon", 10)
    assert fine.exit_code == 0
    assert re.search(r"^ items +2 *$", fine.stdout, re.MULTILINE)
    assert "Errors: none" in fine.stdout
    assert max(map(len, fine.stdout.splitlines())) <= 100
    refused(
        run("check", *TABLES, "--horizon", 11), "'promo' ends 2024-02-19, but the horizon reaches 2024-02-20"
    )


@pytest.mark.slow
def test_check_lists_all_kinds_of_faults_for_people_and_programs(run: Run) -> None:
    sales = pd.read_csv("sales.csv").astype({"target": object})
    sales.loc[3, "timestamp"], sales.loc[5, "target"], sales.loc[7, "item_id"] = "soon", "many", None
    sales.to_csv("sales.csv", index=False)
    found = run("check", *TABLES, "--horizon", 11, "--json")
    worst = [each for each in json.loads(found.stdout)["findings"] if each["severity"] == "error"]
    assert [each["code"] for each in worst] == ["bad_time", "no_key", "bad_number", "known_ends"]
    assert "item 'a' at 2024-01-06 in sales.csv: 'target' must be a number, got 'many'" in worst[2]["message"]
    shown = run("check", *TABLES, "--horizon", 11)
    assert "Errors: 4" in shown.stdout
    assert all(code in shown.stdout for code in ("bad_time", "no_key", "bad_number", "known_ends"))
    refused(shown, "4 of the findings must be put right, first: item 'a' in sales.csv: 'timestamp' 'soon'")
    ended = run("check", *TABLES[:-2], "--known", "price")
    assert "bad_number" in ended.stdout
    assert "unreadable" in ended.stdout
    refused(ended, "4 of the findings must be put right")


def test_check_goes_on_behind_a_repeated_row(run: Run) -> None:
    sales = pd.read_csv("sales.csv")
    pd.concat([sales, sales.head(1)]).to_csv("sales.csv", index=False)
    found = run("check", *TABLES, "--horizon", 11, "--json")
    codes = [each["code"] for each in json.loads(found.stdout)["findings"] if each["severity"] == "error"]
    assert codes == ["duplicates", "known_ends"]
    refused(
        run("train", *TABLES, "--horizon", 5, "--recipe", RECIPE, "--out", "model"), "2 rows at 2024-01-01"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("horizn = 7", "the key 'horizn', which is no option. Did you mean 'horizon'?"),
        ("horizon = 7\nhorizon = 8", "forecast.toml is no TOML"),
        ("strict = 1", "strict must be true or false, got 1"),
        ("freq = true", "freq takes no true or false"),
        ("[horizon]\nx = 1", "horizon takes one value, got a table"),
    ],
)
def test_a_file_of_options_that_cannot_be_right_is_refused(run: Run, text: str, said: str) -> None:
    Path("forecast.toml").write_text(text)
    refused(run("backtest", "sales.csv", "--config", "forecast.toml"), said)


def test_a_missing_file_of_options_is_named(run: Run) -> None:
    refused(run("train", "sales.csv", "--config", "nowhere.toml"), "nowhere.toml cannot be read")


def backtest_with(**options: object) -> list[object]:
    """The words of a backtest in which some options are other than in the good one."""
    good = {
        "related": "ahead.csv",
        "items": "items.csv",
        "freq": "D",
        "known": "promo",
        "horizon": 7,
        "recipe": RECIPE,
    }
    chosen = {**good, **options}
    return [word for name, value in chosen.items() if value is not None for word in (f"--{name}", value)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"horizon": None}, "--horizon is missing"),
        ({"freq": "fortnightly"}, "--freq must be one of min, h, D"),
        ({"related": None, "items": None}, "No related column was given: give its table with --related."),
        ({"horizon": 0}, "horizon must be a whole number of steps, at least 1, got 0"),
        ({"horizon": 41}, "the longest history has 40"),
        ({"levels": "0.5,1.5"}, "levels must lie strictly between 0 and 1, got 1.5"),
        ({"levels": "p50"}, "--levels takes numbers separated by commas, got 'p50'"),
        ({"recipe": "seasonal_nave"}, "Did you mean 'seasonal_naive'?"),
        ({"set": f"{RECIPE}.sesons=7"}, f"{RECIPE} has no hyperparameter 'sesons'"),
        ({"set": "mqrnn.hidden_size=7"}, "--set names 'mqrnn', which is not among the recipes asked for"),
        (
            {"set": "hidden_size=7"},
            "--set takes two names joined by a dot before '=', such as mqrnn.hidden_size=96, got 'hidden_size'",
        ),
        ({"set": "mqrnn.hidden_size"}, "--set takes NAME=VALUE"),
        ({"windows": 9}, "Ask for at most 4 windows"),
        ({"cutoffs": "2024-01-15,soon"}, "'soon' is no"),
        ({"cutoffs": "2025-01-15"}, "--cutoffs 2025-01-15 lies outside"),
        ({"cutoffs": "soon"}, "--cutoffs soon: 'soon' is no point in time"),
        ({"season": "7,half"}, "--season takes numbers separated by commas, got 'half'"),
        ({"known": "promotion"}, "promotion"),
        ({"related": "prices.csv"}, "prices.csv"),
        ({"target": "units"}, "units"),
        ({"filling": "target=zero"}, "--filling takes COLUMN.PLACE=METHOD"),
        ({"filling": "target.midle=zero"}, "Did you mean 'middle'?"),
        ({"aggregation": "target=avg"}, "no method 'avg'"),
        ({"out": "sales.csv"}, "sales.csv"),
        ({"out": "/proc/nothing/report"}, "cannot write to '/proc/nothing/report'"),
    ],
)
def test_what_a_user_can_get_wrong_is_named_before_anything_is_written(
    run: Run, options: dict[str, object], said: str
) -> None:
    refused(run("backtest", "sales.csv", *backtest_with(**options)), said)


def test_a_missing_sales_file_is_named(run: Run) -> None:
    refused(run("backtest", "sold.csv", *backtest_with()), "sold.csv")


def test_a_file_without_the_names_of_its_columns_is_told_from_one_with_other_names(run: Run) -> None:
    lines = Path("sales.csv").read_text().splitlines(keepends=True)
    Path("sales.csv").write_text("".join(lines[1:]))
    refused(
        run("check", *TABLES), "'2024-01-01' looks like a value: put a line with the columns' names first."
    )
    Path("sales.csv").write_text("sku,timestamp,target\n" + "".join(lines[1:]))
    refused(run("check", *TABLES), "It has: sku, timestamp, target. Name the right one with --id.")


def test_a_folder_that_is_no_panel_is_named(run: Run, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("model")
    (other / "manifest.json").write_text("{}")
    refused(run("check", other, *TABLES[1:]), "holds no CSV or Parquet file, and is no panel")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("timestamp", "2024-13-45", "2024-13-45"),
        ("target", "many", "many"),
        ("target", "inf", "inf"),
        ("timestamp", "2024-01-01", "2024-01-01"),  # a second row for that day
    ],
)
def test_a_bad_cell_is_named(run: Run, column: str, value: str, said: str) -> None:
    sales = pd.read_csv("sales.csv", dtype=str)
    sales.loc[3, column] = value
    sales.to_csv("sales.csv", index=False)
    refused(
        run("train", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "model"),
        said,
        "'a'" if "-01-" in value else "",
    )


@pytest.mark.slow
def test_a_timestamp_off_the_frequency_is_an_error_when_strict(run: Run) -> None:
    sales = pd.read_csv("sales.csv", dtype=str)
    sales.loc[3, "timestamp"] = "2024-01-04 10:30"
    sales.to_csv("sales.csv", index=False)
    refused(run("backtest", "sales.csv", *backtest_with(), "--strict"), "2024-01-04 10:30")
    assert run("backtest", "sales.csv", *backtest_with()).exit_code == 0


@pytest.mark.parametrize("out", [None, "sales.csv", "/proc/nothing/model"])
def test_train_finds_out_before_training_that_it_cannot_write(
    run: Run, out: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.workflows.train.train", lambda *_, **__: pytest.fail("it trained"))
    where = [] if out is None else ["--out", out]
    refused(run("train", *TABLES, "--horizon", 7, "--recipe", RECIPE, *where), out or "--out is missing")


@pytest.mark.slow
def test_predict_names_a_bad_model_item_or_ending(run: Run) -> None:
    refused(run("predict", "nowhere", "sales.csv"), "no model folder nowhere")
    refused(run("predict", "sales.csv", "model"), "sales.csv is a file, expected the folder of a model")
    run("train", *TABLES, "--horizon", 3, "--recipe", RECIPE, "--out", "model")
    assert "no item 'c'" in run("predict", "model", *TABLES[:5], "--only", "a,c").stderr
    said = run("predict", "model", *TABLES[:5], "--out", "x.ods").stderr
    assert "a table is written as .csv, .parquet, .xlsx or .delta, got 'x.ods'" in " ".join(said.split())


def test_a_time_limit_is_refused_where_it_is_no_time_or_makes_no_sense(run: Run) -> None:
    common = ("backtest", *TABLES, "--horizon", 7, "--recipe")
    refused(
        run(*common, "auto", "--time-limit", "soon"), "must be a time such as 90s, 10m or 1.5h, got 'soon'"
    )
    refused(run(*common, RECIPE, "--time-limit", "10m"), f"a time limit makes no sense for {RECIPE}")


def test_tune_refuses_a_recipe_without_ranges(run: Run) -> None:
    refused(
        run("tune", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "tuned"),
        f"{RECIPE} declares no ranges",
    )


def test_the_demo_names_a_recipe_that_is_not_there_before_it_reads_the_sample(run: Run) -> None:
    refused(
        run("demo", "--recipe", "seasonal_nave"), "no recipe 'seasonal_nave'. Did you mean 'seasonal_naive'?"
    )
