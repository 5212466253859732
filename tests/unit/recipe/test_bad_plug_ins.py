"""A recipe that cannot be used gets one message; the others still work."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

import foretell
from evaluator_fakes import RISING, Last, dataset
from foretell.cli.app import app
from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.recipe import registry
from foretell.recipe.registry import installed_recipes, recipe_class
from foretell.recipe.task import Run, Task
from foretell_recipes.auto import default_members
from panels import weeks


@dataclass(frozen=True)
class Wild(Last):
    name: ClassVar[str] = "wild"
    table: dict[str, float] = field(default_factory=dict)  # of anything


def syntax() -> Any:
    raise SyntaxError("invalid syntax (old.py, line 3)")


def lacking() -> Any:
    raise ModuleNotFoundError("No module named 'mxnet'")


FAULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "old": (syntax, "recipe 'old' cannot be imported: SyntaxError: invalid syntax"),
    "bare": (lacking, "recipe 'bare' cannot be imported: No module named 'mxnet'. Install what it needs."),
    "wild": (lambda: Wild, "registered as 'wild' is no recipe: its field 'table' is of the type"),
    "made": (lambda: Last(), "registered as 'made' is no recipe: it is no class"),
    "alias": (lambda: Last, "is no recipe: it is called 'last'; register it under that name"),
    "ets": (lambda: Last, "the name 'ets' is taken by several recipes: a:ETS and b:ETS. Uninstall"),
}


@pytest.fixture(autouse=True)
def _bad_plug_ins_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = {name: type("Point", (), {"load": staticmethod(load)}) for name, (load, _) in FAULTS.items()}
    points = {**registry._registered(), **bad}
    monkeypatch.setattr(registry, "_registered", lambda: points)
    monkeypatch.setattr(registry, "_taken_twice", lambda: {"ets": ["a:ETS", "b:ETS"]})


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(ForetellError) as caught:
        recipe_class(name)
    assert FAULTS[name][1] in str(caught.value)


def test_the_others_are_listed_and_what_failed_is_said() -> None:
    installed = installed_recipes()
    assert set(installed.failed) == set(FAULTS)
    assert {"mqrnn", "arima"} <= set(installed.recipes)
    shown = CliRunner().invoke(app, ["recipes"])
    assert shown.exit_code == 0
    assert "mqrnn" in shown.output
    assert "left out: recipe 'bare' cannot be imported" in " ".join(shown.output.split())


def test_an_ensemble_takes_the_others(caplog: pytest.LogCaptureFixture) -> None:
    members = default_members()
    assert "ets" not in members
    assert "mqrnn" in members
    assert "auto leaves a recipe out: recipe 'old' cannot be imported" in caplog.text


def test_two_entry_points_of_one_name_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    from importlib.metadata import EntryPoint

    points = [EntryPoint("x", value, registry.GROUP) for value in ("a:X", "a:X", "b:X")]
    points.append(EntryPoint("y", "a:Y", registry.GROUP))
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    registry._taken_twice.cache_clear()
    assert registry._taken_twice() == {"x": ["a:X", "b:X"]}
    registry._taken_twice.cache_clear()


def test_a_field_that_is_no_hyperparameter_is_told_before_the_training() -> None:
    with pytest.raises(ForetellError, match="Wild is no recipe: its field 'table' is of the type"):
        fit_model(Wild(), weeks(), Task(5), Run())


def test_a_recipe_that_is_not_registered_is_told_so_before_the_training(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        model = foretell.train(dataset(a=RISING), recipe=Last(), horizon=2)
    assert "Last is not the recipe registered as 'last'" in caplog.text
    assert "group 'foretell.recipes'" in caplog.text
    assert model.predict().horizon == 2
