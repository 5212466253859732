"""TFT: what its windows show, and that it uses what it is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.networks.direct_recipe import DirectBatch, _lag_errors, _lag_steps
from foretell.networks.network_recipe import windows_of
from foretell.networks.source import Origins, Source
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.sampling import NOTHING_HIDDEN
from foretell.windows.windows import Windows
from foretell_recipes.tft import TFT, _variables
from panels import daily, weekly_sales

SMALL = {"hidden_size": 16, "max_steps": 150, "context_length": 14, "batch_size": 64}
TASK = Task(6, (0.1, 0.5, 0.9))


def window(panel: Panel, hidden: int = NOTHING_HIDDEN, back: int = 0) -> DirectBatch:
    """The window of every item of `panel` at `back` steps before its origin."""
    recipe = TFT(context_length=14).resolved(panel, TASK)
    windows: Windows = windows_of(recipe, panel, CovariateScale.of(panel), TASK, torch.device("cpu"))
    items = torch.arange(len(panel))
    source = Source(windows, torch.ones(len(panel), 2), recipe.sizes(windows, TASK))
    return recipe.gather(
        source,
        Origins(
            items,
            windows.origin - back,
            torch.full_like(items, hidden),
            torch.zeros_like(items, dtype=torch.bool),
        ),
    )


@pytest.mark.slow
def test_a_known_covariate_decides_the_forecast() -> None:
    panel = daily([np.zeros(150)] * 6)
    high = panel.known[:, 0] > 12
    sales = [high[i * (150 + panel.future) :][:150] * 50.0 + 10 + i for i in range(6)]
    panel = replace(panel, target=np.concatenate(sales).astype(np.float32))
    median = (
        make_recipe("tft", SMALL).fit(panel, TASK, Run()).predict(panel, levels=TASK.levels).quantiles[..., 1]
    )
    ahead = panel.known_at(np.arange(6), panel.origin[:, None] + np.arange(6))[..., 0] > 12
    assert ahead.any()
    assert median[ahead].mean() > median[~ahead].mean() + 25


@pytest.mark.slow
def test_the_mean_of_a_skewed_series_lies_above_its_median() -> None:
    rng = np.random.default_rng(1)
    panel = daily([rng.exponential(10, 200) for _ in range(8)], covariates=False)
    forecast = make_recipe("tft", SMALL).fit(panel, TASK, Run()).predict(panel, levels=TASK.levels)
    # of an exponential distribution with mean 10 the median is 6.9
    assert forecast.mean.mean() > forecast.quantiles[..., 1].mean() + 1


def test_lags_are_the_latest_of_their_phase_that_the_origin_knows() -> None:
    steps, before = _lag_steps(2, 10, ((4, 0), (4, 1)), torch.device("cpu"))
    back = torch.arange(-2, 10)[:, None] - steps
    # of season 4: one season back in the context and up to step 3, two from step 4 on, three from step 8 on
    assert back.T.tolist() == [[4] * 6 + [8] * 4 + [12] * 2, [8] * 6 + [12] * 4 + [16] * 2]
    assert before.all()


def test_lag_errors_are_mean_differences_over_what_both_show() -> None:
    values = torch.tensor([[1.0, 2.0, 5.0]])
    lags = torch.tensor([[[0.5, 9.0], [0.0, 9.0], [2.0, 9.0]]])
    known = torch.tensor([[[True, False], [True, False], [True, False]]])
    seen = torch.tensor([[True, False, True]])
    # of the first lag: (|1 - 0.5| + |5 - 2|) / 2; the second is known nowhere
    assert _lag_errors(values, seen, lags, known).tolist() == [[1.75, 1.0]]


def test_a_hidden_history_reaches_no_input() -> None:
    shown, other = (window(daily(weekly_sales(seed)), hidden=0) for seed in (0, 1))
    for name in ("values", "visible", "past", "lags", "lagged"):
        assert not getattr(shown, name)[:, :14].any(), name
    assert (shown.lag_errors == 1).all()
    assert torch.equal(shown.scale, other.scale)  # the guess of the statics


def test_steps_of_the_horizon_show_nothing_of_it() -> None:
    panel = daily(weekly_sales(0))
    step = np.concatenate([np.arange(length) for length in panel.lengths])
    future = np.repeat(panel.lengths, panel.lengths) - step <= 6
    changed = replace(panel, target=np.where(future, np.float32(999), panel.target))
    one, two = window(panel, back=6), window(changed, back=6)
    for name in ("values", "visible", "covariates", "lags", "lagged", "lag_errors", "scale"):
        assert torch.equal(getattr(one, name), getattr(two, name)), name
    assert not torch.equal(one.truth, two.truth)


def test_closed_and_unobserved_steps_take_no_part_in_the_loss() -> None:
    panel = daily(weekly_sales(0))
    target = panel.target.copy()
    target[panel.offsets[1] - 2] = np.nan  # two days before the first item's end
    panel = replace(panel, target=target)
    trained = window(panel, back=6).trained.bool()
    days = np.arange(20_000 - 6, 20_000)
    assert (~trained[:, days % 7 == 3]).all()
    assert not trained[0, 4]
    assert trained[1].sum() == (days % 7 != 3).sum()


def test_columns_are_a_variable_each_until_there_are_many() -> None:
    assert _variables(0) == []
    assert _variables(3) == [1, 1, 1]
    assert _variables(30) == [30]


def test_a_width_that_the_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ForetellError, match="multiple of num_heads=4, got 30"):
        make_recipe("tft", {"hidden_size": 30}).fit(daily(weekly_sales(0)), TASK, Run())
