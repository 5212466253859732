"""DeepAR: its likelihoods, its lags, and paths that equal a plain unrolling."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from foretell.data.frequency import Frequency
from foretell.data.schema import Schema
from foretell.networks.random_draws import Noise
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows.windows import item_codes
from foretell_recipes.deepar import _inputs, _unroll, lags_of, likelihood_of
from panels import daily, weekly_sales

SMALL = {"hidden_size": 16, "max_steps": 120, "context_length": 14, "num_samples": 50}
TASK = Task(6, (0.1, 0.5, 0.9))


def test_small_counts_are_negative_binomial_and_the_rest_students_t() -> None:
    assert likelihood_of(daily([[0, 3, 2, 0, 1]])) == "negative_binomial"
    assert likelihood_of(daily([[0, 3.5, 2, 0, 1]])) == "student_t"
    assert likelihood_of(daily([[0, 3, -2, 0, 1]])) == "student_t"
    assert likelihood_of(daily([[-5, -3], [-2, -1], [-4, 0]])) == "student_t"
    assert likelihood_of(daily([[0, 0], [0, 0]])) == "negative_binomial"
    assert likelihood_of(daily([[1000, 3000, 2000]])) == "student_t"
    # most items have small counts, but most of the sum is of the large one
    assert likelihood_of(daily([[0, 3, 2], [1, 0, 1], [1000, 3000, 2000]])) == "student_t"
    assert likelihood_of(daily([[0, 3, 2], [1, 0, 1], [60, 60, 60]])) == "student_t"
    assert likelihood_of(daily([[0, 30, 20], [10, 40, 10], [40, 50, 45]])) == "negative_binomial"


def test_the_likelihood_is_chosen_from_before_the_origin() -> None:
    assert likelihood_of(daily([[0, 3, 2, 0, 1, 0.5]]).until(1)) == "negative_binomial"


@pytest.mark.slow
def test_counts_are_forecast_in_whole_numbers_with_a_mean_of_their_own() -> None:
    rng = np.random.default_rng(0)
    panel = daily([rng.poisson(3, 120) for _ in range(6)], covariates=False)
    forecast = make_recipe("deepar", SMALL).fit(panel, TASK, Run()).predict(panel, levels=(0.5,))
    assert 1.5 < forecast.mean.mean() < 4.5
    assert (forecast.mean != np.round(forecast.mean)).any()


def test_lags_are_the_last_steps_and_the_seasons_with_their_neighbours() -> None:
    schema = Schema(frequency=Frequency("D"), seasons=(7,))
    assert lags_of(schema, 1000) == [1, 2, 3, 6, 7, 8, 13, 14, 15, 20, 21, 22, 364]
    assert lags_of(schema, 10) == [1, 2, 3, 6, 7, 8]


@pytest.mark.parametrize("likelihood", ["student_t", "negative_binomial"])
def test_paths_equal_an_unrolling_that_gathers_every_lag_anew(likelihood: str) -> None:
    """The reference puts each drawn step into a target of its own and gathers whole windows again."""
    panel, paths = daily([np.round(series) for series in weekly_sales(0, items=2)]), 3
    recipe = make_recipe("deepar", SMALL | {"likelihood": likelihood}).resolved(panel, TASK)  # type: ignore[attr-defined]
    fitted: Any = make_recipe("deepar", SMALL | {"likelihood": likelihood, "max_steps": 5}).fit(
        panel, TASK, Run()
    )
    network, items = fitted.network.eval(), torch.arange(2)
    noise = Noise(0, item_codes(panel.keys), paths)

    with torch.inference_mode():
        source = fitted.source(panel, torch.device("cpu"))
        first = recipe._gather(source, source.ends(items))
        got = _unroll(network, first, fitted.sizes.lags, noise)
        for path in range(paths):
            values = torch.zeros(2, 0)
            for step in range(6):
                batch = first._replace(values=first.values.clone(), seen=first.seen.clone())
                scaled = (values - first.scale[:, :1]) / first.scale[:, 1:]
                drawn_already = slice(-6, step - 6)  # of the steps reached, the horizon's are the last
                batch.values[:, drawn_already] = scaled.clamp(-20, 20)
                batch.seen[:, drawn_already] = True
                output, _ = network.rnn(_inputs(network, batch)[:, : recipe.context_length + step + 1])
                params = [p[:, -1, None].expand(-1, paths) for p in network.param_proj(output)]
                drawn = _draw_like(network, params, noise, step, first.scale)[:, path]
                values = torch.cat([values, drawn[:, None]], dim=1)
            np.testing.assert_allclose(got[:, path], values, rtol=1e-4, atol=1e-3)


def _draw_like(network, params, noise, step, located):
    location, scale = located[:, :1], located[:, 1:]
    if len(params) == 2:
        count, logits = params
        return noise.negative_binomial(count * torch.exp(logits) * scale, count, step)
    df, centre, spread = params
    return location + scale * (centre + spread * noise.student(df, step))


@pytest.mark.slow
def test_a_known_column_decides_the_forecast() -> None:
    panel = daily([np.zeros(150)] * 6)
    high = panel.known[:, 0] > 12
    sales = [high[i * (150 + panel.future) :][:150] * 50.0 + 10.5 + i for i in range(6)]
    panel = replace(panel, target=np.concatenate(sales).astype(np.float32))
    median = (
        make_recipe("deepar", SMALL | {"max_steps": 250})
        .fit(panel, TASK, Run())
        .predict(panel, levels=TASK.levels)
        .quantiles[..., 1]
    )
    ahead = panel.known_at(np.arange(6), panel.origin[:, None] + np.arange(6))[..., 0] > 12
    assert median[ahead].mean() > median[~ahead].mean() + 20
