"""The benchmark of hierarchies: its loss by hand, and that the committed table says what the guide says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.accuracy import hierarchies

GUIDE = Path(__file__).parents[3] / "docs/how-to/hierarchies.md"


def test_the_loss_is_pooled_over_groups_and_steps_and_the_mean_over_levels() -> None:
    actual, quantiles = np.array([[10.0, 20.0]]), np.zeros((1, 2, 9))
    quantiles[:] = actual[..., None] - 1  # one too low: 2 * level each, 1 on average
    assert hierarchies.wql(actual, quantiles) == pytest.approx(2 * 1.0 / 30)


def test_the_better_method_is_no_worse_than_the_reference_over_all_levels() -> None:
    found = hierarchies.summary(hierarchies.read_table(hierarchies.TABLE)).loc["last three"]
    ours = found.drop(hierarchies.REFERENCE).sort_values("geometric mean")
    assert ours["geometric mean"].iloc[0] <= 1.0
    assert ours["worst"].iloc[0] <= 1.05


def test_the_guide_shows_what_the_table_says() -> None:
    found = hierarchies.summary(hierarchies.read_table(hierarchies.TABLE)).loc["last three"]
    text = GUIDE.read_text(encoding="utf-8")
    for level in found.columns[:-2]:
        mint, paths = found.loc["ets, mint", level], found.loc["ets, paths", level]
        assert next(line for line in text.splitlines() if line.startswith(f"| {level} |")).split(" | ")[
            3
        ] == (f"{mint:.3f}")
        assert f" {paths:.3f} |" in text
