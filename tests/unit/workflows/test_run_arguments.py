"""The arguments that say how a run is carried out are spelt once, and checked wherever they are given."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import foretell
from evaluator_fakes import RISING, Last, dataset
from foretell.errors import ForetellError
from foretell.recipe.task import Run, RunArguments


def test_they_are_fields_of_a_run() -> None:
    own = {"out", "resume", "time_limit"}  # which train, backtest and tune read in their own way
    assert set(RunArguments.__annotations__) == {field.name for field in fields(Run)} - own


@pytest.mark.parametrize("function", [foretell.train, foretell.backtest, foretell.tune])
def test_help_tells_what_they_are(function: Callable[..., Any]) -> None:
    for name in RunArguments.__annotations__:
        assert re.search(rf"^ +{name}: \S", function.__doc__ or "", re.MULTILINE), name


@pytest.mark.parametrize(
    ("wrong", "meant"), [("sede", "seed"), ("devise", "device"), ("callibrate", "calibrate")]
)
def test_an_unknown_one_gets_the_nearest_name(wrong: str, meant: str) -> None:
    given: dict[str, Any] = {wrong: 1}
    for call in (
        lambda: foretell.train(dataset(a=RISING), recipe=Last(), horizon=2, **given),
        lambda: foretell.backtest(dataset(a=RISING), recipes=[Last()], horizon=2, **given),
    ):
        with pytest.raises(ForetellError, match=rf"has no argument '{wrong}'\. Did you mean '{meant}'\?"):
            call()


def test_they_reach_the_run() -> None:
    report = foretell.backtest(dataset(a=RISING), recipes=[Last()], horizon=2, seed=7, threads=2)
    assert (report.settings["seed"], report.settings["threads"], report.settings["device"]) == (7, 2, "auto")


@pytest.mark.slow
def test_mypy_checks_who_calls(tmp_path: Path) -> None:
    caller = tmp_path / "caller.py"
    caller.write_text(
        "import foretell\ndef f(data: foretell.Dataset) -> None:\n"
        "    foretell.train(data, horizon=2, seed='seven')\n    foretell.train(data, horizon=2, sede=7)\n"
    )
    said = subprocess.run([sys.executable, "-m", "mypy", str(caller)], capture_output=True, text=True).stdout
    assert 'caller.py:3: error: Argument "seed" to "train" has incompatible type' in said
    assert 'caller.py:4: error: Unexpected keyword argument "sede" for "train"' in said
