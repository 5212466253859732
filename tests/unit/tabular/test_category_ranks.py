"""Static categories as ranks."""

from __future__ import annotations

import numpy as np

from foretell.tabular.category_ranks import category_ranks, with_ranks


def test_codes_become_ranks_and_those_never_seen_are_missing() -> None:
    seen = np.array([[3], [7], [3], [0]], np.float32)
    ranks = category_ranks(seen, 1)
    got = with_ranks(np.array([[0], [3], [7], [5], [9]], np.float32), ranks)[:, 0]
    np.testing.assert_array_equal(got, [0, 1, 2, np.nan, np.nan])


def test_of_too_many_codes_the_rarest_are_missing() -> None:
    codes = np.repeat(np.arange(300), np.where(np.arange(300) < 45, 1, 2)).astype(np.float32)[:, None]
    got = with_ranks(codes, category_ranks(codes, 1))[:, 0]
    assert np.isnan(got[:45]).all()
    np.testing.assert_array_equal(got[45:], np.repeat(np.arange(255), 2))
