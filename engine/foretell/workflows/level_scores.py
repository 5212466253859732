"""Scores of a window at every level of a hierarchy, from the joint forecast of its items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from foretell.evaluation.history import seasonal_error
from foretell.evaluation.metrics import score
from foretell.evaluation.outcome import Window
from foretell.hierarchy.group_panel import group_panel
from foretell.hierarchy.groups import Columns, groups_of, spelt_level
from foretell.hierarchy.totals import total
from foretell.recipe.forecast import Forecast
from foretell.recipe.paths import Margins

LevelScores = Mapping[str, Mapping[str, float]]  # by level, the scores pooled over its groups


def check_hierarchy(window: Window, columns: Sequence[Columns]) -> None:
    """Raises ForetellError for columns that the items do not have, and for groups whose items end at different times."""
    for each in columns:
        groups_of(window.panel, each)


def level_scores(window: Window, forecast: Forecast, columns: Sequence[Columns], *, seed: int) -> LevelScores:
    """The scores of the sums of the items with a history at their origin; a step that is not observed of an item counts on neither side."""
    old = np.flatnonzero(window.has_history)
    if not len(old):
        return {}
    panel, seen = window.panel.take(old), ~np.isnan(window.actual[old])
    shown = _only(forecast, old, seen)
    found = {}
    for each in columns:
        groups = groups_of(panel, each)
        actual = groups.summed(np.where(seen, window.actual[old], 0))
        actual[groups.summed(seen.astype(np.int64)) == 0] = np.nan
        made = total(shown, by=list(each), seed=seed)
        error = seasonal_error(group_panel(panel, groups, 0))
        found[spelt_level(each)] = score(actual, made.mean, made.quantiles, made.levels, error).pooled
    return found


def _only(forecast: Forecast, items: NDArray[np.int64], seen: NDArray[np.bool_]) -> Forecast:
    """The joint forecast of some items, 0 where they are not `seen` [n, H]."""
    margins = forecast.margins
    assert margins is not None
    assert forecast.history is not None
    shown = Margins(margins.levels, np.where(seen[..., None], margins.quantiles[items], np.float32(0)))
    return replace(
        forecast,
        keys=forecast.keys.iloc[items].reset_index(drop=True),
        origin=forecast.origin[items],
        quantiles=np.where(seen[..., None], forecast.quantiles[items], np.float32(0)),
        mean=np.where(seen, forecast.mean[items], np.float32(0)),
        fallbacks=forecast.fallbacks[items],
        history=forecast.history.take(items),
        before=None,
        margins=shown,
    )
