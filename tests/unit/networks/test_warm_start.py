"""Warm starts: what is kept of the old model, what is new, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import foretell
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.networks.warm_start import carry_weights

SMALL = {"hidden_size": 8, "max_steps": 4, "context_length": 14, "batch_size": 4}
STILL = {"max_steps": 1, "learning_rate": 1e-12}  # so that nothing is learnt


def data(families: list[str], *, days: int = 60) -> foretell.Dataset:
    """Sales of one item a family, and the families."""
    time = pd.date_range("2024-01-01", periods=days)
    names = [f"item-{k}" for k in range(len(families))]
    sales = pd.concat(
        pd.DataFrame({"item_id": name, "timestamp": time, "target": 10.0 * (k + 1) + np.arange(days) % 7})
        for k, name in enumerate(names)
    )
    return foretell.Dataset(sales, items=pd.DataFrame({"item_id": names, "family": families}), freq="D")


def trained(name: str = "mqrnn", **settings: Any) -> foretell.Model:
    small = {**SMALL, **({"num_samples": 20} if name == "deepar" else {}), **settings}
    return foretell.train(data(["mug", "bag"]), recipe=name, horizon=5, settings=small, device="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mqrnn", "deepar", "tft", "nhits"])
def test_old_items_are_forecast_as_before_until_something_is_learnt(name: str) -> None:
    old, newer = trained(name), data(["mug", "bag", "apron", "lamp", "vase"])
    new = foretell.train(newer, start=old, settings=STILL, device="cpu")
    assert new.schema.vocabularies["family"] == ("bag", "mug", "apron", "lamp", "vase")
    assert new.task == old.task
    there = ["item-0", "item-1"]
    before, after = old.predict(newer, items=there), new.predict(newer, items=there)
    np.testing.assert_allclose(after.quantiles, before.quantiles, rtol=1e-4)
    assert np.isfinite(new.predict(newer).quantiles).all()


def test_a_new_category_begins_as_the_mean_of_the_old_ones() -> None:
    old, new = nn.Embedding(3, 2), nn.Embedding(5, 2)
    with torch.no_grad():
        old.weight.copy_(torch.tensor([[9.0, 9.0], [1.0, 2.0], [3.0, 6.0]]))
    carry_weights(nn.Sequential(old), nn.Sequential(new), "mqrnn")
    assert new.weight.tolist() == [[9, 9], [1, 2], [3, 6], [2, 4], [2, 4]]  # row 0 is the unknown category's


def test_a_model_that_started_from_another_is_saved_and_may_be_started_from(tmp_path: Any) -> None:
    newer = data(["mug", "bag", "apron", "lamp"])
    foretell.train(newer, start=trained(), settings=STILL, device="cpu").save(tmp_path / "second")
    second = foretell.load(tmp_path / "second", device="cpu")
    third = foretell.train(data(["mug", "hat"]), start=second, settings=STILL, device="cpu")
    assert third.schema.vocabularies["family"] == ("bag", "mug", "apron", "lamp", "hat")
    np.testing.assert_allclose(third.predict(newer).quantiles, second.predict(newer).quantiles, rtol=1e-4)


@pytest.mark.slow
def test_it_learns_from_the_newer_data() -> None:
    old = trained()
    new = foretell.train(data(["mug", "bag"], days=80), start=old, settings={"max_steps": 40}, device="cpu")
    assert not np.allclose(new.predict().quantiles, old.predict(data(["mug", "bag"], days=80)).quantiles)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"recipe": "deepar"}, "deepar was asked for, the model is of 'mqrnn'"),
        ({"horizon": 9}, "forecasts 5 steps, 9 were asked for"),
        ({"settings": {"hidden_size": 16}}, "those that shape it, such as hidden_size"),
        ({"settings": {"hiden_size": 16}}, "Did you mean 'hidden_size'"),
    ],
)
def test_what_does_not_fit_the_old_model_is_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ForetellError, match=message):
        foretell.train(data(["mug", "bag"]), start=trained(), device="cpu", **asked)


def test_a_recipe_that_has_no_weights_to_go_on_from_says_so() -> None:
    old = foretell.train(data(["mug", "bag"]), recipe="seasonal_naive", horizon=5)
    with pytest.raises(ForetellError, match="seasonal_naive cannot start from a model"):
        foretell.train(data(["mug", "bag"]), start=old)


def test_a_training_needs_a_horizon_from_somewhere() -> None:
    with pytest.raises(ForetellError, match="horizon is missing"):
        foretell.train(data(["mug", "bag"]))


def test_vocabularies_of_text_columns_that_are_not_static_stay_as_they_are() -> None:
    mine = Schema(static_cat=("kind",), vocabularies={"kind": ("b", "a"), "event": ("fair",)})
    other = Schema(static_cat=("kind",), vocabularies={"kind": ("a", "c"), "event": ("fair", "sale")})
    assert mine.extended(other).vocabularies == {"kind": ("b", "a", "c"), "event": ("fair",)}
