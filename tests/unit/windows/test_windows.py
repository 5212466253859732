"""Gathers against a plain loop, and the sampling of origins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from foretell.data.filled_codes import COUNTS
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.sampling import sample_windows, training_spans
from foretell.windows.windows import Windows
from panels import END, daily, weekly_sales


def test_gathered_targets_equal_a_plain_loop() -> None:
    panel = daily([[1, np.nan, 3, 4], [5, 6, 7, 8, 9, 10, 11, 12]], covariates=False).until(2)
    windows = Windows(panel, CovariateScale.of(panel), horizon=3)
    values, observed = windows.target(torch.tensor([0, 1]), torch.arange(END - 9, END + 1).expand(2, -1))
    histories: list[dict[int, float | None]] = [
        {-4: 1, -2: None},
        {-8: 5, -7: 6, -6: 7, -5: 8, -4: 9, -3: 10},
    ]
    for item, series in enumerate(histories):
        want = [series.get(step - 9) for step in range(10)]
        if item == 0:
            # the second step was never observed, the last two lie beyond the origin
            want[5:9] = [1, None, None, None]
        assert observed[item].tolist() == [value is not None for value in want]
        assert values[item].tolist() == [value or 0 for value in want]


def test_closed_steps_are_not_observed() -> None:
    panel = daily(weekly_sales(0, items=1))
    windows = Windows(panel, CovariateScale.of(panel), horizon=3)
    ordinals = torch.arange(END - 14, END)[None]
    _, observed = windows.target(torch.tensor([0]), ordinals)
    assert torch.equal(observed, ordinals % 7 != 3)


@pytest.mark.parametrize("covariates", [False, True], ids=["always open", "closed days"])
@pytest.mark.parametrize(
    "items",
    [[2, 3, 2], [0, 1, 2, 3, 4]],
    ids=["inside the stored target", "beyond its first and its last step"],
)
def test_stretches_equal_single_gathers(items: list[int], covariates: bool) -> None:
    series = weekly_sales(0, items=5)
    series[2] = np.where(np.arange(len(series[2])) % 5 == 0, np.nan, series[2])
    windows = Windows(panel := daily(series, covariates=covariates), CovariateScale.of(panel), horizon=3)
    chosen, steps = torch.tensor(items), torch.tensor([-29, -28, -15, -14, -2, -1, 0, 1, 2])
    for back in (0, 1, 20, len(series[0]) - 1):  # the last windows reach before the first step of their items
        origins = windows.origin[chosen] - back - torch.arange(len(items)) % 2
        values, observed = windows.reached(chosen, origins, steps)
        wanted, seen = windows.target(chosen, origins[:, None] + steps)
        assert torch.equal(observed, seen)
        assert torch.equal(values, wanted)
        assert observed.any() or back > 20


def test_known_covariates_reach_past_the_end_and_past_ones_do_not() -> None:
    panel = daily(weekly_sales(0, items=2))
    windows = Windows(panel, CovariateScale.of(panel), horizon=6)
    ordinals = torch.arange(END - 2, END + 6)[None]
    known = windows.covariates(torch.tensor([1]), ordinals)[0, :, 0]
    price = np.sin(ordinals[0].numpy() / 3.0) * 4 + 10
    expected = (price - panel.known[:, 0].mean()) / panel.known[:, 0].std()
    np.testing.assert_allclose(known.numpy(), expected, atol=1e-5)
    flags = windows.past(torch.tensor([1]), ordinals)[0, :, -1]  # whether it was observed
    assert flags.tolist() == [1, 1, 0, 0, 0, 0, 0, 0]


def test_zero_one_columns_keep_their_values_and_missing_ones_read_as_zero() -> None:
    panel = daily(weekly_sales(0, items=1))
    windows = Windows(panel, CovariateScale.of(panel), horizon=6)
    ordinals = torch.arange(END - 7, END + 20)[None]
    columns = windows.covariates(torch.tensor([0]), ordinals)[0, :, 1]
    known = (ordinals[0] % 7 != 3).float()
    known[7 + 6 :] = 0  # beyond what is stored
    assert torch.equal(columns, known)


def test_past_covariates_are_standardised_by_what_lies_before_the_origin() -> None:
    panel = daily(weekly_sales(0, items=1)).until(40)
    seen = panel.past[:40, 0]
    np.testing.assert_allclose(CovariateScale.of(panel).past[:, 0], [seen.mean(), seen.std()], rtol=1e-5)


def test_every_origin_of_short_and_long_series_is_drawn() -> None:
    panel = daily([range(3), range(12), [], [1.0]], covariates=False)
    items, origins = sample_windows(training_spans(panel), 4000, torch.Generator().manual_seed(0))
    drawn = {(int(item), int(origin) - END) for item, origin in zip(items, origins, strict=True)}
    assert drawn == {(0, -2), (0, -1), *((1, step) for step in range(-11, 0))}
    share = float((items == 0).float().mean())  # sqrt(2) / (sqrt(2) + sqrt(11)) = 0.30
    assert abs(share - 0.2989) < 0.03  # four standard deviations of 4000 draws


def test_windows_of_an_earlier_origin_share_tensors_and_see_less() -> None:
    panel = daily(weekly_sales(0, items=1))
    windows = Windows(panel, CovariateScale.of(panel), horizon=3)
    earlier = windows.before(10)
    item, ordinals = torch.tensor([0]), torch.arange(END - 12, END)[None]
    assert int(windows.target(item, ordinals)[1].sum()) > int(earlier.target(item, ordinals)[1].sum())
    assert not earlier.target(item, ordinals)[1][0, 2:].any()
    assert earlier._target is windows._target


def test_a_gap_across_the_origin_of_a_validation_window_is_not_known_to_close() -> None:
    panel = daily([range(1, 31)], covariates=False)
    target, filled = panel.target.copy(), np.zeros(30, np.uint8)
    target[18:24], filled[18:24] = 0, COUNTS
    schema = replace(panel.schema, filling={"target": {"middle": "zero"}})
    panel = replace(panel, target=target, filled=filled, schema=schema)
    windows = Windows(panel, CovariateScale.of(panel), horizon=3).before(10)
    values, observed = windows.target(torch.tensor([0]), torch.arange(END - 14, END - 10)[None])
    assert values.tolist() == [[17, 18, 0, 0]]
    assert observed.tolist() == [[True, True, False, False]]
    assert windows.panel.history(0)[-4:-2].tolist() == [17, 18]


def test_what_is_known_beyond_the_horizon_moves_neither_the_scale_of_an_item_nor_a_step_before() -> None:
    panel = daily(weekly_sales(0))
    reach = np.concatenate([np.arange(length + panel.future) for length in panel.lengths])
    beyond = reach >= np.repeat(panel.lengths + 3, panel.lengths + panel.future)
    other = replace(panel, known=np.where(beyond[:, None], panel.known + 50, panel.known))
    items, when = torch.arange(len(panel)), torch.arange(END - 9, END + 6).repeat(len(panel), 1)
    seen = [
        Windows(p, CovariateScale.of(p, horizon=3), horizon=3).covariates(items, when) for p in (panel, other)
    ]
    torch.testing.assert_close(*seen, rtol=0, atol=0)
