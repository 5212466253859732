"""LightGBM and XGBoost: their trees as arrays say what the libraries say, whatever the threads; one that is missing is named."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from threadpoolctl import threadpool_info

import foretell_recipes.lightgbm as light
import foretell_recipes.xgboost as extreme
from foretell.errors import ForetellError
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.tabular import GrownModel, TabularRecipe, TrainingTable, Trees
from panels import daily, weekly_sales

TASK = Task(6)
RECIPES = [light.LightGBM(max_steps=20), extreme.XGBoost(max_steps=20)]
each = pytest.mark.parametrize("recipe", RECIPES, ids=["lightgbm", "xgboost"])


def table(*, gaps: float, seed: int = 0, count: int = 3000) -> TrainingTable:
    """Two categorical columns (7 and 200 codes) and two numeric ones, and a target that depends on all."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, 7, count), rng.integers(0, 200, count)]
    rows = np.stack([*codes, *rng.normal(0, 1, (2, count))], axis=1).astype(np.float32)
    target = (rows[:, 0] % 3) + np.sin(rows[:, 1]) + rows[:, 2] * (rows[:, 3] > 0.3)
    seen = np.where(rng.random(rows.shape) < gaps, np.float32(np.nan), rows)
    return TrainingTable(seen, target.astype(np.float64), 2)


def kept(monkeypatch: pytest.MonkeyPatch, library: Any) -> list[Any]:
    """The models that the library grows from now on."""
    models: list[Any] = []
    train = library.train
    monkeypatch.setattr(library, "train", lambda *a, **k: models.append(train(*a, **k)) or models[-1])
    return models


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_they_say_what_lightgbm_says(gaps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    models = kept(monkeypatch, lightgbm)
    trees = Trees.of(RECIPES[0].grow(table(gaps=gaps), [None, 0.9], seed=0, threads=1))
    others = table(gaps=0.3, seed=1).features
    for m, model in enumerate(models):
        np.testing.assert_allclose(trees.predict(others)[:, m], model.predict(others), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_they_say_what_xgboost_says(gaps: float, monkeypatch: pytest.MonkeyPatch) -> None:
    models = kept(monkeypatch, xgboost)
    trees = Trees.of(RECIPES[1].grow(table(gaps=gaps), [None, 0.9], seed=0, threads=1))
    others = table(gaps=0.3, seed=1).features
    kinds = ["c", "c", "q", "q"]
    for m, model in enumerate(models):
        said = model.predict(xgboost.DMatrix(others, feature_types=kinds, enable_categorical=True))
        np.testing.assert_allclose(
            trees.predict(others)[:, m], said, rtol=1e-5, atol=1e-5
        )  # it adds in float32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["threshold", "values"])
@each
def test_more_threads_grow_the_same_trees_and_leave_the_host_its_own(
    recipe: TabularRecipe, name: str
) -> None:
    recipe = replace(recipe, feature_share=0.7)  # type: ignore[call-arg]
    before = threadpool_info()
    one, two = (
        Trees.of(recipe.grow(table(gaps=0.1, count=20_000), [0.1, 0.5], seed=3, threads=threads))
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert threadpool_info() == before


@each
def test_a_level_is_exceeded_as_often_as_it_says(recipe: TabularRecipe) -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(20_000, 2)).astype(np.float32)
    learnt = TrainingTable(features, features[:, 0] + rng.normal(0, 1, 20_000), 0)
    said = Trees.of(recipe.grow(learnt, [None, 0.1, 0.9], seed=0, threads=1)).predict(features)
    np.testing.assert_allclose((learnt.target[:, None] <= said[:, 1:]).mean(0), [0.1, 0.9], atol=0.03)
    np.testing.assert_allclose(said[:, 0].mean(), learnt.target.mean(), atol=0.02)


@each
def test_what_is_stored_are_numbers_and_it_forecasts_without_its_library(
    recipe: TabularRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = daily(weekly_sales(0))
    fitted: Any = recipe.fit(panel, TASK, Run())
    facts, arrays = fitted.state()
    json.dumps(facts)
    assert all(array.dtype.kind in "biuf" for array in arrays.values())
    monkeypatch.setitem(sys.modules, recipe.name, None)
    loaded = fitted.recipe.load(panel.schema, TASK, (facts, arrays), Run())  # its settings are resolved
    ours, theirs = (p.predict(panel, levels=(0.01, 0.37, 0.9)) for p in (fitted, loaded))
    np.testing.assert_array_equal(ours.quantiles, theirs.quantiles)


@pytest.mark.parametrize(("name", "library"), [("lightgbm", "LightGBM"), ("xgboost", "XGBoost")])
def test_a_library_that_is_missing_is_one_message_with_its_extra_and_others_work(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    panel = daily(weekly_sales(0))
    with pytest.raises(ForetellError, match=rf"^{name} needs {library}.*pip install foretell\[{name}\]$"):
        make_recipe(name).fit(panel, TASK, Run())
    make_recipe("boosting", {"max_steps": 2}).fit(panel, TASK, Run())


def test_a_model_of_no_tree_says_its_base() -> None:
    stump = light._tree({"leaf_value": 2.5})
    assert Trees.of([GrownModel(1.0, [stump])]).predict(np.zeros((2, 1), np.float32)).tolist() == [
        [3.5],
        [3.5],
    ]
