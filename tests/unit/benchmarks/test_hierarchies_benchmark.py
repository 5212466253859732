"""The benchmark of hierarchies: its loss by hand, and that the committed table says what the guide says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.accuracy import hierarchies

GUIDE = Path(__file__).parents[3] / "docs/how-to/hierarchies.md"


def test_the_loss_is_pooled_over_groups_and_steps_and_the_mean_over_levels() -> None:
    actual, quantiles = np.array([[10.0, 20.0]]), np.zeros((1, 2, 9))
    quantiles[:] = actual[..., None] - 1  # one too low: 2 * level each, 1 on average
    assert hierarchies.wql(actual, quantiles) == pytest.approx(2 * 1.0 / 30)


def last_three() -> pd.DataFrame:
    """The ratios of the last three windows by method."""
    found = hierarchies.summary(hierarchies.read_table(hierarchies.TABLE))
    return pd.DataFrame(found.xs("last three", level="windows"))


def test_the_better_method_is_no_worse_than_the_reference_over_all_levels() -> None:
    ours = last_three().drop(hierarchies.REFERENCE)
    best = ours["geometric mean"].argmin()
    assert ours["geometric mean"].iloc[best] <= 1.0
    assert ours["worst"].iloc[best] <= 1.05


def test_the_guide_shows_what_the_table_says() -> None:
    found, lines = last_three(), GUIDE.read_text(encoding="utf-8").splitlines()
    mint, paths = found.loc["ets, mint"].to_numpy(float), found.loc["ets, paths"].to_numpy(float)
    for k, level in enumerate(found.columns[:-2]):
        row = next(line for line in lines if line.startswith(f"| {level} |")).strip("| ").split(" | ")
        assert [row[3], row[5]] == [f"{mint[k]:.3f}", f"{paths[k]:.3f}"]
