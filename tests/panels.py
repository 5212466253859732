"""Small panels made in place, for the tests of windows and networks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from foretell.data.columns import columns
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.data.schema import Schema

END = 20_000  # ordinal of the first day after the data
FUTURE = 6  # steps that the known covariates reach past it


def daily(series: Iterable[ArrayLike], *, covariates: bool = True, season: int = 7) -> Panel:
    """Daily series that end together; with a numeric and an open column, a past one, and statics when `covariates`."""
    arrays = [np.asarray(values, np.float32) for values in series]
    lengths, n = np.array([len(a) for a in arrays]), len(arrays)
    start = END - lengths
    reach = np.concatenate([np.arange(first, END + FUTURE) for first in start])
    steps = np.concatenate([np.arange(first, END) for first in start])
    width = 1 if covariates else 0
    known = np.stack([np.sin(reach / 3.0) * 4 + 10, reach % 7 != 3], axis=1)[:, : 2 * width]
    return Panel(
        keys=pd.DataFrame({"item_id": [f"item-{i}" for i in range(n)]}),
        start=start,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.full(n, END),
        target=np.concatenate(arrays),
        known=known.astype(np.float32),
        past=np.cos(steps / 5.0).astype(np.float32)[:, None][:, :width],
        static_real=np.linspace(-1, 1, n, dtype=np.float32)[:, None][:, :width],
        static_cat=(np.arange(n) % 2 + 1).astype(np.int32)[:, None][:, :width],
        future=FUTURE,
        schema=Schema(
            frequency=Frequency("D"),
            seasons=(season,),
            known=columns("price", "open")[: 2 * width],
            past=columns("visits")[:width],
            static_real=columns("size")[:width],
            static_cat=("kind",)[:width],
            open="open" if covariates else None,
            vocabularies={"kind": ("a", "b")} if covariates else {},
        ),
    )


def weeks(items: int = 4, steps: int = 70) -> Panel:
    """Items that repeat each week exactly."""
    week = np.array([3.0, 9, 4, 8, 5, 7, 6])
    return daily([np.resize(week * (k + 1), steps) for k in range(items)], covariates=False)


def weekly_sales(seed: int, *, items: int = 4, steps: int = 80) -> list[np.ndarray]:
    """Positive series with a weekly season and noise, of different sizes."""
    rng = np.random.default_rng(seed)
    days = np.arange(steps)
    return [
        (2.0 + size) * (10 + 4 * np.sin(2 * np.pi * days / 7) + rng.normal(0, 1, steps))
        for size in range(items)
    ]
