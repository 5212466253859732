"""Sums, means and deviations over segments, a chunk at a time, equal those of numpy over the whole."""

from __future__ import annotations

import numpy as np
import pytest

from foretell.data import layout as layouts
from foretell.data.item_floors import floor_of_new_items
from foretell.data.layout import Layout
from foretell.data.segments import mean_and_deviation, segment_means
from foretell.data.static_scale import history_scale
from foretell.windows.covariate_scale import CovariateScale
from panels import daily


@pytest.fixture(params=[5, 1 << 22])
def chunk(request, monkeypatch):
    """Cells of a chunk: fewer than a segment, and more than all."""
    monkeypatch.setattr(layouts, "CHUNK", request.param)


def column():
    values = np.random.default_rng(0).normal(3, 2, 30).astype(np.float32)
    values[[4, 11, 12]] = np.nan
    return values, Layout.of(np.arange(5), np.array([7, 0, 4, 18, 1])), np.array([7, 0, 2, 10, 0])


def test_moments_of_all_segments_are_those_of_their_visible_values(chunk):
    values, layout, stop = column()
    assert mean_and_deviation(values, layout) == pytest.approx(
        (np.nanmean(values), np.nanstd(values)), rel=1e-6
    )
    seen = np.concatenate([values[0:7], values[7:9], values[11:21]])
    assert mean_and_deviation(values, layout, stop) == pytest.approx(
        (np.nanmean(seen), np.nanstd(seen)), rel=1e-6
    )


def test_a_column_of_flags_has_no_moments(chunk):
    _, layout, _ = column()
    flags = (np.arange(30) % 3 == 0).astype(np.float32)
    flags[3] = np.nan
    assert mean_and_deviation(flags, layout) is None
    assert mean_and_deviation(np.full(30, np.nan, np.float32), layout) is None


def test_moments_of_each_run_are_those_of_its_visible_values(chunk):
    values, layout, stop = column()
    mean, deviation, count = segment_means(values, layout, stop)
    assert count.tolist() == [6, 0, 2, 8, 0]
    for segment in (0, 2, 3):
        seen = values[layout.offsets[segment] : layout.offsets[segment] + stop[segment]].astype(np.float64)
        assert (mean[segment], deviation[segment]) == pytest.approx((np.nanmean(seen), np.nanstd(seen)))


def test_closed_steps_do_not_count_in_the_moments_of_a_history(chunk):
    series = [[1.0, 2, 3, 4, 50, 6, 7, 8, 9, 10], [5.0] * 3]
    panel = daily(series)
    open_step = np.stack([panel.known_at(np.array([0]), panel.start[:1, None] + np.arange(10))[0, :, 1]])[0]
    kept = np.array(series[0])[open_step != 0]
    mean, deviation, count = history_scale(panel)
    assert count[0] == len(kept) < 10
    assert (mean[0], deviation[0]) == pytest.approx((kept.mean(), kept.std()))


def test_what_lies_beyond_the_origin_is_neither_in_the_moments_nor_in_the_floor(chunk):
    panel = daily([[1.0, 2, 3, 4, 5, -6], [1.0, 2, 3, 4]])
    assert floor_of_new_items(panel) is None
    assert floor_of_new_items(panel.until(1)) == 0.0
    past = CovariateScale.of(panel.until(2)).past[:, 0]
    seen = np.concatenate([panel.past[0:4, 0], panel.past[6:8, 0]])
    assert past == pytest.approx([seen.mean(), seen.std()], rel=1e-5)


def test_a_range_of_items_is_a_view_that_equals_their_copy():
    panel = daily([[1.0, 2, 3], [4.0], [5.0, 6], [7.0]])
    view, copy = panel.between(1, 3), panel.take(np.array([1, 2]))
    for name in ("start", "offsets", "origin", "target", "known", "past", "static_real", "static_cat"):
        np.testing.assert_array_equal(getattr(view, name), getattr(copy, name))
    assert view.names == copy.names == ["item-1", "item-2"]
    assert np.shares_memory(view.target, panel.target)
