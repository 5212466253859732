"""The small panels that every recipe must cope with; also run in a fresh process, by `forecast_saved`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from foretell.data.arrays import Array
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.data.schema import Schema

HORIZON = 5
END = 20_000  # ordinal of the first day after the data, a day in October 2024
CLOSED = 5  # the weekday (day modulo 7) on which nothing sells; day 19997 is one
SCHEMA = Schema(
    frequency=Frequency("D"),
    seasons=(7,),
    known=("promo", "open"),
    past=("price",),
    static_real=("size",),
    static_cat=("family",),
    open="open",
    vocabularies={"family": ("bag", "mug", "sign")},
    roles={"promo": "known", "open": "known", "price": "past", "size": "static", "family": "static"},
)
BARE = Schema(frequency=Frequency("step"), seasons=(1,))


def weekly(steps: int, *, level: float, seed: int) -> Array:
    """Counts with a weekly season that end at END, so that day k has the same weekday in each series."""
    day = np.arange(END - steps, END)
    expected = level * (1 + 0.5 * np.sin(2 * np.pi * day / 7))
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)


def panel_of(
    series: Sequence[Array], *, schema: Schema = SCHEMA, families: Sequence[int] | None = None
) -> Panel:
    """A panel of series that all end at END; covariates are functions of the day, statics of the position."""
    n, lengths = len(series), np.array([len(values) for values in series])
    start = END - lengths
    days = np.concatenate([np.arange(first, END) for first in start])
    reach = np.concatenate([np.arange(first, END + HORIZON) for first in start])
    known = np.stack([reach % 5 == 0, reach % 7 != CLOSED], axis=1)[:, : len(schema.known)]
    codes = np.arange(n) % 3 + 1 if families is None else np.asarray(families)
    panel = Panel(
        keys=pd.DataFrame({"item_id": [f"item-{i}" for i in range(n)]}),
        start=start,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.full(n, END),
        target=np.concatenate(series).astype(np.float32),
        known=known.astype(np.float32),
        past=(1 + days % 3).astype(np.float32)[:, None][:, : len(schema.past)],
        static_real=np.linspace(-1, 1, n, dtype=np.float32)[:, None][:, : len(schema.static_real)],
        static_cat=codes.astype(np.int32)[:, None][:, : len(schema.static_cat)],
        future=HORIZON,
        schema=schema,
    )
    return closed_as_zero(panel) if schema.open else panel


def closed_as_zero(panel: Panel) -> Panel:
    """Nothing sells on the panel's closed days."""
    days = np.concatenate([np.arange(a, END) for a in panel.start])
    return replace(panel, target=np.where(days % 7 == CLOSED, np.float32(0), panel.target))


def shop() -> Panel:
    """What a recipe is fitted on: counts as they stood HORIZON days before END, with everything that is awkward."""
    gaps = weekly(100, level=8, seed=3)
    gaps[30:50] = np.nan
    gaps[-HORIZON - 4 : -HORIZON] = np.nan  # the gap reaches the origin
    return panel_of(
        [
            weekly(120, level=20, seed=0),
            weekly(120, level=5, seed=1),
            weekly(90, level=60, seed=2),
            gaps,
            np.zeros(80, np.float32),
            np.full(80, 7, np.float32),
            weekly(1 + HORIZON, level=9, seed=4),  # one step of history
            np.zeros(0, np.float32),  # no history, no steps at all
            weekly(HORIZON, level=9, seed=5),  # no history, but steps beyond the origin
            weekly(40, level=0.3, seed=6),
        ]
    ).until(HORIZON)


GAPS, ZEROS, CONSTANT, ONE_STEP, NEW, NEW_TOO = 3, 4, 5, 6, 7, 8


def forecast_saved(folder: Path) -> None:
    """Load each model under `folder` and write what it forecasts for `shop` beside it."""
    import foretell

    for model in sorted(path for path in folder.iterdir() if path.is_dir()):
        forecast = foretell.load(model, device="cpu").forecast(shop())
        np.savez(folder / f"{model.name}.npz", quantiles=forecast.quantiles, mean=forecast.mean)


if __name__ == "__main__":
    forecast_saved(Path(sys.argv[1]))
