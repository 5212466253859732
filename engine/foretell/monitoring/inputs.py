"""Whether the columns that a model is fed are still spread as when it was trained."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from foretell.data.arrays import Floats
from foretell.data.input_shares import ColumnShares, InputShares, some_items, unknown_shares, values_at
from foretell.data.panel import Panel

FAR: Final = 0.25  # a distance that counts as a change, by custom (Siddiqi 2006)
BEYOND: Final = 1.5  # times the farthest stretch of the training: seasons and promotions move columns too
MORE_UNKNOWN: Final = 0.1  # of the items


def input_table(usual: InputShares, panel: Panel, end: int) -> pd.DataFrame:
    """A row a column: how far the last stretch of dates before `end` lies from training, and how far stretches lay there.

    `distance` is the population stability index, for categories the rise of the share of items that training did not know;
    `changed` where it is both far and farther than training ever was.
    """
    items = some_items(panel, usual.horizon)
    recent = values_at(panel, items, np.full(len(items), end - usual.horizon), usual.horizon)
    schema = panel.schema
    columns = [
        (schema.target, "target", usual.target),
        *((c.name, "known", s) for c, s in zip(schema.known, usual.known, strict=True)),
        *((c.name, "past", s) for c, s in zip(schema.past, usual.past, strict=True)),
    ]
    rows = [_row(name, role, shares, recent[:, k]) for k, (name, role, shares) in enumerate(columns)]
    rows += [
        _row(c.name, "static", s, panel.static_real[items, k].astype(np.float64))
        for k, (c, s) in enumerate(zip(schema.static_real, usual.static_real, strict=True))
    ]
    shares = unknown_shares(panel, items)
    for name, now, then in zip(schema.static_cat, shares, usual.unknown, strict=True):
        rows.append(
            {"column": name, "role": "category", "distance": now - then, "farthest in training": 0.0}
            | {"changed": now - then >= MORE_UNKNOWN}
        )
    return pd.DataFrame(rows, columns=["column", "role", "distance", "farthest in training", "changed"])


def _row(name: str, role: str, usual: ColumnShares, values: Floats) -> dict[str, object]:
    distance, farthest = usual.distance(values), max(usual.distances, default=0.0)
    changed = distance >= max(FAR, BEYOND * farthest)
    return {
        "column": name,
        "role": role,
        "distance": distance,
        "farthest in training": farthest,
        "changed": changed,
    }
