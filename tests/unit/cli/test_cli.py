"""The command line: what it writes and prints."""

from __future__ import annotations

import importlib
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from foretell.recipe import registry
from foretell.recipe.forecast import Forecast

RECIPE = "seasonal_naive"
Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv", "--freq", "D", "--known", "promo")


@pytest.mark.slow
def test_backtest_prints_the_leaderboard_and_writes_all_files(run: Run) -> None:
    result = run(
        "backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--windows", 2, "--out", "runs/first"
    )
    assert result.exit_code == 0, result.output
    assert RECIPE in result.stdout
    assert " bias " in result.stdout
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


@pytest.mark.slow
def test_train_replaces_the_model_that_stands_there_where_it_is_told_to(run: Run) -> None:
    run("train", *TABLES, "--horizon", 3, "--recipe", RECIPE, "--out", "model")
    again = ("train", *TABLES, "--horizon", 5, "--recipe", RECIPE, "--out", "model")
    result = run(*again)
    assert result.exit_code == 2
    assert f"error: model already holds a model of {RECIPE}, written 20" in result.stderr
    assert result.stderr.splitlines()[-1].endswith("have it replaced: --overwrite.")
    assert len(run("predict", "model", *TABLES[:5]).stdout.splitlines()) == 7
    result = run(*again, "--overwrite")
    assert result.exit_code == 0, result.output
    assert f"model held a model of {RECIPE}, written 20" in result.stderr
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
    monkeypatch.setattr("foretell.models.fitted_model.ITEMS_AT_A_TIME", 1)
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


@pytest.mark.slow
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
        ("ets", "local"),
        ("mqrnn", "networks"),
        ("gluonts", "networks"),
        ("boosting", "trees"),
        ("auto", "ensembles"),
    ):
        assert sum(line.startswith(f"{name} ") and family in line for line in lines) == 1
    rows = [line for line in lines if line and "─" not in line]
    assert len(rows) == 1 + len(registry.installed_recipes().recipes)  # the head, and a line a recipe
    assert "…" not in result.stdout
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


def test_a_known_column_that_ends_before_the_horizon_is_named_at_predict_but_not_at_train(run: Run) -> None:
    run("train", *TABLES, "--horizon", 12, "--recipe", RECIPE, "--out", "model")
    result = run("predict", "model", *TABLES[:5], "--out", "forecast.csv")
    assert result.exit_code == 2
    assert (
        "item 'a': related column 'promo' ends 2024-02-19, but the horizon reaches 2024-02-21"
        in result.stderr
    )
    assert (
        "train again with it filled: --filling promo.future=zero. Where items end at their own times, --ends own."
        in result.stderr
    )
    assert f"model: {RECIPE}, saved 20" in result.stderr
    assert "trained on 2 items up to 2024-02-09" in result.stderr
    assert not Path("forecast.csv").exists()


def test_an_interruption_is_short_and_exits_with_130(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        importlib.import_module("foretell.workflows.backtest_runner"), "fit_model", interrupted
    )
    result = run("backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE)
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

    data = sample_data()
    guessed = {"known", "past", "kinds", "codes"}
    assert not guessed & {finding.code for finding in data.findings}
    panel = data.panel
    panel.check_horizon(28)
    assert len(panel) == 200
    assert panel.schema.open == "open"


@pytest.mark.slow
def test_the_target_may_come_in_several_files(run: Run) -> None:
    sales = pd.read_csv("sales.csv")
    for item, part in sales.groupby("item_id"):
        part.to_csv(f"sales-{item}.csv", index=False)
    asked = (*TABLES[1:], "--horizon", 7, "--recipe", RECIPE)
    whole = run("backtest", "sales.csv", *asked, "--out", "whole")
    parts = run("backtest", "sales-a.csv", "sales-b.csv", *asked, "--out", "parts")
    assert parts.exit_code == whole.exit_code == 0, parts.output
    assert Path("parts/metrics.csv").read_text() == Path("whole/metrics.csv").read_text()


@pytest.mark.slow
def test_auto_trains_within_a_time_limit_and_shows_its_members(run: Run) -> None:
    members = ("--recipe", "auto", "--set", "auto.members=seasonal_naive,ets:covariates=none")
    result = run(
        "train", *TABLES, "--horizon", 7, *members, "--time-limit", "60s", "--processes", 1, "--out", "model"
    )
    assert result.exit_code == 0, result.output
    assert "weights chosen on 1 window before the origin" in result.stdout
    assert "seasonal_naive" in result.stdout
    assert run("predict", "model", *TABLES[:5], "--out", "forecast.csv").exit_code == 0


@pytest.mark.slow
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


@pytest.mark.slow
def test_train_and_backtest_calibrate(run: Run) -> None:
    common = (*TABLES, "--horizon", 7, "--recipe", RECIPE, "--calibrate")
    trained = run("train", *common, "--out", "model")
    assert trained.exit_code == 0, trained.output
    assert "Calibration (learnt from" in trained.stdout
    tested = run("backtest", *common, "--out", "report")
    assert tested.exit_code == 0, tested.output
    assert "Before and after calibration" in Path("report/report.html").read_text()


def test_of_two_files_of_options_the_later_one_wins(run: Run) -> None:
    Path("data.toml").write_text('sales = "sales.csv"\nfreq = "D"\nhorizon = 3\nrecipe = ["mqrnn"]\n')
    Path("best.toml").write_text('recipe = "seasonal_naive"\n[set.seasonal_naive]\nseason = 7\n')
    result = run("train", "--config", "data.toml", "--config", "best.toml", "--out", "model")
    assert result.exit_code == 0, result.output
    assert "trained seasonal_naive" in result.output
    Path("worse.toml").write_text("colour = 1\n")
    refused = run("train", "--config", "data.toml", "--config", "worse.toml", "--out", "model")
    assert refused.exit_code == 2
    assert "worse.toml has the key 'colour'" in refused.output


@pytest.mark.slow
def test_train_ends_with_the_validation_scores(run: Run) -> None:
    options = ("--horizon", 3, "--recipe", RECIPE, "--out", "model", "--overwrite")
    plain = run("train", *TABLES, *options).stderr.splitlines()
    assert plain[-2] == (f"no validation scores: {RECIPE} held out no window. foretell backtest scores it")
    calibrated = run("train", *TABLES, *options, "--calibrate").stderr.splitlines()
    assert calibrated[-2].startswith("validation: wQL 0")
    assert ", coverage[0.9] " in calibrated[-2]


@pytest.mark.slow
def test_evaluate_says_how_many_rows_it_scored(run: Run) -> None:
    run("backtest", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "runs")
    frame = pd.read_parquet("runs/forecasts.parquet")
    pd.concat([frame, frame[frame["item_id"] == "a"].assign(item_id="gone")]).to_csv(
        "theirs.csv", index=False
    )
    said = run("evaluate", "theirs.csv", "sales.csv", "--freq", "D").stderr.splitlines()
    assert "scored 14 of 21 rows; left out: 7 of items that the data lack" in said


@pytest.mark.slow
def test_a_shorter_horizon_forecasts_the_first_steps_of_the_same_forecast(run: Run) -> None:
    run("train", *TABLES, "--horizon", 7, "--recipe", RECIPE, "--out", "model")
    whole = run("predict", "model", *TABLES[:5]).stdout.splitlines()
    assert run("predict", "model", *TABLES[:5], "--horizon", 3).stdout.splitlines() == [
        whole[0],
        *whole[1:4],
        *whole[8:11],
    ]
    run("predict", "model", *TABLES[:5], "--horizon", 3, "--out", "short.csv")
    assert Path("short.csv").read_text(encoding="utf-8").splitlines() == [whole[0], *whole[1:4], *whole[8:11]]
    Path("shop.toml").write_text("horizon = 3\n", encoding="utf-8")  # which is what `train` is asked for
    assert run("predict", "model", *TABLES[:5], "--config", "shop.toml").stdout.splitlines() == whole
    longer = run("predict", "model", *TABLES[:5], "--horizon", 8)
    assert longer.exit_code == 2
    assert longer.stderr.splitlines()[-1] == (
        "error: the model forecasts 7 steps, 8 were asked for. Ask for at most --horizon 7, or train a model with --horizon 8."
    )
    late = run("predict", "model", *TABLES[:5], "--horizon", 3, "--lead-time", 4)
    assert "--lead-time is at most a horizon of 3 steps, got 4" in late.stderr
