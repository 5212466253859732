"""The command line: what it writes, and what it says when something is wrong."""

from __future__ import annotations

import importlib
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.recipe import registry
from foretell.recipe.forecast import Forecast

RECIPE = "seasonal_naive"
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `foretell ...` in a folder with three small tables."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.concat(
        [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(40) % 7}) for i in "ab"]
    )
    ahead = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=50), "promo": np.arange(50) % 2})
    sales.to_csv("sales.csv", index=False)
    ahead.to_csv("ahead.csv", index=False)
    pd.DataFrame({"item_id": ["a", "b"], "family": ["bag", "mug"]}).to_csv("items.csv", index=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


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


def test_backtest_prints_the_leaderboard_and_writes_all_files(run: Run) -> None:
    result = run(
        "backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--windows", 2, "--out", "runs/first"
    )
    assert result.exit_code == 0, result.output
    assert RECIPE in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "known ahead: promo" in result.stderr
    wanted = {"leaderboard.csv", "metrics.csv", "forecasts.parquet", "report.html", "run.json"}
    assert {path.name for path in Path("runs/first").iterdir()} == wanted


def test_backtest_without_out_writes_nothing(run: Run) -> None:
    before = set(Path().iterdir())
    assert run("backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE).exit_code == 0
    assert set(Path().iterdir()) == before


def test_train_then_predict_forecasts_what_comes_after_the_data(run: Run) -> None:
    trained = run(
        "train", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--levels", "0.2,0.8", "--out", "model"
    )
    assert trained.exit_code == 0, trained.output
    assert sorted(path.name for path in Path("model").iterdir()) == ["manifest.json", "weights.safetensors"]
    # The model knows its frequency, columns and roles: --freq and --known need not be said again.
    result = run("predict", "model", *TABLES[:5], "--out", "forecast.csv")
    assert result.exit_code == 0, result.output
    forecast = pd.read_csv("forecast.csv")
    assert list(forecast.columns) == ["item_id", "timestamp", "mean", "p20", "p80"]
    assert forecast["timestamp"].min() == "2024-02-10"
    assert len(forecast) == 14


def test_predict_without_out_is_a_csv_to_pipe_on(run: Run) -> None:
    run("train", *TABLES, "--horizon", 3, "--recipe", RECIPE, "--out", "model")
    result = run("predict", "model", *TABLES[:5], "--only", "b", "--levels", "0.975")
    assert result.stdout.splitlines()[0] == "item_id,timestamp,mean,p97.5"
    assert [line[:12] for line in result.stdout.splitlines()[1:]] == [
        "b,2024-02-10",
        "b,2024-02-11",
        "b,2024-02-12",
    ]


def test_train_replaces_the_model_that_stands_there(run: Run) -> None:
    run("train", *TABLES, "--horizon", 3, "--recipe", RECIPE, "--out", "model")
    assert run("train", *TABLES, "--horizon", 5, "--recipe", RECIPE, "--out", "model").exit_code == 0
    assert len(run("predict", "model", *TABLES[:5]).stdout.splitlines()) == 11


@pytest.mark.slow
def test_evaluate_gives_the_scores_that_backtest_gave(run: Run) -> None:
    run("backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "runs")
    result = run("evaluate", "runs/forecasts.parquet", "sales.csv", "--freq", "D", "--out", "again")
    assert result.exit_code == 0, result.output
    first, again = pd.read_csv("runs/leaderboard.csv"), pd.read_csv("again/leaderboard.csv")
    columns = ["recipe", "wQL", "RMSE", "WAPE", "MAPE", "MASE", "interval[0.8]"]
    pd.testing.assert_frame_equal(
        first[columns], again[columns], rtol=1e-5
    )  # forecasts are stored as float32


@pytest.mark.slow
def test_a_forecast_to_standard_output_is_written_in_pieces(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("train", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "model").exit_code == 0
    words = ("predict", "model", *TABLES)
    whole, some = run(*words).stdout, run(*words, "--only", "b").stdout
    monkeypatch.setattr("foretell.models.model.ITEMS_AT_A_TIME", 1)
    sizes: list[int] = []
    to_frame = Forecast.to_frame
    monkeypatch.setattr(Forecast, "to_frame", lambda self: (sizes.append(len(self)), to_frame(self))[1])
    assert run(*words).stdout == whole
    assert sizes == [1, 1]
    assert run(*words, "--only", "b").stdout == some
    assert whole.count("item_id") == 1
    assert len(whole.splitlines()) == 15
    ends = pd.read_csv("ahead.csv").assign(key=1).merge(pd.DataFrame({"item_id": ["a", "b"], "key": 1}))
    ends = ends[(ends["item_id"] == "a") | (ends["timestamp"] < "2024-02-12")].drop(columns="key")
    ends.to_csv("ahead.csv", index=False)
    late = run(*words)
    assert "'promo' ends 2024-02-11" in late.stderr
    assert late.stdout == ""  # the second item's fault is found before the first one's rows are written


def test_check_shows_what_was_found_and_fails_on_what_a_run_would_fail_on(run: Run) -> None:
    fine = run("check", *TABLES, "--horizon", 10)
    assert fine.exit_code == 0
    assert re.search(r"^ items +2 *$", fine.stdout, re.MULTILINE)
    assert "Errors: none" in fine.stdout
    assert max(map(len, fine.stdout.splitlines())) <= 100
    refused(
        run("check", *TABLES, "--horizon", 11), "'promo' ends 2024-02-19, but the horizon reaches 2024-02-20"
    )


def test_check_prints_the_same_for_programs(run: Run) -> None:
    fine = json.loads(run("check", *TABLES, "--horizon", 10, "--json").stdout)
    assert (
        fine["errors"],
        fine["facts"]["items"],
        fine["facts"]["rows"]["the target table (sales.csv)"],
    ) == (0, 2, 80)
    failed = run("check", *TABLES, "--horizon", 11, "--json")
    assert failed.exit_code == 2
    worst = json.loads(failed.stdout)["findings"][0]
    assert (worst["severity"], worst["code"]) == ("error", "known_ends")
    assert worst["option"].startswith("extend the table")


def test_check_says_in_json_too_what_cannot_be_read(run: Run) -> None:
    pd.DataFrame({"item_id": ["a"], "timestamp": ["soon"], "target": [1]}).to_csv("sales.csv", index=False)
    failed = run("check", *TABLES, "--json")
    assert failed.exit_code == 2
    first, last = json.loads(failed.stdout)["findings"]
    assert (first["code"], last["code"]) == ("bad_time", "unreadable")
    assert "'timestamp' 'soon' does not parse" in first["message"]
    assert "has no rows that can be read" in last["message"]


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


@pytest.mark.slow
def test_the_page_of_a_backtest_holds_the_checkup(run: Run) -> None:
    run("backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--holidays", "DE", "--out", "runs")
    page, state = Path("runs/report.html").read_text(), json.loads(Path("runs/run.json").read_text())
    for words in (
        "holiday DE",
        "Frequency of the observations",
        "recipes learn what holidays do",
        "rows of the target table",
    ):
        assert words in page
    assert {"fact": "items", "value": "2"} in state["data"]["Data"]
    assert all(finding["meaning"] for finding in state["findings"])


def test_a_model_is_asked_for_its_holidays_and_zone_but_once(run: Run) -> None:
    options = ("--holidays", "DE,US-CA", "--holiday-days", 2, "--timezone", "Europe/Berlin")
    assert (
        run("train", *TABLES, *options, "--horizon", 7, "--recipe", RECIPE, "--out", "model").exit_code == 0
    )
    result = run("predict", "model", *TABLES[:5], "--out", "forecast.csv")
    assert result.exit_code == 0, result.output
    assert "2 days after holiday US-CA" in result.stderr


def test_recipes_shows_each_hyperparameter_with_its_meaning(run: Run) -> None:
    result = run("recipes", "mqrnn")
    assert result.exit_code == 0
    assert "Wen et al. 2017" in result.stdout
    assert "hidden_size" in result.stdout
    assert "width of the encoder" in result.stdout


def test_recipes_has_a_line_for_each_that_works_and_one_for_each_that_does_not(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'mxnet'")

    points = {**registry._registered(), "old": type("Point", (), {"load": staticmethod(broken)})}
    monkeypatch.setattr(registry, "_registered", lambda: points)
    result = run("recipes")
    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    for name, family in (
        ("ets", "one model a series"),
        ("mqrnn", "network"),
        ("boosting", "trees"),
        ("auto", "other"),
    ):
        assert sum(line.startswith(f"{name} ") and family in line for line in lines) == 1
    assert "hidden_size" not in result.stdout
    assert result.stderr.count("left out: recipe 'old' cannot be imported: No module named 'mxnet'") == 1


def test_a_recipe_that_knows_no_gpu_says_that_it_runs_on_the_cpu(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    asked = ("--horizon", 7, "--recipe", RECIPE, "--device", "cuda", "--out", "model")
    result = run("train", *TABLES, *asked)
    assert result.exit_code == 0, result.output
    assert f"{RECIPE} runs on the CPU" in caplog.text


def test_every_option_may_stand_in_a_file_and_the_command_line_wins(run: Run) -> None:
    Path("forecast.toml").write_text(
        f'sales = "sales.csv"\nrelated = ["ahead.csv"]\nitems = "items.csv"\nfreq = "D"\nknown = ["promo"]\nhorizon = 7\n'
        f'recipe = "{RECIPE}"\nlevels = [0.25, 0.75]\nstrict = true\nwindows = 2\n'
        '[filling.target]\nmiddle = "zero"\n[aggregation]\ntarget = "sum"\n'
    )
    result = run("train", "--config", "forecast.toml", "--out", "model", "--horizon", "4")
    assert result.exit_code == 0, result.output
    lines = run("predict", "--config", "forecast.toml", "model").stdout.splitlines()
    assert lines[0] == "item_id,timestamp,mean,p25,p75"
    assert len(lines) == 1 + 2 * 4


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
        ({"freq": None}, "--freq is missing"),
        ({"freq": "fortnightly"}, "--freq must be one of min, h, D"),
        ({"related": None, "items": None}, "No related column was given: give its table with --related."),
        ({"horizon": 0}, "horizon must be a whole number of steps, at least 1, got 0"),
        ({"horizon": 41}, "the longest history has 40"),
        ({"levels": "0.5,1.5"}, "levels must lie strictly between 0 and 1, got 1.5"),
        ({"levels": "p50"}, "--levels takes numbers separated by commas, got 'p50'"),
        ({"recipe": "seasonal_nave"}, "Did you mean 'seasonal_naive'?"),
        ({"set": f"{RECIPE}.sesons=7"}, f"{RECIPE} has no hyperparameter 'sesons'"),
        (
            {"set": "mqrnn.hidden_size=7"},
            "settings are given for 'mqrnn', which is not among the recipes named",
        ),
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


def test_a_timestamp_off_the_frequency_is_an_error_when_strict(run: Run) -> None:
    sales = pd.read_csv("sales.csv", dtype=str)
    sales.loc[3, "timestamp"] = "2024-01-04 10:30"
    sales.to_csv("sales.csv", index=False)
    refused(run("backtest", "sales.csv", *backtest_with(), "--strict"), "2024-01-04 10:30")
    assert run("backtest", "sales.csv", *backtest_with()).exit_code == 0


def test_a_known_column_that_ends_before_the_horizon_is_named_at_predict_but_not_at_train(run: Run) -> None:
    run("train", *TABLES, "--horizon", 12, "--recipe", RECIPE, "--out", "model")
    result = run("predict", "model", *TABLES[:5], "--out", "forecast.csv")
    assert result.exit_code == 2
    assert (
        "item 'a': related column 'promo' ends 2024-02-19, but the horizon reaches 2024-02-21"
        in result.stderr
    )
    assert not Path("forecast.csv").exists()


@pytest.mark.parametrize("out", [None, "sales.csv", "/proc/nothing/model"])
def test_train_finds_out_before_training_that_it_cannot_write(
    run: Run, out: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.workflows.train.train", lambda *_, **__: pytest.fail("it trained"))
    where = [] if out is None else ["--out", out]
    refused(run("train", *TABLES, "--horizon", 7, "--recipe", RECIPE, *where), out or "--out is missing")


def test_predict_names_a_bad_model_item_or_ending(run: Run) -> None:
    refused(run("predict", "nowhere", "sales.csv"), "no model folder nowhere")
    refused(run("predict", "sales.csv", "model"), "sales.csv is a file, expected the folder of a model")
    run("train", *TABLES, "--horizon", 3, "--recipe", RECIPE, "--out", "model")
    assert "no item 'c'" in run("predict", "model", *TABLES[:5], "--only", "a,c").stderr
    assert "must end in .csv or .parquet" in run("predict", "model", *TABLES[:5], "--out", "x.xlsx").stderr


def test_an_interruption_is_short_and_exits_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("foretell.workflows.backtest"), "fit_model", interrupted)
    result = run("backtest", "sales.csv", *backtest_with())
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "interrupted"


def test_a_training_that_is_interrupted_exits_with_130_and_leaves_the_signal_as_it_was(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("foretell.networks.trainer._Module.training_step", interrupted)
    before = signal.getsignal(signal.SIGINT)
    result = run("train", *TABLES, "--horizon", 7, "--recipe", "mqrnn", "--out", "model")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (130, "interrupted")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_sample_is_found_and_its_known_columns_reach_through_the_horizon(run: Run) -> None:
    from foretell.cli.scoring_commands import sample_data

    panel = sample_data().panel
    panel.check_horizon(28)
    assert len(panel) == 200
    assert panel.schema.open == "open"


@pytest.mark.slow
def test_the_target_may_come_in_several_files(run: Run) -> None:
    sales = pd.read_csv("sales.csv")
    for item, part in sales.groupby("item_id"):
        part.to_csv(f"sales-{item}.csv", index=False)
    whole = run("backtest", "sales.csv", *backtest_with(out="whole"))
    parts = run("backtest", "sales-a.csv", "sales-b.csv", *backtest_with(out="parts"))
    assert parts.exit_code == whole.exit_code == 0, parts.output
    assert Path("parts/metrics.csv").read_text() == Path("whole/metrics.csv").read_text()


def test_auto_trains_within_a_time_limit_and_shows_its_members(run: Run) -> None:
    members = ("--recipe", "auto", "--set", "auto.members=seasonal_naive,ets:covariates=none")
    result = run(
        "train", *TABLES, "--horizon", 7, *members, "--time-limit", "60s", "--processes", 1, "--out", "model"
    )
    assert result.exit_code == 0, result.output
    assert "weights chosen on 1 window before the origin" in result.stdout
    assert "seasonal_naive" in result.stdout
    assert run("predict", "model", *TABLES[:5], "--out", "forecast.csv").exit_code == 0


def test_a_network_goes_on_from_a_saved_one_on_newer_data_with_its_columns(run: Run) -> None:
    small = [f"mqrnn.{x}" for x in ("hidden_size=8", "max_steps=3", "context_length=14", "batch_size=4")]
    common = ("train", *TABLES, "--device", "cpu", "--horizon", 7, "--levels", "0.2,0.8", "--out", "last")
    assert run(*common, *(word for text in small for word in ("--set", text))).exit_code == 0
    more = pd.read_csv("sales.csv").replace({"item_id": {"a": "c"}})
    pd.concat([pd.read_csv("sales.csv"), more[more["item_id"] == "c"]]).to_csv("sales.csv", index=False)
    pd.DataFrame({"item_id": list("abc"), "family": ["bag", "mug", "hat"]}).to_csv("items.csv", index=False)
    newer = ("train", *TABLES[:5], "--device", "cpu", "--from", "last", "--out", "next")
    result = run(*newer)
    assert result.exit_code == 0, result.output
    assert "known ahead: promo" in result.stderr
    first, second = (json.loads(Path(name, "manifest.json").read_text()) for name in ("last", "next"))
    assert second["schema"]["vocabularies"]["family"] == ["bag", "mug", "hat"]
    assert (second["task"], second["hyperparameters"]) == (first["task"], first["hyperparameters"])
    assert "--from names a model of mqrnn, but ets is asked for" in run(*newer, "--recipe", "ets").stderr


def test_a_time_limit_is_refused_where_it_is_no_time_or_makes_no_sense(run: Run) -> None:
    common = ("backtest", *TABLES, "--horizon", 7, "--recipe")
    refused(
        run(*common, "auto", "--time-limit", "soon"), "must be a time such as 90s, 10m or 1.5h, got 'soon'"
    )
    refused(run(*common, RECIPE, "--time-limit", "10m"), f"a time limit makes no sense for {RECIPE}")


@pytest.mark.slow
def test_tune_writes_settings_that_train_takes(run: Run) -> None:
    pytest.importorskip("optuna")
    result = run(
        "tune", *TABLES, "--horizon", 7, "--recipe", "ets", "--trials", 2, "--processes", 1, "--out", "tuned"
    )
    assert result.exit_code == 0, result.output
    assert "as given: wQL" in result.stderr
    assert sorted(path.name for path in Path("tuned").iterdir()) == ["best.toml", "study.db", "trials.csv"]
    taken = run("train", *TABLES, "--horizon", 7, "--config", "tuned/best.toml", "--out", "model")
    assert taken.exit_code == 0, taken.output
    assert "trained ets" in taken.stderr


def test_tune_refuses_a_recipe_without_ranges(run: Run) -> None:
    refused(
        run("tune", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "tuned"),
        f"{RECIPE} declares no ranges",
    )


def test_train_and_backtest_calibrate(run: Run) -> None:
    common = (*TABLES, "--horizon", 7, "--recipe", RECIPE, "--calibrate")
    trained = run("train", *common, "--out", "model")
    assert trained.exit_code == 0, trained.output
    assert "Calibration (learnt from" in trained.stdout
    tested = run("backtest", *common, "--out", "report")
    assert tested.exit_code == 0, tested.output
    assert "Before and after calibration" in Path("report/report.html").read_text()
