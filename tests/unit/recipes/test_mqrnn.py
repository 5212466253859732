"""MQRNN learns what it should, uses what it is given, and keeps its windows apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foretell.data.columns import columns
from foretell.data.panel import Panel
from foretell.networks.building_blocks import between_levels
from foretell.networks.forking_network import RECENT
from foretell.networks.forking_recipe import recent_changes, season_errors
from foretell.networks.network_recipe import windows_of
from foretell.networks.source import Source
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows.covariate_scale import CovariateScale
from foretell_recipes.mqrnn import MQRNN
from panels import daily

SMALL = {"hidden_size": 16, "max_steps": 250, "context_length": 14}
TASK = Task(6, (0.1, 0.5, 0.9))


def promoted(steps: int = 150) -> Panel:
    """Sales that jump by 50 whenever the known price column is high, and nothing else happens."""
    panel = daily([np.zeros(steps)] * 6)
    open_price = panel.known[:, 0] > 12
    sales = [open_price[i * (steps + panel.future) :][:steps] * 50.0 + 10 + i for i in range(6)]
    return replace(panel, target=np.concatenate(sales).astype(np.float32))


@pytest.mark.slow
def test_a_known_covariate_decides_the_forecast() -> None:
    panel = promoted()
    median = (
        make_recipe("mqrnn", SMALL)
        .fit(panel, TASK, Run())
        .predict(panel, levels=TASK.levels)
        .quantiles[..., 1]
    )
    high = panel.known_at(np.arange(6), panel.origin[:, None] + np.arange(6))[..., 0] > 12
    assert high.any()
    assert median[high].mean() > median[~high].mean() + 25


@pytest.mark.slow
def test_the_kind_of_a_new_item_decides_its_forecast() -> None:
    rng = np.random.default_rng(0)
    panel = daily([*(rng.normal(100 if i % 2 else 20, 2, 100) for i in range(10)), [], []])
    median = (
        make_recipe("mqrnn", SMALL)
        .fit(panel, TASK, Run())
        .predict(panel, levels=TASK.levels)
        .quantiles[-2:, :, 1]
        .mean(1)
    )
    assert 10 < median[0] < 40  # an even position: of the kind that sells about 20
    assert 75 < median[1] < 130


@pytest.mark.slow
def test_the_mean_of_a_skewed_series_lies_above_its_median() -> None:
    rng = np.random.default_rng(1)
    panel = daily([rng.exponential(10, 200) for _ in range(8)], covariates=False)
    forecast = make_recipe("mqrnn", SMALL).fit(panel, TASK, Run()).predict(panel, levels=TASK.levels)
    # of an exponential distribution with mean 10 the median is 6.9
    assert forecast.mean.mean() > forecast.quantiles[..., 1].mean() + 1


def test_season_errors_are_mean_changes_over_a_season() -> None:
    values = torch.tensor([[0.0, 1.0, 0.5, 1.0, 0.0, 1.0]])
    seen = torch.tensor([[True, True, True, True, True, False]])
    # over two steps: |0.5 - 0|, |1 - 1|, |0 - 0.5| are seen; over five none is, since the last step is hidden
    assert torch.allclose(season_errors(values, seen, [2, 5]), torch.tensor([[1.0 / 3, 1.0]]))


def test_a_season_longer_than_the_window_counts_as_not_seen() -> None:
    values = torch.tensor([[0.0, 1.0, 0.5]])
    assert season_errors(values, torch.ones(1, 3, dtype=torch.bool), [1, 5]).tolist() == [[0.75, 1.0]]


def test_recent_changes_are_taken_from_the_steps_before_a_fork() -> None:
    values = torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]])
    seen = torch.tensor([[True, True, False, True, True]])
    changes = recent_changes(values, seen, torch.tensor([[4, 5]]), [3])
    # before the fork at 4: 8 - 4 (4 is not seen); before that at 5: 16 - 8; over a season of 3: 8 - 1, and 16 - 2
    assert changes[0, :, 0].tolist() == [0.0, 8.0]
    assert changes[0, :, RECENT].tolist() == [7.0, 14.0]
    assert changes[0, :, 5:RECENT].abs().sum() == 0  # would lie before the window


def test_forks_lie_at_the_ends_of_patches_and_see_a_context() -> None:
    panel = daily([np.arange(60.0)] * 4)
    recipe = MQRNN(context_length=20, patch_length=4, forks=9).resolved(panel, TASK)
    windows = windows_of(recipe, panel, CovariateScale.of(panel), TASK, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    batch = recipe.batch(Source(windows, torch.ones(4, 2), recipe.sizes(windows, TASK)), generator)
    assert recipe.window_length == 32  # 20 and half as many again, in whole patches
    assert set(batch.forks.unique().tolist()) == {20, 24, 28, 32}
    assert batch.forks.diff(dim=1)[:, -1].min() >= 0


def test_a_hidden_history_hides_its_past_covariates_too() -> None:
    panel = daily([np.arange(60.0)] * 4)
    panel = replace(
        panel, past=np.ones((240, 1), np.float32), schema=replace(panel.schema, past=columns("visitors"))
    )
    recipe = MQRNN(context_length=20, cold_share=1.0).resolved(panel, TASK)
    windows = windows_of(recipe, panel, CovariateScale.of(panel), TASK, torch.device("cpu"))
    source = Source(windows, torch.ones(4, 2), recipe.sizes(windows, TASK))
    batch = recipe.batch(source, torch.Generator().manual_seed(0))
    unseen = batch.past.abs().sum(-1) == 0
    assert unseen[:, 0].any()
    assert bool((batch.visible[unseen] == 0).all())
    assert bool((batch.visible.sum(1) > 0).any())


def test_levels_between_those_of_the_network_are_interpolated() -> None:
    quantiles = torch.tensor([[1.0, 2.0, 4.0]])
    have = torch.tensor([0.1, 0.5, 0.9])
    got = between_levels(quantiles, have, (0.05, 0.1, 0.3, 0.5, 0.9, 0.95))
    assert torch.allclose(got, torch.tensor([[1.0, 1.0, 1.5, 2.0, 4.0, 4.0]]))


def test_defaults_follow_the_data() -> None:
    panel = daily([range(20), range(200)], covariates=False)
    recipe = make_recipe("mqrnn").resolved(panel, TASK)  # type: ignore[attr-defined]
    assert recipe.context_length == 12  # two horizons
    assert make_recipe("mqrnn").resolved(daily([range(9)]), Task(8)).context_length == 9  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_training_on_more_threads_or_in_another_batch_changes_little(name: str) -> None:
    panel = promoted(60)
    fitted = make_recipe(name, SMALL | {"max_steps": 10}).fit(panel, TASK, Run())
    alone = [fitted.predict(panel.take(np.array([i])), levels=TASK.levels).quantiles[0] for i in range(6)]
    np.testing.assert_allclose(
        np.stack(alone), fitted.predict(panel, levels=TASK.levels).quantiles, rtol=1e-5, atol=1e-4
    )
