"""A search of settings in several processes finds what one finds, bit for bit."""

from __future__ import annotations

import importlib.util
from typing import Any

import pandas as pd
import pytest

import foretell
from backtest_runs import shop
from foretell.execution import worth
from foretell.execution.local import LocalExecutor
from foretell.workflows import trial_tasks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        any(importlib.util.find_spec(name) is None for name in ("optuna", "lightgbm")),
        reason="foretell[tune] or foretell[lightgbm] is not installed",
    ),
]


def tuned(processes: int, told: list[foretell.Event], **more: Any) -> pd.DataFrame:
    asked: dict[str, Any] = {"recipe": "lightgbm", "settings": {"max_steps": 5}, "horizon": 5, "windows": 1}
    asked |= {"trials": 8, "time_limit": "1h"}
    with foretell.listening(told.append):
        return foretell.tune(shop(), processes=processes, **{**asked, **more}).trials.drop(columns="seconds")


def test_two_processes_try_and_find_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    submitted: list[str] = []

    class Noted(LocalExecutor):
        def submit(self, task: str, arguments: Any, **more: Any) -> Any:
            submitted.append(task)
            return super().submit(task, arguments, **more)

    monkeypatch.setattr(worth, "START_SECONDS", 0.0)
    monkeypatch.setattr(trial_tasks, "LocalExecutor", Noted)
    told: list[foretell.Event] = []
    two = tuned(2, told)
    assert submitted == ["trial of tune"] * 7  # all but the settings as given
    assert [event.done for event in told if event.stage == "tune"] == list(range(1, 9))
    pd.testing.assert_frame_equal(two, tuned(1, []), check_exact=True)


def test_trials_that_are_over_soon_start_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "START_SECONDS", 1e9)
    monkeypatch.setattr(trial_tasks.Trials, "_elsewhere", None)
    assert len(tuned(2, [], trials=2)) == 2
