"""`foretell ingest`: the panel in place of the tables, for every command."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.errors import ForetellError
from foretell.models import fitted_model as model
from foretell.system.folder_lock import claimed
from foretell.system.frame_writers import FrameWriter, frame_writer

Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--freq", "D", "--known", "promo")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `foretell ...` in a folder with two small tables."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=40)
    rows = [(item, day, k % 7 + 1) for item in "abcde" for k, day in enumerate(days)]
    pd.DataFrame(rows, columns=["item_id", "timestamp", "target"]).to_csv("sales.csv", index=False)
    later = pd.date_range("2024-01-01", periods=50)
    pd.DataFrame({"timestamp": later, "promo": [k % 2 for k in range(50)]}).to_csv("ahead.csv", index=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def text(result: Any) -> str:
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.mark.slow
def test_every_command_takes_the_panel_in_place_of_the_tables(run: Run) -> None:
    assert "5 items, 200 steps" in run("ingest", *TABLES, "--out", "panel").stderr
    recipe = ("--horizon", 7, "--recipe", "seasonal_naive")
    scores = []
    for name, source in {"tables": TABLES, "panel": ("panel",)}.items():
        text(run("backtest", *source, *recipe, "--out", f"{name}-report"))
        text(run("train", *source, *recipe, "--out", f"{name}-model"))
        forecast = text(run("predict", f"{name}-model", *source))
        text(run("evaluate", f"{name}-report/forecasts.parquet", *source))
        text(run("check", *source))
        board = pd.read_csv(f"{name}-report/leaderboard.csv")
        scores.append((forecast, board["wQL"].tolist()))
    assert scores[0] == scores[1]
    assert text(run("predict", "tables-model", "panel")) == scores[0][0]


def test_options_that_a_panel_has_fixed_are_said_to_be_unused(run: Run) -> None:
    run("ingest", *TABLES, "--out", "panel")
    result = run("check", "panel", "--freq", "D", "--known", "promo")
    assert result.exit_code == 0
    assert "panel is read as it was ingested; --freq, --known not used" in result.stderr
    result = run("check", "panel", "--freq", "W")
    assert result.exit_code == 2
    assert "panel was ingested with --freq D, asked is --freq W" in " ".join(result.stderr.split())
    assert "--freq not used" not in result.stderr


def test_a_panel_given_as_the_model_is_told_from_one(run: Run) -> None:
    run("ingest", *TABLES, "--out", "panel")
    result = run("predict", "panel", "panel")
    assert result.exit_code == 2
    assert "panel is a panel that `foretell ingest` wrote, expected a model" in " ".join(
        result.stderr.split()
    )


@pytest.mark.slow
def test_what_is_odd_about_given_forecasts_is_said_at_the_prompt(run: Run) -> None:
    text(run("backtest", *TABLES, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "report"))
    forecasts = pd.read_parquet("report/forecasts.parquet").drop(columns=["mean", "actual"], errors="ignore")
    forecasts = forecasts[forecasts["item_id"] != "c"]
    forecasts.assign(p10=forecasts["p90"] + 1).to_csv("theirs.csv", index=False)
    said = run("evaluate", "theirs.csv", "sales.csv", "--freq", "D").stderr
    assert "4 of the data's 5 items are forecast; 'c' is not" in said
    assert "no column 'mean': RMSE, WAPE, MAPE and sMAPE judge the median in its place" in said
    assert "quantiles cross in 28 rows" in said


@pytest.mark.slow
def test_a_panel_is_read_with_a_models_columns_when_that_is_asked_for(run: Run) -> None:
    run("train", *TABLES, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "model")
    pd.read_csv("sales.csv").assign(target=0.5).to_csv("sales.csv", index=False)
    pd.read_csv("ahead.csv").assign(other=1).to_csv("ahead.csv", index=False)
    run("ingest", *TABLES, "--out", "plain")
    refused = run("predict", "model", "plain")
    assert refused.exit_code == 2
    assert "ingested with other columns" in refused.stderr
    run("ingest", *TABLES, "--model", "model", "--out", "fitting")
    assert text(run("predict", "model", "fitting")).count("\n") == 1 + 5 * 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ingest", *TABLES), "--out is missing"),
        (("ingest", *TABLES, "--out", "here"), "holds other things than a panel"),
        (("check", "panel", "sales.csv"), "a saved panel is a whole data set"),
    ],
)
def test_what_makes_no_sense_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    Path("here").mkdir()
    Path("here/thesis.txt").touch()
    run("ingest", *TABLES, "--out", "panel")
    result = run(*words)
    assert (result.exit_code, result.stderr.count("error: ")) == (2, 1)
    assert said in result.stderr


def test_a_failed_ingest_leaves_nothing_and_keeps_the_older_panel(run: Run) -> None:
    run("ingest", *TABLES, "--out", "panel")
    before = text(run("check", "panel"))
    Path("sales.csv").write_text("item_id,timestamp,target\na,2024-01-01,many\n")
    assert run("ingest", *TABLES, "--out", "panel").exit_code == 2
    assert text(run("check", "panel")) == before
    assert run("ingest", *TABLES, "--out", "fresh").exit_code == 2
    assert sorted(path.name for path in Path().iterdir()) == ["ahead.csv", "panel", "sales.csv"]


def test_the_folder_is_claimed_before_the_tables_are_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """(What a second process meets: see test_saved.)"""
    claims = []
    monkeypatch.setattr(
        "foretell.ingest.ingest.find_spans", lambda *_: claims.append(list(Path().glob(".*.lock")))
    )
    run("ingest", *TABLES, "--out", "panel")
    assert [len(found) for found in claims] == [1]
    assert not list(Path().glob(".*.lock"))
    with claimed("panel"):
        pass


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_forecast_written_in_chunks_is_the_forecast(
    run: Run, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    text(run("train", *TABLES, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "model"))
    read = pd.read_csv if ending == "csv" else pd.read_parquet
    whole, chunks, some = (f"{name}.{ending}" for name in ("whole", "chunks", "some"))
    text(run("predict", "model", *TABLES, "--out", whole))
    monkeypatch.setattr(model, "ITEMS_AT_A_TIME", 2)
    text(run("predict", "model", *TABLES, "--out", chunks))
    text(run("predict", "model", *TABLES, "--out", some, "--only", "d,a,b"))
    pd.testing.assert_frame_equal(read(chunks), read(whole))
    assert list(read(some)["item_id"].unique()) == ["d", "a", "b"]


def _write_two_kinds(writer: FrameWriter) -> None:
    writer.write(pd.DataFrame({"a": [1]}))
    writer.write(pd.DataFrame({"b": ["x"]}))


def test_a_table_written_in_pieces_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="schema"), frame_writer(tmp_path / "t.parquet") as writer:
        _write_two_kinds(writer)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ForetellError, match=r"\.csv, \.parquet, \.xlsx or \.delta"):
        frame_writer(tmp_path / "t.txt")


def test_a_forecast_goes_to_a_database_run_by_run(run: Run) -> None:
    pytest.importorskip("adbc_driver_sqlite")
    text(run("train", *TABLES, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "model"))
    to = ("predict", "model", *TABLES, "--to", "sqlite:///plan.db")
    for name in ("W01", "W02", "W02"):
        assert "forecast 5 items, 7 steps each: forecasts of plan.db" in run(*to, "--run", name).stderr
    assert "forecast 1 totals" in run(*to, "--table", "totals", "--total", "all").stderr
    with closing(sqlite3.connect("plan.db")) as database:
        runs = database.execute("SELECT run, count(*) FROM forecasts GROUP BY run").fetchall()
        totals = database.execute("SELECT count(*) FROM totals").fetchall()
    assert runs == [("W01", 35), ("W02", 35)]
    assert totals == [(7,)]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--table", "plan"), "--table names a database's table: give --to as well"),
        (("--run", "W01"), "--run names the rows of a database's table: give --to as well"),
        (("--to", "sqlite:///x.db", "--out", "x.csv"), "--out and --to are two places"),
        (("--to", "mysql://x"), "no database can be opened by that address"),
        (("--to", "sqlite:///x.db", "--table", ""), "named by 1 to 63 bytes"),
    ],
)
def test_a_place_that_is_none_is_said_before_any_work(run: Run, words: tuple[str, ...], said: str) -> None:
    result = run("predict", "no-model", *TABLES, *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
