"""Options are called as the arguments of the library; each that is not has its reason here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import typer.main

import foretell
from foretell.cli.app import app
from foretell.cli.option_names import OPTIONS
from foretell.recipe.task import RunArguments

RUN = set(RunArguments.__annotations__)
# the library's argument -> the option, where a word would mean two things at the prompt
OTHERWISE = {
    "items": "only",  # --items is the table of metadata
    "steps": "lead_time",  # of a total; steps are what a horizon counts
    "metadata": "items",  # as for `Dataset`: `items` of a forecast are those to forecast
    "scenarios": "change",  # one a time
    "recipes": "recipe",  # repeats
    "path": "out",
    "folder": "out",
}
HELD_OUT = {"windows": "held_out"}  # of tune: in a file of options `windows` is the backtest's
# what has no option: tables are arguments, the rest is of Python alone
LIBRARY = {"data", "actuals", "model", "forecasts", "self", "run", "axes", "schema", "scratch", "tolerant"}
LIBRARY |= {"paths"}  # that totals are drawn of
# what the prompt has besides: other ways to name tables, where results go, and what other calls take (a total, loading)
PROMPT = {"config", "verbose", "help", "sql", "related_sql", "items_sql", "database", "model"}
PROMPT |= {"related_id", "items_id", "related_timestamp"}  # item_id= and timestamp= by table
PROMPT |= {
    "out",
    "overwrite",
    "spreadsheet",
    "to",
    "table",
    "run",
    "report",
    "round",
    "json",
    "anonymous",
    "full",
}
METHODS = {"predict": {"total", "hierarchy", "lead_time", "explain"}, "whatif": {"by", "device"}}
METHODS |= {
    "explain": {"device"},
    "monitor": {"forecasts"},
    "tune": {"calibrate"},
}  # tune refuses it with a message
COMMANDS: dict[str, list[Callable[..., Any]]] = {
    "train": [foretell.train],
    "tune": [foretell.tune],
    "backtest": [foretell.backtest],
    "predict": [foretell.Model.predict, foretell.Model.predict_to, foretell.load],
    "evaluate": [foretell.evaluate],
    "check": [foretell.check],
    "explain": [foretell.Model.explain],
    "whatif": [foretell.Model.whatif],
    "monitor": [foretell.monitor],
    "reconcile": [foretell.reconcile],
    "ingest": [foretell.Dataset],
}


def options_of(command: str) -> set[str]:
    parameters = typer.main.get_command(app).commands[command].params  # type: ignore[attr-defined]
    return {name[2:].replace("-", "_") for each in parameters for name in each.opts if name.startswith("--")}


def spelt(argument: str, command: str) -> str:
    """The option of an argument."""
    other = {} if command == "ingest" else OTHERWISE | (HELD_OUT if command == "tune" else {})
    return other.get(argument, OPTIONS.get(argument, argument).removeprefix("--").replace("-", "_"))


def asked(command: str) -> set[str]:
    """The options that the arguments of the library ask for."""
    arguments = {name for function in COMMANDS[command] for name in inspect.signature(function).parameters}
    if command in ("train", "tune", "backtest", "reconcile"):
        arguments |= RUN
    return {spelt(name, command) for name in arguments - LIBRARY}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_of_the_library_is_an_option_of_its_name(command: str) -> None:
    assert not asked(command) - options_of(command)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_an_argument_of_the_library_by_its_name(command: str) -> None:
    known = asked(command) | asked("ingest") | PROMPT | METHODS.get(command, set())
    assert not options_of(command) - known
