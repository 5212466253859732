"""The pooled regression: known effects are found, and nothing of it depends on what it must not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from foretell.data.filled_codes import COUNTS
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.local.design_matrix import Regressors
from foretell.local.pooled_regression import Pooled, unexplained
from foretell.models.fitting import fit_model
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import END, daily

HORIZON = 6
EVERY = np.arange(8)


def promoted(*, effect: np.ndarray, noise: float = 1.0, steps: int = 150) -> Panel:
    """Eight daily series around 50 that gain `effect` [8] on the days of a promotion (a 0/1 column in place of price)."""
    panel = daily([np.zeros(steps)] * 8)
    rng = np.random.default_rng(0)
    promo = rng.random((8, steps + HORIZON)) < 0.3
    known = panel.known.copy()
    known[:, 0] = promo.ravel()
    sales = 50 + promo[:, :steps] * effect[:, None] + rng.normal(0, noise, (8, steps))
    return replace(panel, known=known, target=sales.astype(np.float32).ravel())


def promo_effect(panel: Panel, pooled: Pooled) -> np.ndarray:
    """[8] by how much the forecast with a promotion on every day exceeds the one without, in units of the target."""
    made = []
    for value in (0, 1):
        known = panel.known.copy().reshape(8, -1, 2)
        known[:, -HORIZON:, 0] = value
        part = pooled.explain(replace(panel, known=known.reshape(-1, 2)), EVERY, HORIZON)
        made.append(part.scale[:, None] * part.ahead)
    # the regression knows nothing of closed weekdays
    change, is_open = (made[1] - made[0], ~panel.closed(HORIZON))
    return np.asarray((change * is_open).sum(1) / is_open.sum(1))


def test_an_effect_that_all_items_share_is_recovered() -> None:
    panel = promoted(effect=np.full(8, 20.0))
    np.testing.assert_allclose(promo_effect(panel, Pooled.fit(panel, horizon=HORIZON, seed=0)), 20, atol=1.0)


def test_items_keep_effects_of_their_own() -> None:
    effect = np.linspace(2, 30, 8)
    panel = promoted(effect=effect)
    np.testing.assert_allclose(
        promo_effect(panel, Pooled.fit(panel, horizon=HORIZON, seed=0)), effect, atol=1.5
    )


def test_an_item_without_history_has_the_effect_that_its_metadata_suggest() -> None:
    effect = np.linspace(2, 30, 8)  # as the static of `daily`, which rises from -1 to 1
    panel = promoted(effect=effect, noise=10.0)
    forgotten = replace(panel, origin=panel.origin.copy(), target=panel.target.copy())
    forgotten.target[-150:] = np.nan
    standardised = promo_effect(forgotten, Pooled.fit(panel, horizon=HORIZON, seed=0))
    assert 20 < standardised[-1] < 40


def test_what_is_explained_and_what_is_left_add_up_to_the_history() -> None:
    panel = promoted(effect=np.full(8, 20.0))
    part = Pooled.fit(panel, horizon=HORIZON, seed=0).explain(panel, EVERY, HORIZON)
    target = panel.context(150, EVERY)
    left = np.nanvar(part.residual * part.scale[:, None], axis=1)
    assert (np.isnan(part.residual) == np.isnan(target)).all()
    assert (left < 0.1 * np.nanvar(target, axis=1)).all()
    np.testing.assert_array_equal(unexplained(panel, EVERY, HORIZON).residual, target)


def test_a_closed_day_teaches_nothing() -> None:
    panel = promoted(effect=np.full(8, 20.0))
    closed = np.tile(np.arange(END - 150, END) % 7 == 3, 8)
    changed = replace(panel, target=np.where(closed, np.float32(777), panel.target))
    there, here = (
        Pooled.fit(p, horizon=HORIZON, seed=0).explain(p, EVERY, HORIZON).ahead for p in (changed, panel)
    )
    np.testing.assert_allclose(there, here, atol=1e-9)


def test_a_trend_is_not_taken_for_the_season_of_a_year() -> None:
    steps = 400
    rising = [np.arange(steps) * 0.1 + np.random.default_rng(s).normal(0, 1, steps) for s in range(8)]
    panel = daily(rising)
    part = Pooled.fit(panel, horizon=HORIZON, seed=0).explain(panel, EVERY, HORIZON)
    # The regression must leave the rise to the local model: what is left has it still.
    rise = np.nanmean(part.residual[:, -60:], axis=1) - np.nanmean(part.residual[:, :60], axis=1)
    np.testing.assert_allclose(rise * part.scale, 34, atol=6)  # 0.1 a step over 340 steps


def test_the_order_of_items_is_irrelevant() -> None:
    panel = promoted(effect=np.linspace(2, 30, 8))
    order = np.array([3, 1, 7, 0, 5, 2, 6, 4])
    shuffled = panel.take(order)
    there = Pooled.fit(shuffled, horizon=HORIZON, seed=0).explain(shuffled, EVERY, HORIZON)
    here = Pooled.fit(panel, horizon=HORIZON, seed=0).explain(panel, order, HORIZON)
    np.testing.assert_allclose(
        there.ahead, here.ahead, atol=1e-6
    )  # sums of float32 products in another order


def test_its_state_is_json_and_arrays_and_explains_the_same_afterwards() -> None:
    panel = promoted(effect=np.linspace(2, 30, 8))
    pooled = Pooled.fit(panel, horizon=HORIZON, seed=0)
    plain, arrays = pooled.state()
    loaded = Pooled.of_state(json.loads(json.dumps(plain)), arrays)
    there, here = (p.explain(panel, EVERY, HORIZON) for p in (loaded, pooled))
    np.testing.assert_array_equal(there.ahead, here.ahead)
    np.testing.assert_array_equal(there.residual, here.residual)
    np.testing.assert_array_equal(loaded.quantiles([0.1, 0.77]), pooled.quantiles([0.1, 0.77]))


def test_a_constant_series_is_its_own_forecast() -> None:
    panel = promoted(effect=np.full(8, 20.0))
    panel.target[:150] = 13
    part = Pooled.fit(panel, horizon=HORIZON, seed=0).explain(panel, EVERY, HORIZON)
    np.testing.assert_array_equal(part.location[0] + part.scale[0] * part.ahead[0], np.full(HORIZON, 13.0))


def test_columns_that_say_nothing_are_left_out_and_numbers_are_standardised_within_the_item() -> None:
    panel = daily([np.arange(60.0)] * 3)
    found = Regressors.choose(panel, np.arange(3), 60)
    assert [(column, logged) for column, logged, _ in found.plain] == [
        (0, False),
        (0, True),
    ]  # open is always 1
    assert set(found.shifted) == {(1, -1), (1, 1)}  # but not so the day before
    doubled = replace(panel, known=panel.known * np.array([2, 1], np.float32))
    np.testing.assert_allclose(
        Regressors.choose(doubled, np.arange(3), 60).design(doubled, np.arange(3), back=60, ahead=3),
        found.design(panel, np.arange(3), back=60, ahead=3),
        atol=1e-5,
    )


def test_it_is_used_where_it_helps_and_not_where_there_is_nothing_to_explain() -> None:
    assert Pooled.fit(promoted(effect=np.full(8, 20.0)), horizon=HORIZON, seed=0).useful
    noise = [50 + np.random.default_rng(s).normal(0, 1, 150) for s in range(8)]
    assert not Pooled.fit(daily(noise), horizon=HORIZON, seed=0).useful
    assert not Pooled.fit(daily(noise, covariates=False), horizon=HORIZON, seed=0).useful


def test_a_panel_without_any_history_is_refused() -> None:
    with pytest.raises(ForetellError, match="no item has a history"):
        Pooled.fit(daily([[], []]), horizon=HORIZON, seed=0)


def test_recipes_fitted_on_one_panel_learn_the_regression_once_and_once_to_calibrate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    learnt = []
    fit = Pooled.fit.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Pooled, "fit", classmethod(lambda cls, p, **how: learnt.append(p) or fit(cls, p, **how))
    )
    panel = promoted(effect=np.full(8, 20.0))
    for name in ("seasonal_naive", "npts"):
        fit_model(make_recipe(name), panel, Task(HORIZON), Run(processes=1), calibrate=True)
    assert len(learnt) == 2  # before the held-out windows, and on everything
    fit_model(make_recipe("npts"), panel.until(1), Task(HORIZON), Run(processes=1))
    assert len(learnt) == 3  # another origin


def test_its_trial_sees_the_gaps_as_they_were_at_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, seen = promoted(effect=np.full(8, 20.0)), []
    target, filled = panel.target.copy().reshape(8, -1), np.zeros((8, 150), np.uint8)
    target[:, 138:148], filled[:, 138:148] = 0, COUNTS  # a gap across the origin of the trial, filled by zero
    schema = replace(panel.schema, filling={"target": {"middle": "zero"}})
    panel = replace(panel, target=target.ravel(), filled=filled.ravel(), schema=schema)

    def learn(then: Panel, items: np.ndarray, *, yearly: bool) -> Pooled:
        seen.append(then)
        return learnt(then, items, yearly=yearly)

    learnt = Pooled.learn
    monkeypatch.setattr(Pooled, "learn", learn)
    Pooled.fit(panel, horizon=HORIZON, seed=0)
    trial, whole = seen
    assert np.isnan(trial.history(0)[-6:]).all()
    assert (whole.history(0)[138:148] == 0).all()
