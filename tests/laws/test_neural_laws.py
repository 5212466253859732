"""Laws of every neural recipe, on untrained networks: they hold for any weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.networks import network_recipe as neural
from foretell.networks.distributed.ranks import SINGLE, Ranks
from foretell.networks.network_recipe import NetworkPredictor, windows_of
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows.covariate_scale import CovariateScale
from panels import daily, weekly_sales

HORIZON = 6
LEVELS = (0.1, 0.5, 0.9)
NEURAL = ["mqrnn", "mqcnn", "deepar", "tft", "nhits"]
law = settings(deadline=None, derandomize=True, max_examples=15)


def untrained(name: str, panel: Panel, **fields: Any) -> NetworkPredictor:
    """A predictor with random weights, of the shapes and scales that `panel` asks for."""
    chosen = {"hidden_size": 8, "context_length": 14, "max_steps": 10, **fields}
    if name == "deepar":
        chosen = {"num_samples": 20, "likelihood": "student_t", **chosen}
    task = Task(HORIZON, LEVELS)
    recipe = make_recipe(name, chosen).resolved(panel, task)  # type: ignore[attr-defined]
    moments = CovariateScale.of(panel)
    windows = windows_of(recipe, panel, moments, task, torch.device("cpu"))
    sizes = recipe.sizes(windows, task)
    torch.manual_seed(0)
    return NetworkPredictor(
        recipe, recipe.network(sizes), sizes, moments, StaticScale.fit(panel), task, Run()
    )


def with_target(panel: Panel, change: Any) -> Panel:
    return replace(panel, target=change(panel.target.copy()).astype(np.float32))


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.integers(0, 2**31), st.integers(HORIZON, 40))
def test_a_forecast_ignores_the_target_from_the_origin_on(name: str, seed: int, back: int) -> None:
    panel = daily(weekly_sales(seed)).until(back)
    fitted = untrained(name, panel)
    beyond = np.concatenate(
        [np.arange(length) >= stop for length, stop in zip(panel.lengths, panel.stop, strict=True)]
    )
    noise = np.random.default_rng(seed).normal(0, 1e4, len(beyond))
    changed = with_target(panel, lambda target: np.where(beyond, noise, target))
    assert np.array_equal(
        fitted.predict(panel, levels=fitted.task.levels).quantiles,
        fitted.predict(changed, levels=fitted.task.levels).quantiles,
    )


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.integers(0, 2**31), st.integers(0, 30))
def test_a_fork_ignores_the_target_of_its_own_future(name: str, seed: int, cut: int) -> None:
    panel = daily(weekly_sales(seed))
    fitted = untrained(name, panel, cold_share=0.0)
    at = cut - 40  # steps before the end
    hidden = np.concatenate([np.arange(length) - length >= at for length in panel.lengths])
    changed = with_target(panel, lambda target: np.where(hidden, target + 1000, target))
    whole = fitted.predict(replace(panel, origin=panel.origin + at), levels=fitted.task.levels)
    assert np.array_equal(
        whole.quantiles,
        fitted.predict(replace(changed, origin=panel.origin + at), levels=fitted.task.levels).quantiles,
    )


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.integers(0, 2**31), st.integers(-8, 8))
def test_scaling_the_target_by_a_power_of_two_scales_the_forecast(name: str, seed: int, power: int) -> None:
    panel, factor = daily(weekly_sales(seed)), float(2.0**power)
    scaled = with_target(panel, lambda target: target * factor)
    first, second = untrained(name, panel), untrained(name, scaled)
    expected = first.predict(panel, levels=first.task.levels).quantiles * factor
    # the static scale's regression goes through logarithms in float64 and back to float32
    np.testing.assert_allclose(
        second.predict(scaled, levels=second.task.levels).quantiles, expected, rtol=2e-5, atol=2e-5 * factor
    )


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.permutations(range(5)))
def test_the_order_of_items_is_irrelevant_at_fixed_weights(name: str, order: list[int]) -> None:
    panel = daily([*weekly_sales(3), []])
    fitted = untrained(name, panel)
    straight = fitted.predict(panel, levels=fitted.task.levels).quantiles[np.array(order)]
    # matrix products of other rows round differently in their last bits
    np.testing.assert_allclose(
        fitted.predict(panel.take(np.array(order)), levels=fitted.task.levels).quantiles,
        straight,
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.sets(st.integers(0, 4), min_size=1))
def test_an_items_forecast_does_not_depend_on_which_others_are_asked_for(name: str, chosen: set[int]) -> None:
    panel, items = daily([*weekly_sales(3), []]), np.array(sorted(chosen))
    fitted = untrained(name, panel)
    together = fitted.predict(panel, levels=fitted.task.levels).quantiles[items]
    np.testing.assert_allclose(
        fitted.predict(panel.take(items), levels=fitted.task.levels).quantiles, together, rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("name", NEURAL)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_number_forecast_at_a_time_matters_only_in_the_last_bits(
    name: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = daily([*weekly_sales(3), []])
    fitted = untrained(name, panel)
    together = fitted.predict(panel, levels=fitted.task.levels).quantiles
    monkeypatch.setattr(neural, "PREDICTION_BATCH", size)
    np.testing.assert_allclose(
        fitted.predict(panel, levels=fitted.task.levels).quantiles, together, rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize("name", NEURAL)
@law
@given(st.integers(0, 2**31), st.lists(st.floats(0.01, 0.99), min_size=2, max_size=6, unique=True))
def test_quantiles_rise_with_their_level(name: str, seed: int, levels: list[float]) -> None:
    panel = daily([*weekly_sales(seed), [], [3.0]])
    quantiles = untrained(name, panel).predict(panel, levels=sorted(levels)).quantiles
    assert (np.diff(quantiles, axis=-1) >= 0).all()


def batch_of(fitted: NetworkPredictor, panel: Panel, ranks: Ranks = SINGLE, *, seed: int = 4) -> Any:
    source = fitted.source(panel, torch.device("cpu"), ranks=ranks)
    return fitted.recipe.batch(source, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", NEURAL)
def test_the_rows_of_all_ranks_add_up_to_the_batch_and_its_loss(name: str) -> None:
    panel = daily([*weekly_sales(3), []])
    fitted = untrained(name, panel, batch_size=7)
    network = fitted.network.eval()
    whole, shares = batch_of(fitted, panel), [batch_of(fitted, panel, Ranks(r, 3)) for r in range(3)]
    assert sorted(torch.cat([share.items for share in shares]).tolist()) == sorted(whole.items.tolist())
    losses = torch.stack([fitted.recipe.loss(network, share).detach() for share in shares])
    weights = torch.stack([fitted.recipe.weight(share) for share in shares])
    expected = float(fitted.recipe.loss(network, whole).detach())
    assert float((losses * weights).sum() / weights.sum()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("covariates", [True, False])
@pytest.mark.parametrize("name", NEURAL)
def test_every_weight_takes_part_in_the_loss(name: str, covariates: bool) -> None:
    panel = daily(weekly_sales(3), covariates=covariates)
    fitted = untrained(name, panel)  # ddp waits for the gradient of each
    fitted.recipe.loss(fitted.network, batch_of(fitted, panel)).backward()
    assert [key for key, weight in fitted.network.named_parameters() if weight.grad is None] == []


@pytest.mark.parametrize("name", NEURAL)
def test_a_training_batch_learns_nothing_from_beyond_the_origin(name: str) -> None:
    panel = daily(weekly_sales(0)).until(30)
    fitted = untrained(name, panel)
    spoiled = with_target(panel, lambda target: np.where(np.arange(len(target)) % 80 >= 50, 1e6, target))
    for seed in range(5):
        batches = [batch_of(fitted, p, seed=seed) for p in (panel, spoiled)]
        losses = [float(fitted.recipe.loss(fitted.network.eval(), batch).detach()) for batch in batches]
        assert losses[0] == losses[1]
