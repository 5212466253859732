"""Location and scale of windows, and of items without history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foretell.data.static_scale import StaticScale, history_scale
from foretell.windows.target_scale import window_scale
from panels import daily, weekly_sales

FALLBACK = torch.tensor([[10.0, 2.0]])


def test_a_long_window_has_its_own_mean_and_deviation() -> None:
    values = torch.randn(1, 4000, generator=torch.Generator().manual_seed(0)) * 3 + 50
    moments = window_scale(values, torch.ones_like(values, dtype=torch.bool), FALLBACK)[0]
    assert abs(float(moments[0]) - float(values.mean())) < 1e-3
    assert abs(float(moments[1]) / float(values.std()) - 1) < 0.01


def test_unobserved_steps_take_no_part() -> None:
    values = torch.tensor([[1.0, 2.0, 3.0, 1e9]])
    seen = torch.tensor([[True, True, True, False]])
    assert float(window_scale(values, seen, FALLBACK)[0, 0]) == 2.0


def test_a_window_with_nothing_observed_takes_the_fallback() -> None:
    nothing = torch.zeros(1, 5, dtype=torch.bool)
    assert torch.equal(window_scale(torch.full((1, 5), 7.0), nothing, FALLBACK), FALLBACK)


def test_a_constant_window_has_a_positive_deviation() -> None:
    seen = torch.ones(1, 50, dtype=torch.bool)
    assert float(window_scale(torch.full((1, 50), 7.0), seen, FALLBACK)[0, 1]) > 0
    assert float(window_scale(torch.zeros(1, 50), seen, FALLBACK)[0, 1]) > 0


def test_a_window_of_zeros_takes_its_deviation_from_what_others_sell() -> None:
    # 24 zeros and, as if it were one more step, the fallback's deviation: 2 / sqrt(25)
    seen = torch.ones(1, 24, dtype=torch.bool)
    assert float(window_scale(torch.zeros(1, 24), seen, FALLBACK)[0, 1]) == pytest.approx(0.4)


def test_history_moments_leave_out_gaps_closed_days_and_what_lies_beyond_the_origin() -> None:
    panel = daily(weekly_sales(0, items=2)).until(20)
    target = panel.target.copy()
    target[5] = np.nan
    mean, deviation, count = history_scale(replace(panel, target=target))
    days = np.arange(20_000 - 80, 20_000 - 20)
    kept = (days % 7 != 3) & (np.arange(60) != 5)
    np.testing.assert_allclose(mean[0], target[:60][kept].mean(dtype=np.float64))
    np.testing.assert_allclose(deviation[0], target[:60][kept].std(dtype=np.float64))
    assert count[0] == kept.sum()


def test_statics_that_decide_the_size_decide_the_scale_of_a_new_item() -> None:
    rng = np.random.default_rng(0)
    kinds = np.arange(40) % 2
    panel = daily([*(rng.normal(100 if kind else 20, 3, 60) for kind in kinds), []])
    codes = np.append(kinds, 1).astype(np.int32)[:, None] + 1
    panel = replace(panel, static_cat=codes, static_real=np.zeros((41, 1), np.float32))
    location, deviation = StaticScale.fit(panel).predict(panel)[-1]
    assert 85 < location < 115
    assert 2 < deviation < 4.5


def test_a_static_scale_survives_its_arrays() -> None:
    panel = daily(weekly_sales(0))
    scale = StaticScale.fit(panel)
    assert np.array_equal(StaticScale.of_arrays(scale.arrays()).predict(panel), scale.predict(panel))
