"""Rows of (item, origin, step): what they hold, and that they know nothing from their origin on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.system.time_budget import Budget
from foretell.tabular import training_rows
from foretell.tabular.training_rows import FARTHEST, PanelRows
from foretell.windows.covariate_scale import CovariateScale
from panels import END, daily, weekly_sales

MOST = 5000  # rows


def table(panel: Panel, of: Panel | None = None) -> PanelRows:
    """The rows of `panel`, in units learnt from `of`."""
    units = panel if of is None else of
    return PanelRows(
        panel, horizon=6, context=28, covariates=CovariateScale.of(units), scale=StaticScale.fit(units)
    )


def training(panel: Panel, budget: Budget | None = None):
    return table(panel).training(most=MOST, cold_share=0.1, seed=0, budget=budget)


def rows_at(panel: Panel, origin: int, step: int, seen: int | None = None):
    items = torch.arange(len(panel))
    hidden = None if seen is None else torch.full_like(items, seen)
    return table(panel).make(items, torch.full_like(items, origin), torch.full_like(items, step), hidden)


def test_the_base_is_the_mean_of_the_last_values_of_the_same_weekday() -> None:
    panel = daily(weekly_sales(0), covariates=False)
    rows = rows_at(panel, END - 10, 2)
    for item in range(len(panel)):
        history = panel.history(item)
        same = [history[80 - 10 + 2 - 7 * week] for week in (1, 2, 3, 4)]
        np.testing.assert_allclose(rows.location[item], np.mean(same), rtol=1e-5)


def test_a_row_knows_nothing_from_its_origin_on() -> None:
    panel = daily(weekly_sales(0))
    cut = END - 20
    changed = replace(panel, target=panel.target.copy(), past=panel.past.copy())
    for item in range(len(panel)):
        later = slice(int(panel.offsets[item + 1]) - 20, int(panel.offsets[item + 1]))
        changed.target[later], changed.past[later] = 1e6, -1e6
    for step in range(6):
        items = torch.arange(len(panel))
        at = (items, torch.full_like(items, cut), torch.full_like(items, step))
        # The past covariates' own mean per item is of the whole history: compare without them.
        width = panel.past.shape[1] * 3 + 1  # and whether the scale is the item's own, the last
        ours, theirs = (table(p, of=panel).make(*at) for p in (panel, changed))
        np.testing.assert_array_equal(ours.features[:, :-width], theirs.features[:, :-width])
        np.testing.assert_array_equal(ours.location, theirs.location)
        np.testing.assert_array_equal(ours.scale, theirs.scale)


def test_a_row_of_hidden_history_is_that_of_a_new_item() -> None:
    panel = daily(weekly_sales(0))
    hidden = rows_at(panel, END, 3, seen=0)
    new = replace(panel, target=np.full_like(panel.target, np.nan))
    items = torch.arange(len(panel))
    fresh = table(new, of=panel).make(items, torch.full_like(items, END), torch.full_like(items, 3))
    np.testing.assert_array_equal(hidden.location, fresh.location)
    np.testing.assert_array_equal(hidden.scale, fresh.scale)
    without_past = slice(0, hidden.features.shape[1] - 3 * panel.past.shape[1] - 1)
    np.testing.assert_array_equal(hidden.features[:, without_past], fresh.features[:, without_past])
    assert np.isnan(hidden.features[:, -2]).all()
    assert (np.stack([hidden.features, fresh.features])[..., -1] == 0).all(), "nothing is known of its level"


def test_training_rows_are_observed_open_and_within_bounds() -> None:
    series = weekly_sales(1)
    series[0][10:30] = np.nan
    series[1][50] = 1e5  # a slip
    features, target = training(daily(series))
    assert len(features) == len(target) > 500
    assert np.isfinite(target).all()
    assert np.abs(target).max() <= FARTHEST
    assert len(features) <= MOST


def test_rows_to_forecast_are_those_of_each_item_and_step_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = daily(weekly_sales(0, items=101))
    items = torch.arange(101).repeat_interleave(6)
    whole = table(panel).make(items, torch.full_like(items, END), torch.arange(6).repeat(101))
    monkeypatch.setattr(training_rows, "_NUMBERS", 1)  # parts of 256 rows: 42 items
    parts = list(table(panel).forecast())
    assert [(chosen.start, chosen.stop) for chosen, _ in parts] == [(0, 42), (42, 84), (84, 101)]
    for name in ("features", "location", "scale"):
        joined = np.concatenate([getattr(rows, name) for _, rows in parts])
        np.testing.assert_array_equal(joined, getattr(whole, name))


def test_rows_are_made_no_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_rows, "_NUMBERS", 1)  # parts of 256 rows
    clock = iter([0.0, *[9.0] * 9])
    panel = daily(weekly_sales(0), covariates=False)
    hurried, _ = training(panel, Budget(1.0, clock=lambda: next(clock)))
    unhurried, _ = training(panel)
    assert len(hurried) <= 256 < len(unhurried)
    np.testing.assert_array_equal(hurried, unhurried[: len(hurried)])
