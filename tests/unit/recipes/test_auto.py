"""Auto: what it holds out, whom it believes, what it says of those that fail, and what is left after saving."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import foretell
from auto_members import TASK, Near, NearFitted, fit, portfolio, register
from foretell.data.validation_windows import part_of_horizon
from foretell.errors import ForetellError
from foretell.models.ensemble import Ensemble, parse_members
from foretell.models.fitting import fit_model
from foretell.models.model_folder import plain
from foretell.models.validation import ValidationWindows, count_windows
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run
from foretell_recipes.auto import Auto, default_members
from panels import weeks


@pytest.fixture(autouse=True)
def _fakes_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def test_the_recipe_that_is_right_gets_all_the_weight() -> None:
    model = fit("near:off=9", "near")
    assert portfolio(model).labels == ("near",)
    np.testing.assert_allclose(model.predict().mean[0], [3, 9, 4, 8, 5])


def test_errors_that_cancel_out_are_averaged() -> None:
    model = fit("near:off=2", "near:off=-2")
    assert portfolio(model).weights.common == pytest.approx((0.5, 0.5))
    assert [trial.weight for trial in portfolio(model).trials] == pytest.approx([0.5, 0.5])
    np.testing.assert_allclose(
        model.predict(levels=[0.3]).quantiles[0, :, 0], [2.8, 8.8, 3.8, 7.8, 4.8], rtol=1e-6
    )


def test_a_member_that_fails_is_named_with_its_reason() -> None:
    trials = {t.member: t for t in portfolio(fit("near:fails=fit", "near:fails=predict", "near")).trials}
    assert trials["near:fails=fit"].note == "RuntimeError: no luck"
    assert trials["near:fails=predict"].note == "RuntimeError: no forecast"
    assert trials["near"].weight == 1


def test_when_all_fail_the_error_has_every_reason() -> None:
    with pytest.raises(ForetellError, match=r"none of its members\. quick:.* no forecast; near:.* no luck"):
        fit("near:fails=fit", "quick:fails=predict")


def test_settings_are_searched_in_the_time_left_and_every_trial_is_shown() -> None:
    model = fit("ranged:off=9", "quick:off=4", trials=6)
    trials = {t.member: t for t in portfolio(model).trials}
    assert set(trials) == {"ranged:off=9", "quick:off=4", "ranged:off=9:off=0.0", "ranged:off=9:off=5.0"}
    assert trials["ranged:off=9:off=0.0"].weight == 1
    np.testing.assert_allclose(model.predict().mean[0], [3, 9, 4, 8, 5])
    assert len(portfolio(fit("ranged:off=9", "quick:off=4", trials=0)).trials) == 2


def test_a_wild_member_does_not_decide_about_an_item_that_others_forecast_plausibly() -> None:
    model = fit("near:off=2", "wild:off=-2", "wild:off=-2")
    forecast = model.predict()
    assert max(portfolio(model).weights.common) < 0.6
    np.testing.assert_allclose(forecast.mean[0], [5, 11, 6, 10, 7], atol=1e-4)  # what near:off=2 says alone
    assert forecast.quantiles[0].max() < 12
    np.testing.assert_allclose(forecast.mean[1], [6, 18, 8, 16, 10], atol=0.05)
    (first, second) = forecast.findings
    assert {first.code, second.code} == {"implausible"}
    assert "1 of 4 items, first 'item-0'" in first.message
    assert not forecast.fallbacks.any()
    alone = model.predict(items=["item-0"])
    np.testing.assert_array_equal(alone.quantiles[0], forecast.quantiles[0])


def test_where_no_member_is_plausible_the_forecast_stays_within_reach_and_counts_as_a_fallback() -> None:
    forecast = fit(
        "wild"
    ).predict()  # of an item of 3 to 9, with 0 within it: the median reaches 9 + 9 * 15 / 7
    assert forecast.fallbacks.tolist() == [True, False, False, False]
    assert 9 < forecast.quantiles[0, :, 1].max() < 9 + 9 * 2.2
    assert forecast.quantiles[0].max() < 9 + 3 * 9 * 2.2
    assert forecast.mean[0].max() < 9 + 3 * 9 * 2.2


def test_a_member_that_is_wild_on_the_validation_windows_of_one_item_keeps_its_weight_for_the_others() -> (
    None
):
    model = fit("near:off=9", "wild:late=False")
    assert portfolio(model).labels[-1] == "wild:late=False"
    assert portfolio(model).weights.common[-1] > 0.8
    note = portfolio(model).trials[1].note
    assert note == "3 of 12 forecasts implausible: no part of the average"
    held = portfolio(model).held_out()
    assert held is not None
    assert held.quantiles.max() < 60


@pytest.mark.slow
def test_a_member_that_takes_too_long_is_cut_off() -> None:
    began = time.monotonic()
    model = fit("quick", "quick:sleeps=60", limit="2s")
    assert time.monotonic() - began < 20
    trials = {t.member: t for t in portfolio(model).trials}
    assert "took longer than its share" in trials["quick:sleeps=60"].note
    assert "is the least that all need" in model.findings[0].message
    assert trials["quick"].weight == 1


def test_chosen_members_are_trained_again_on_everything_and_networks_told_how_long() -> None:
    predictor = portfolio(fit("near")).members[0].predictor
    assert isinstance(predictor, NearFitted)
    assert predictor.learnt == 4 * 70
    assert predictor.limit is not None
    assert 30 < predictor.limit < 60


def test_histories_too_short_to_hold_back_a_window_get_equal_weights_without_networks() -> None:
    model = fit("quick:off=2", "quick:off=4", "quick:fails=fit", "near", panel=weeks(items=3, steps=7))
    assert portfolio(model).weights.common == (0.5, 0.5)
    assert portfolio(model).remark == "equal weights: histories are too short for a validation window"
    notes = {t.member: t.note for t in portfolio(model).trials}
    assert notes["near"] == "not tried: too few items to learn from"
    assert notes["quick:fails=fit"] == "RuntimeError: no luck"
    np.testing.assert_allclose(model.predict().mean[0], [6, 12, 7, 11, 8])


def test_a_history_of_less_than_three_horizons_is_judged_on_a_part_of_the_horizon() -> None:
    # 14 steps are 9 more than the horizon: the last 4 are held out, and 10 trained on
    model = fit("near:off=4", "near", panel=weeks(items=3, steps=14))
    assert portfolio(model).labels == ("near",)
    assert portfolio(model).remark.startswith(
        "weights chosen on 1 window before the origin, the first 4 of 5 steps, 3 items"
    )
    assert portfolio(model).held_out() is None  # what calibrates would lack the last step
    with pytest.raises(ForetellError, match="histories are too short to calibrate"):
        fit_model(Auto(members=("near",)), weeks(items=3, steps=14), TASK, Run(device="cpu"), calibrate=True)


def test_a_window_of_a_part_sees_nothing_at_or_beyond_the_origin() -> None:
    panel = replace(weeks(steps=20), origin=weeks(steps=20).origin - 6)  # the last six steps are a secret
    held = ValidationWindows.of(panel, TASK, windows=None, seed=0, part=True)
    assert held is not None
    assert held.steps == 4
    np.testing.assert_array_equal(held.early.stop, [10] * 4)
    np.testing.assert_array_equal(held.actual[0, 0, :4], panel.target[10:14])
    assert np.isnan(held.actual[0, :, 4]).all()
    assert ValidationWindows.of(panel, TASK, windows=None, seed=0) is None


@pytest.mark.parametrize(("steps", "held"), [(6, 0), (8, 0), (9, 2), (12, 3), (14, 4), (15, 5)])
def test_half_of_what_a_history_has_beyond_a_horizon_is_held_out(steps: int, held: int) -> None:
    assert part_of_horizon(weeks(3, steps), 5) == held


def test_one_item_alone_is_judged_on_several_windows() -> None:
    model = fit("near", "near:off=9", panel=weeks(items=1, steps=140))
    assert "weights chosen on 7 windows before the origin, 1 items" in portfolio(model).remark
    assert portfolio(model).labels == ("near",)


def test_what_is_held_back_is_what_lies_right_before_the_origin() -> None:
    panel = replace(weeks(), origin=weeks().origin - 3)  # the last three steps are somebody's secret
    held = ValidationWindows.of(panel, TASK, windows=2, seed=0)
    assert held is not None
    np.testing.assert_array_equal(held.early.stop, [57] * 4)
    np.testing.assert_array_equal([stand.stop[0] for stand in held.panels], [57, 62])
    np.testing.assert_array_equal(held.actual[:, 0].ravel(), panel.target[57:67])


def test_nothing_at_or_beyond_the_origin_decides() -> None:
    panel = replace(weeks(), origin=weeks().origin - 10)
    target = panel.target.reshape(4, 70).copy()
    target[:, 60:] = 1e6
    changed = replace(panel, target=target.ravel())
    straight, other = fit("near", "near:off=3", panel=panel), fit("near", "near:off=3", panel=changed)
    assert portfolio(straight).weights == portfolio(other).weights
    assert [t.score for t in portfolio(straight).trials] == [t.score for t in portfolio(other).trials]


@pytest.mark.parametrize(
    ("items", "steps", "windows"),
    [(1, 14, 0), (1, 15, 1), (1, 100, 5), (1, 1000, 8), (4, 1000, 8), (50, 100, 2), (50, 30, 1)],
)
def test_few_items_and_long_histories_give_more_windows(items: int, steps: int, windows: int) -> None:
    assert count_windows(weeks(items, steps), 5, None) == windows


def test_more_windows_than_the_history_has_are_refused() -> None:
    with pytest.raises(ForetellError, match="13 validation windows of 5 steps leave less than two horizons"):
        fit("near", windows=13)


def test_members_are_read_with_settings_and_repeated_from_other_seeds() -> None:
    first, second, third = parse_members(["near:off=2:max_steps=3", "near", "near"])
    assert first.recipe == Near(off=2.0, max_steps=3)
    assert (second.label, second.repeat, third.label, third.repeat) == ("near", 0, "near #2", 1)
    with pytest.raises(ForetellError, match="got 'near:off'"):
        parse_members(["near:off"])
    with pytest.raises(ForetellError, match="no hyperparameter 'of'"):
        parse_members(["near:of=1"])


def test_members_stand_in_text_as_the_command_line_has_it() -> None:
    assert make_recipe("auto", {"members": "ets,mqrnn:hidden_size=96"}) == Auto(
        members=("ets", "mqrnn:hidden_size=96")
    )
    assert make_recipe("auto", {"members": "('ets',)"}) == Auto(members=("ets",))
    assert make_recipe("auto", {"members": "none", "time_limit": "90"}) == Auto(time_limit="90")


def test_the_default_portfolio_has_every_installed_recipe_of_foretell_but_auto() -> None:
    assert {"seasonal_naive", "ets", "arima", "mqrnn", "deepar"} <= set(default_members())
    assert not {"auto", "gluonts"} & set(default_members())


def test_a_time_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ForetellError, match=r"auto\.time_limit must be a time"):
        Auto(time_limit="soon")


def test_a_portfolio_survives_json_with_its_members_states_weights_and_trials() -> None:
    model = fit("near:off=2", "near:off=-2")
    facts, arrays = model.predictor.state()
    read = json.loads(json.dumps(plain(facts, "state")))
    assert set(arrays) == {"0.seed", "1.seed"}
    again = Ensemble.load(model.schema, TASK, (read, arrays), Run(device="cpu"))
    np.testing.assert_array_equal(
        again.predict(weeks(), levels=TASK.levels).quantiles, model.predict().quantiles
    )
    assert again.summary() == model.summary()
    (title,) = again.summary()
    assert title.startswith("Members (weights chosen on 3 windows before the origin, 4 items")


@pytest.mark.slow
def test_a_backtest_shows_and_keeps_what_auto_says() -> None:
    days = np.arange(np.datetime64("2024-01-01"), np.datetime64("2024-03-11"))
    sales = foretell_table(days)
    data = foretell.Dataset(sales, freq="D")
    report = foretell.backtest(
        data, horizon=5, recipes={"mine": Auto(members=("near", "quick:fails=fit")), "near": Near()}
    )
    ((name, window, summary),) = report.summaries
    assert (name, window.number) == ("mine", 1)
    (rows,) = summary.values()
    assert [row["member"] for row in rows] == ["near", "quick:fails=fit"]
    assert report.to_json()["summaries"][0]["tables"] == summary
    from foretell.reporting.html import render

    page = render(report)
    assert "How mine was fitted" in page
    assert "RuntimeError: no luck" in page


def foretell_table(days: np.ndarray) -> Any:
    import pandas as pd

    frames = [
        pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(len(days)) % 7}) for i in "ab"
    ]
    return pd.concat(frames, ignore_index=True)
