"""A calibration is learnt in a process beside the one that trains: what is learnt is the same, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import foretell
from backtest_runs import shop
from foretell.errors import ForetellError
from foretell.execution import worth
from foretell.execution.local import LocalExecutor
from foretell.models import held_out_beside

pytestmark = pytest.mark.slow

SMALL: dict[str, Any] = {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": 4}


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that other processes are given, however soon they are over."""
    monkeypatch.setattr(worth, "LONG_STEPS", 1)
    tasks: list[str] = []

    class Noted(LocalExecutor):
        def submit(self, task: str, arguments: Any, **more: Any) -> Any:
            tasks.append(task)
            return super().submit(task, arguments, **more)

    monkeypatch.setattr(held_out_beside, "LocalExecutor", Noted)
    return tasks


def trained(processes: int, **more: Any) -> foretell.Model:
    asked = {"recipe": "deepar", "horizon": 5, "settings": SMALL, "device": "cpu", "calibrate": True}
    return foretell.train(shop(), processes=processes, **{**asked, **more})


def test_two_processes_calibrate_bit_for_bit_as_one_does(submitted: list[str]) -> None:
    two, one = (trained(count).predict() for count in (2, 1))
    assert submitted == ["held-out forecasts"]
    np.testing.assert_array_equal(two.quantiles, one.quantiles)
    np.testing.assert_array_equal(two.mean, one.mean)


def test_what_is_too_short_to_calibrate_is_said_before_anything_is_trained(submitted: list[str]) -> None:
    told: list[foretell.Event] = []
    with foretell.listening(told.append), pytest.raises(ForetellError, match="too short to calibrate"):
        trained(2, horizon=25)
    assert submitted == []
    assert not [event for event in told if event.stage == "train"]
