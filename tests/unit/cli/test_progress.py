"""How far a command is: one bar for a person who looks on, a line a minute at most otherwise."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foretell.cli.console import ShownProgress
from foretell.system.listener import Event

Run = Callable[..., Any]
TABLES = ("sales.csv", "--related", "ahead.csv", "--items", "items.csv", "--freq", "D", "--known", "promo")


class Clock:
    """A clock that stands still unless it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(*events: tuple[float, Event], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that events at these seconds leave where nobody looks on."""
    clock = Clock()
    shown = ShownProgress(bars=False, clock=clock)
    for clock.now, event in events:
        shown(event)
    shown.end()
    return capsys.readouterr().err.splitlines()


def step(done: int, total: int | None = 400, *, recipe: str = "mqrnn", **more: Any) -> Event:
    return Event(stage="train", done=done, total=total, recipe=recipe, **more)


def test_a_training_that_is_piped_says_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    events = [(float(k), step(k, loss=0.5, score=0.0662 if k > 50 else None)) for k in range(200)]
    assert told(*events, capsys=capsys) == [
        "mqrnn train: 60 of 400, loss 0.5000, validation wQL 0.0662, 6 min left",
        "mqrnn train: 120 of 400, loss 0.5000, validation wQL 0.0662, 5 min left",
        "mqrnn train: 180 of 400, loss 0.5000, validation wQL 0.0662, 4 min left",
    ]


def test_what_ends_within_a_minute_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(*((k / 10, step(k)) for k in range(400)), capsys=capsys) == []


def test_a_line_names_the_windows_and_members_around_a_training(capsys: pytest.CaptureFixture[str]) -> None:
    window: dict[str, Any] = {"stage": "backtest", "total": 4, "recipe": "auto"}
    judge: dict[str, Any] = {"stage": "judge", "total": 3, "recipe": "auto"}
    lines = told(
        (0, Event(done=1, **window, message="auto: training, window 2 of 4")),
        (0, Event(done=2, **judge, message="npts")),
        (0, step(1)),
        (100, step(100)),
        (100, Event(done=3, **judge)),  # all are judged
        (100, step(1, 50, recipe="ets")),
        (170, step(10, 50, recipe="ets")),
        (300, Event(done=2, **window, message="auto: training, window 3 of 4")),
        capsys=capsys,
    )
    assert lines == [
        "[1/4] [2/3] mqrnn train: 100 of 400, 5 min left",
        "[1/4] ets train: 10 of 50, 5 min left",
        "[2/4] auto: training, window 3 of 4",
    ]


def test_each_trial_of_a_search_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    trial = Event(stage="tune", done=1, total=9, settings={"learning_rate": 0.01}, score=0.25, recipe="mqrnn")
    lines = told((0, trial), (0, step(1)), (80, step(201)), capsys=capsys)
    assert lines == ["[1] learning_rate=0.01: wQL 0.2500", "[1/9] mqrnn train: 201 of 400, 80 s left"]


def watched(*words: object, out: Path) -> str:
    """What a terminal behind standard error shows of a command whose standard output is a file."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "foretell", *map(str, words)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90"}
    with out.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=slave, env=environment)
        os.close(slave)
        shown = b""
        while True:
            try:
                shown += os.read(master, 1 << 16)
            except OSError:  # all who could write are gone
                break
        assert process.wait() == 0, shown.decode(errors="replace")
    os.close(master)
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())


@pytest.mark.slow
def test_a_forecast_that_is_piped_from_a_terminal_is_whole(run: Run) -> None:
    assert run("train", *TABLES, "--horizon", 3, "--recipe", "npts", "--out", "model").exit_code == 0
    shown = watched("predict", "model", *TABLES[:5], out=Path("forecast.csv"))
    assert Path("forecast.csv").read_text() == run("predict", "model", *TABLES[:5]).stdout
    assert "2024-02-10" not in shown  # no row of it


@pytest.mark.slow
def test_a_backtest_is_one_bar_at_a_terminal(run: Run) -> None:
    settings = ("--recipe", "mqrnn", "--set", "mqrnn.max_steps=60", "--set", "mqrnn.hidden_size=4")
    shown = watched("backtest", *TABLES, "--horizon", 7, *settings, "--windows", 2, out=Path("board.txt"))
    assert "[0/2] mqrnn train, loss " in shown
    assert ", validation wQL " in shown
    assert "Epoch" not in shown
    assert "mqrnn" in Path("board.txt").read_text()
