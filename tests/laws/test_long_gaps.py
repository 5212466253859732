"""An item that shows nothing in its window, such as a shop that was closed for months, is forecast at its own last level."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.recipe.hyperparameters import hyperparameters
from foretell.recipe.protocols import Predictor, resolved_of
from foretell.recipe.registry import make_recipe, recipe_class, recipe_names
from foretell.recipe.task import Run, Task
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.last_seen import LastSeen, ends_of_stretches
from foretell.windows.target_scale import item_scale
from foretell.windows.windows import Windows
from panels import END, daily, weekly_sales
from tiny_chronos import settings_of

STEPS, GAP = 160, 60  # the first item's last GAP steps are not observed
TASK = Task(6, (0.1, 0.5, 0.9))
SMALL: dict[str, Any] = {
    "hidden_size": 8,
    "context_length": 21,
    "max_steps": 30,
    "batch_size": 32,
    "max_rows": 4000,
    "likelihood": "student_t",  # the spread of a negative binomial depends on the unit
    "members": ("seasonal_naive", "boosting:max_steps=10:context_length=21"),
    "trials": 1,
}


def shops(level: float = 1.0, *, closed: bool = False) -> Panel:
    """Six shops of about 30 to 80 a day; the first one sold `level` times 30, and nothing is known of its last GAP days."""
    series = weekly_sales(5, items=6, steps=STEPS)
    series[0] = series[0] * level
    panel = daily(series)
    gap = slice(STEPS - GAP, STEPS)
    if not closed:
        panel.target[gap] = np.nan
        return panel
    known = panel.known.copy()
    known[gap, 1], panel.target[gap] = 0, 0
    return replace(panel, known=known)


@cache
def fitted(name: str) -> Predictor:
    known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
    settings = {key: value for key, value in SMALL.items() if key in known}
    recipe = make_recipe(name, settings | settings_of(name))
    return resolved_of(recipe, shops(), TASK).fit(shops(), TASK, Run(device="cpu"))


@pytest.mark.parametrize("closed", [False, True], ids=["not observed", "closed"])
@pytest.mark.parametrize("name", recipe_names())
def test_a_reopened_item_of_a_hundred_times_the_size_is_forecast_a_hundred_times_as_high(
    name: str, closed: bool
) -> None:
    usual, large = (
        fitted(name).predict(shops(level, closed=closed), levels=TASK.levels) for level in (0.1, 10)
    )
    open_steps = shops().known_at(np.array([0]), END + np.arange(6)[None])[0, :, 1] != 0
    for got, small in ((large.quantiles, usual.quantiles), (large.mean[..., None], usual.mean[..., None])):
        # float32, and fits of single series that end a little apart
        np.testing.assert_allclose(got[0][open_steps], 100 * small[0][open_steps], rtol=0.02)
    middle = usual.quantiles[0, open_steps, 1]
    assert ((middle > 1) & (middle < 9)).all(), "about 3 a day, whatever the others sell"


def test_the_last_seen_step_is_the_one_before_the_gap() -> None:
    target = [np.nan, 1, 2, np.nan, np.nan, np.nan, 3, np.nan, 4, np.nan, np.nan, np.nan]
    panel = daily([target, [], [5.0]], covariates=False)
    assert ends_of_stretches(panel, 2).tolist() == [2, 8, 12]
    last = LastSeen(panel, 2, torch.device("cpu"))
    begin = END - len(target)
    ordinals = torch.tensor([begin + 6, begin + 12, begin + 1, END, END + 9])
    found = last.before(torch.tensor([0, 0, 0, 1, 2]), ordinals)
    assert found[1].tolist() == [True, True, False, False, True]
    assert found[0][found[1]].tolist() == [begin + 2, begin + 8, END - 1]


def test_nothing_at_or_beyond_a_windows_end_reaches_its_scale() -> None:
    panel = shops()
    panel.target[-3 * STEPS : -2 * STEPS][40:110] = np.nan  # a gap within the history of the fourth
    changed = replace(panel, target=panel.target.copy())
    changed.target[-3 * STEPS : -2 * STEPS][100:] *= 1000
    scales = []
    for each in (panel, changed):
        windows = Windows(each, CovariateScale.of(panel), horizon=6, context=20)
        guess = torch.from_numpy(StaticScale.fit(panel).predict(panel))
        items, ends = torch.full((6,), 3), END - STEPS + torch.tensor([62, 70, 80, 90, 99, 100])
        values, shown = windows.target(items, ends[:, None] + torch.arange(-20, 0))
        scales.append(item_scale(windows, items, ends, values, shown, guess[items], since=ends * 0))
        assert not shown.any()
    assert torch.equal(scales[0].moments, scales[1].moments)
    history = panel.history(3)[20:40]
    assert float(scales[0].moments[0, 0]) == pytest.approx(
        float(history[panel.known[20:40, 1] == 1].mean()), rel=0.1
    )
    assert scales[0].own.all()
