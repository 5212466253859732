"""What raises the mean of trees raises every level: a covariate's effect is not lost to a pinball loss."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from foretell.recipe.task import Run, Task
from foretell.tabular import TabularRecipe
from foretell_recipes.boosting import Boosting
from foretell_recipes.lightgbm import LightGBM
from foretell_recipes.xgboost import XGBoost
from panels import FUTURE, daily

SERIES, DAYS, EFFECT, SPREAD = 6, 120, 30.0, 5.0
TASK = Task(FUTURE)


@pytest.mark.parametrize(
    "recipe",
    [
        LightGBM(max_steps=40),
        pytest.param(Boosting(max_steps=40), marks=pytest.mark.slow),
        pytest.param(XGBoost(max_steps=40), marks=pytest.mark.slow),
    ],
    ids=lambda recipe: str(recipe.name),
)
def test_levels_of_promotion_days_lie_around_the_promoted_sales_as_the_mean_does(
    recipe: TabularRecipe,
) -> None:
    rng = np.random.default_rng(0)
    promo = rng.random((SERIES, DAYS + FUTURE)) < 0.2
    sales = 20 + EFFECT * promo[:, :DAYS] + rng.normal(0, SPREAD, (SERIES, DAYS))
    panel = daily([np.zeros(DAYS)] * SERIES)
    known = np.stack([promo.ravel(), np.ones(promo.size)], axis=1).astype(np.float32)  # every day is open
    panel = replace(panel, known=known, target=sales.astype(np.float32).ravel())

    forecast = recipe.fit(panel, TASK, Run(threads=1)).predict(panel, levels=[0.025, 0.1])

    promoted = promo[:, -FUTURE:]
    np.testing.assert_allclose(forecast.mean[promoted].mean(), 20 + EFFECT, atol=2)
    low, p10 = forecast.quantiles[promoted].mean(0)
    assert abs(p10 - (20 + EFFECT - 1.28 * SPREAD)) < 2
    assert abs(low - (20 + EFFECT - 1.96 * SPREAD)) < 4  # was 23 too low
