"""What is said at the prompt names the options of the prompt."""

from __future__ import annotations

import re
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
import typer
from rich.table import Table

from foretell.cli.app import app
from foretell.cli.console import FINDINGS_SHOWN, _leaderboard, flush_table, show_findings, show_table
from foretell.cli.option_groups import RunOptions
from foretell.cli.option_names import OPTIONS, as_options
from foretell.data.finding_advice import ADVICE
from foretell.data.findings import Finding
from foretell.recipe.task import Run


@pytest.mark.parametrize(
    ("advice", "spelt"),
    [
        ("correct them, or date_format=", "correct them, or --date-format"),
        ("drop them, or ends='own'", "drop them, or --ends own"),
        ("item_id=, where a column of it names the item", "--id, where a column of it names the item"),
        (
            "freq=, aggregation=, or strict=True to refuse them",
            "--freq, --aggregation, or --strict to refuse them",
        ),
        (
            "filling={'target': {'middle': 'zero', 'back': 'zero'}}, or a coarser freq=",
            "--filling target.middle=zero --filling target.back=zero, or a coarser --freq",
        ),
        ("complete the table", "complete the table"),
        ("Name it with target_column=.", "Name it with --target."),
        (
            "join them: aggregation={'price': 'mean', 'promo': 'max'}.",
            "join them: --aggregation price=mean --aggregation promo=max.",
        ),
        ("Give dimensions=['store', 'region'].", "Give --dimensions store,region."),
        ("Ask for fewer: processes=1", "Ask for fewer: --processes 1"),
        (
            "holiday_days must be a whole number from 0 to 7, got 9",
            "--holiday-days must be a whole number from 0 to 7, got 9",
        ),
        (
            "name another folder: scratch= (or the environment variable TMPDIR).",
            "name another folder: the environment variable TMPDIR.",
        ),
        ("'target' must be a number, got 'freq=2'", "'target' must be a number, got 'freq=2'"),
        ("raise mqrnn.horizon=3, or hidden_size=7", "raise mqrnn.horizon=3, or hidden_size=7"),
        (
            """change "promo = 1 where item_id='zz'" matches nothing: item_id=3 is none""",
            """change "promo = 1 where item_id='zz'" matches nothing: --id 3 is none""",
        ),
        ("change 'season=2 where horizon=1': no", "change 'season=2 where horizon=1': no"),
    ],
)
def test_arguments_of_the_library_become_options(advice: str, spelt: str) -> None:
    assert as_options(advice) == spelt


def test_every_option_that_advice_names_is_one_of_check_or_train() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    there = {
        name for of in ("check", "train") for parameter in commands[of].params for name in parameter.opts
    }
    named = {
        name for advice in ADVICE.values() for name in re.findall(r"--[a-z-]+", as_options(advice.option))
    }
    assert len(named) > 8
    assert named <= there


def test_every_option_that_messages_are_given_is_there() -> None:
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
    there = {name for command in commands for parameter in command.params for name in parameter.opts}
    assert set(OPTIONS.values()) <= there


def test_the_options_of_a_run_are_those_of_the_library_with_its_defaults() -> None:
    elsewhere = {"out": None, "resume": False}  # options of single commands
    assert asdict(RunOptions()) | elsewhere == asdict(Run())


def test_guesses_of_roles_are_shown_however_many_findings_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = [Finding("warning", "gaps", f"warning {i}") for i in range(20)]
    guesses = [
        Finding("note", "unused", "a note"),
        Finding("note", "known", "'promo' counts as known"),
        Finding("note", "past", "'oil' counts as past: known=['oil']"),
    ]
    show_findings([*guesses, *many])
    said = capsys.readouterr().err.splitlines()
    assert said[:FINDINGS_SHOWN] == [f"warning: warning {i}" for i in range(FINDINGS_SHOWN)]
    assert said[FINDINGS_SHOWN:] == [
        "note: 'promo' counts as known",
        "note: 'oil' counts as past: --known oil",
        f"and {len(many) + 1 - FINDINGS_SHOWN} more findings: foretell check shows them all",
    ]


WIDE = ("recipe", *(f"score {k}" for k in range(20)), "remark")
ROW = ("seasonal_naive", *(f"{k}.2345" for k in range(20)), "a text of some words")


def wide_table() -> Table:
    table = flush_table(*WIDE)
    table.add_row(*ROW)
    return table


def test_a_table_that_is_piped_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(wide_table())
    lines = capsys.readouterr().out.splitlines()
    assert len(lines[0]) > 100
    assert all(any(name in line for line in lines) for name in WIDE)
    (row,) = (line for line in lines if "seasonal_naive" in line)
    assert all(cell in row for cell in ROW[:-1])
    assert "\u2026" not in "".join(lines)


def test_a_table_wider_than_the_terminal_is_shown_in_blocks_of_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    show_table(wide_table())
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if "seasonal_naive" in line]
    assert len(rows) > 2
    assert [cell for row in rows for cell in row[1:] if cell in ROW] == list(ROW[1:-1])
    assert "\u2026" not in "".join(lines)


def test_numbers_of_the_leaderboard_have_no_exponents() -> None:
    board = pd.DataFrame(
        {
            "recipe": ["ets"],
            "wQL": [0.1234567],
            "RMSE": [19810.4],
            "WAPE": [9999.7],
            "bias": [0.01],
            "MAPE": [np.nan],
            "MASE": [0.5],
            "interval[0.8]": [0.8],
            "fit_seconds": [1.0],
            "predict_seconds": [1.0],
            "fallbacks": [0],
        }
    )
    cells = [next(iter(column.cells)) for column in _leaderboard(board).columns]
    assert cells[1:5] == ["0.1235", "19,810", "10,000", "+0.010"]
