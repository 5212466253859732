"""The registry of recipes, and how hyperparameters are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pandas as pd
import pytest

import foretell
from examples import example_module
from foretell.errors import ForetellError
from foretell.recipe import registry
from foretell.recipe.hyperparameters import Hyperparameter, hyperparameters, settings_of
from foretell.recipe.protocols import Abilities, abilities_of, summary_of
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names


@dataclass(frozen=True, kw_only=True, slots=True)
class Toy:
    name: ClassVar[str] = "toy"
    size: int = 4  # width of it
    rate: float | None = None  # how fast; default: worked out
    kind: Literal["mean", "std"] = "mean"  # which one
    lags: tuple[int, ...] = (
        1,  # steps
        2,  # back
    )
    quiet: bool = False  # whether it says nothing

    def fit(self, panel: Any, task: Any, run: Any) -> Any: ...

    def load(self, schema: Any, task: Any, state: Any, run: Any) -> Any: ...


@pytest.fixture(autouse=True)
def _toy_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    points = {**registry._registered(), "toy": type("Point", (), {"load": staticmethod(lambda: Toy)})}
    monkeypatch.setattr(registry, "_registered", lambda: points)


def test_the_first_recipes_are_registered() -> None:
    assert {"arima", "deepar", "ets", "mqrnn", "seasonal_naive"} <= set(recipe_names())


def test_a_hyperparameter_has_its_default_and_the_comment_beside_it() -> None:
    assert hyperparameters(Toy)[1] == Hyperparameter(
        "rate", float | None, None, "how fast; default: worked out"
    )


def test_a_definition_of_several_lines_has_their_comments_as_its_meaning() -> None:
    assert hyperparameters(Toy)[3].meaning == "steps back"


def test_a_plug_in_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ModuleNotFoundError("No module named 'mxnet'")

    monkeypatch.setattr(
        registry, "_registered", lambda: {"old": type("Point", (), {"load": staticmethod(broken)})}
    )
    with pytest.raises(ForetellError, match="recipe 'old' cannot be imported: No module named 'mxnet'"):
        recipe_class("old")


def test_settings_are_read_from_text_as_the_command_line_has_it() -> None:
    text = {"size": "8", "rate": "1e-3", "kind": "std", "lags": "(7, 14)", "quiet": "true"}
    assert make_recipe("toy", text) == Toy(size=8, rate=1e-3, kind="std", lags=(7, 14), quiet=True)


def test_settings_survive_json_and_text() -> None:
    toy = Toy(size=8, lags=(3,))
    assert make_recipe("toy", {**settings_of(toy), "lags": [3]}) == toy
    assert make_recipe("toy", {key: str(value) for key, value in settings_of(toy).items()}) == toy


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"size": "4.5"}, "toy.size must be a whole number, got '4.5'"),
        ({"size": "many"}, "toy.size must be a whole number, got 'many'"),
        ({"size": True}, "toy.size must be a whole number, got True"),
        ({"rate": "inf"}, "toy.rate must be a number, got 'inf'"),
        ({"rate": 1e999}, "toy.rate must be a finite number"),
        ({"kind": "median"}, "toy.kind must be 'mean' or 'std', got 'median'"),
        ({"lags": "7,7.5"}, "toy.lags must be a whole number, got 7.5"),
        ({"lags": "seven"}, "toy.lags must be numbers separated by commas, got 'seven'"),
        ({"quiet": "1"}, "toy.quiet must be true or false, got '1'"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(setting: dict[str, Any], expected: str) -> None:
    with pytest.raises(ForetellError, match=expected):
        make_recipe("toy", setting)


def test_an_unknown_recipe_offers_the_nearest_name() -> None:
    with pytest.raises(ForetellError, match=r"no recipe 'mqrn'\. Did you mean 'mqrnn'\?"):
        recipe_class("mqrn")


def test_an_unknown_hyperparameter_offers_the_nearest_name_and_all_there_are() -> None:
    with pytest.raises(
        ForetellError, match=r"no hyperparameter 'siez'\. Did you mean 'size'\? It has: kind, lags"
    ):
        make_recipe("toy", {"siez": 3})


def test_the_recipe_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flat = example_module("docs/how-to/recipes.md", "class Flat", tmp_path, monkeypatch).Flat(steps=3)
    days = pd.date_range("2024-01-01", periods=9)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": [9, 9, 9, 9, 9, 1, 2, 3, 4]})
    report = foretell.backtest(foretell.Dataset(sales, freq="D"), horizon=2, recipes=[flat])
    assert report.leaderboard["recipe"].tolist() == ["flat"]
    assert report.leaderboard["RMSE"].iloc[0] == pytest.approx(0.5**0.5)  # mean(9, 1, 2) = 4 for 3 and 4


@pytest.mark.parametrize(
    ("name", "keeps"),
    [("mqrnn", True), ("gluonts", True), ("auto", True), ("boosting", True), ("ets", False)],
)
def test_recipes_that_end_their_training_in_time_say_so(name: str, keeps: bool) -> None:
    assert abilities_of(make_recipe(name)).time_limit is keeps


def declaring(**declared: Any) -> type[Toy]:
    return type("Able", (Toy,), declared)


def test_a_recipe_that_declares_nothing_can_nothing_besides() -> None:
    assert abilities_of(Toy) == abilities_of(Toy()) == Abilities()


def test_an_ability_whose_method_is_missing_is_refused() -> None:
    able = declaring(abilities=Abilities(warm_start=True))
    with pytest.raises(
        ForetellError, match=r"declares the ability 'warm_start', but Able has no method fit_from\(\)"
    ):
        abilities_of(able)
    able = declaring(abilities=Abilities(summary=True))
    with pytest.raises(ForetellError, match=r"ability 'summary', but Silent has no method summary\(\)"):
        summary_of(able(), type("Silent", (), {})())


def test_abilities_that_are_no_table_are_refused() -> None:
    with pytest.raises(
        ForetellError, match=r"Able.abilities must be an Abilities\(...\), got {'warm_start': True}"
    ):
        abilities_of(declaring(abilities={"warm_start": True}))


def test_an_ensemble_takes_the_recipes_that_say_so_the_cheapest_first() -> None:
    from foretell_recipes.auto import default_members

    first_party = (
        "seasonal_naive",
        "npts",
        "ridge",
        "level_shape",
        "theta",
        "ets",
        "boosting",
        "arima",
        "mqrnn",
        "mqcnn",
        "deepar",
        "tft",
    )
    assert tuple(name for name in default_members() if name in first_party) == first_party


def test_abilities_that_lose_what_the_base_needs_are_refused() -> None:
    base = declaring(abilities=Abilities(resolved=True), resolved=lambda self, panel, task: self)
    able = type("Careless", (base,), {"abilities": Abilities(time_limit=True)})
    with pytest.raises(ForetellError, match=r"Careless.abilities leave out 'resolved', which its base needs"):
        abilities_of(able)
