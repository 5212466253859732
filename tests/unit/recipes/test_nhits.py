"""N-HiTS: its blocks' views and sums, and that it uses what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from foretell.networks import DirectBatch, DirectSizes
from foretell.networks.network_recipe import prepare
from foretell.recipe import Run, Task
from foretell.recipe.registry import make_recipe
from foretell_recipes.nhits import Block, NHiTS
from panels import daily, weekly_sales

SMALL = {"hidden_size": 16, "max_steps": 150, "context_length": 14, "batch_size": 64}
TASK = Task(6, (0.1, 0.5, 0.9))
SIZES = DirectSizes(
    horizon=6, cardinalities=(), known=0, calendar=0, past=0, static_real=0, lags=(), levels=(0.1, 0.5)
)


@pytest.mark.parametrize("pool", [1, 4, 5, 20])
def test_a_block_explains_the_context_and_forecasts_the_horizon_whatever_it_pools(pool: int) -> None:
    block = Block(pool, 1, NHiTS(context_length=14), SIZES)
    backcast, forecast = block(torch.randn(3, 14), torch.zeros(3, 1))
    assert backcast.shape == (3, 14)
    assert forecast.shape == (3, 6, 3)  # two quantiles and the mean


def test_a_block_that_pools_reads_averages_of_its_steps() -> None:
    block = Block(7, 1, NHiTS(context_length=14), SIZES).eval()
    one = torch.arange(14.0)[None]
    other = torch.tensor([3.0] * 7 + [10.0] * 7)[None]  # the means of the first and the last seven
    for first, second in zip(block(one, torch.zeros(1, 1)), block(other, torch.zeros(1, 1)), strict=True):
        assert torch.allclose(first, second)


def test_each_block_reads_what_the_ones_before_it_left_and_hidden_steps_stay_zero() -> None:
    panel = daily(weekly_sales(0))
    fitted, source = prepare(NHiTS(context_length=14, pools=(2, 1)), panel, TASK, Run())
    at = source.ends(torch.arange(len(panel)))
    recipe: Any = fitted.recipe
    batch: DirectBatch = recipe.gather(source, at._replace(hidden=torch.full_like(at.items, -5)))
    read, left = [], []
    for block in fitted.network.eval().blocks:
        block.register_forward_hook(lambda _, given, made: (read.append(given[0]), left.append(made[0]))[0])
    fitted.network(batch)
    assert torch.equal(read[0], batch.values)
    assert torch.equal(read[1], (batch.values - left[0]) * batch.visible)
    assert not read[1][:, :9].any()


@pytest.mark.slow
def test_a_known_covariate_decides_the_forecast() -> None:
    panel = daily([np.zeros(150)] * 6)
    high = panel.known[:, 0] > 12
    sales = [high[i * (150 + panel.future) :][:150] * 50.0 + 10 + i for i in range(6)]
    panel = replace(panel, target=np.concatenate(sales).astype(np.float32))
    median = (
        make_recipe("nhits", SMALL | {"max_steps": 250, "learning_rate": 4e-3})
        .fit(panel, TASK, Run())
        .predict(panel, levels=(0.5,))
        .quantiles[..., 0]
    )
    ahead = panel.known_at(np.arange(6), panel.origin[:, None] + np.arange(6))[..., 0] > 12
    assert ahead.any()
    assert median[ahead].mean() > median[~ahead].mean() + 25


def test_pools_are_read_from_text() -> None:
    assert make_recipe("nhits", {"pools": "(6, 2, 1)"}) == NHiTS(pools=(6, 2, 1))
