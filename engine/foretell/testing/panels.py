"""The small panels that every recipe must cope with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.columns import columns
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.data.schema import Schema

HORIZON = 5
ORDINARY = ("busy", "slow", "large")  # the first items of the shop: long, without gaps
END = 20_000  # ordinal of the first day after the data, a day in October 2024
CLOSED = 5  # the weekday (day modulo 7) on which nothing sells; day 19997 is one
SCHEMA = Schema(
    frequency=Frequency("D"),
    seasons=(7,),
    known=columns("promo", "open"),
    past=columns("price"),
    static_real=columns("size"),
    static_cat=("family",),
    open="open",
    vocabularies={"family": ("bag", "mug", "sign")},
    roles={"promo": "known", "open": "known", "price": "past", "size": "static", "family": "static"},
)
BARE = Schema(frequency=Frequency("step"), seasons=(1,))  # no covariates, no calendar, no season


@dataclass(frozen=True, slots=True)
class Case:
    """A panel with what a sentence says of it."""

    about: str
    panel: Panel

    def __str__(self) -> str:
        return self.about

    def changed(self, about: str, panel: Panel) -> Case:
        """Another panel made from this one; `about` says what is different."""
        return Case(f"{self.about} {about}", panel)


def shop() -> Case:
    """What recipes are fitted on: counts as they stood HORIZON days before END, with everything that is awkward."""
    gaps = weekly(100, level=8, seed=3)
    gaps[30:50] = np.nan
    gaps[-HORIZON - 4 : -HORIZON] = np.nan  # the gap reaches the origin
    series = {
        "busy": weekly(120, level=20, seed=0),
        "slow": weekly(120, level=5, seed=1),
        "large": weekly(90, level=60, seed=2),
        "gaps": gaps,
        "zeros": np.zeros(80, np.float32),
        "constant": np.full(80, 7, np.float32),
        "one step": weekly(1 + HORIZON, level=9, seed=4),
        "new": np.zeros(0, np.float32),  # no history, no steps at all
        "new, sold later": weekly(HORIZON, level=9, seed=5),  # no history, but steps beyond the origin
        "rare": weekly(40, level=0.3, seed=6),
    }
    return Case("the shop panel (ten daily items)", panel_of(series).until(HORIZON))


def odd() -> Case:
    """Items that the shop does not have, of each the most awkward."""
    series = {
        "constant": np.full(60, 7, np.float32),
        "large constant": np.full(60, 1e6, np.float32),
        "zeros": np.zeros(50, np.float32),
        "all missing": np.full(50, np.nan, np.float32),
        "one step": np.array([3], np.float32),
        "new": np.zeros(0, np.float32),
    }
    return Case("a panel of constants, zeros, gaps alone, one step and no history", panel_of(series))


def negative() -> Case:
    """Three series that are negative throughout, without covariates."""
    series = {f"item-{seed}": weekly(80, level=9, seed=seed) / 10 - 40 for seed in range(3)}
    return Case(
        "a panel of negative numbers without covariates, calendar and season", panel_of(series, schema=BARE)
    )


def bare() -> Case:
    """Two series of counts and nothing else."""
    series = {"longer": weekly(60, level=9, seed=1), "shorter": weekly(30, level=4, seed=2)}
    return Case("a panel of counts without covariates, calendar and season", panel_of(series, schema=BARE))


def weekly(steps: int, *, level: float, seed: int) -> Array:
    """[steps] counts with a weekly season that end at END, so that day k has the same weekday in each series."""
    day = np.arange(END - steps, END)
    expected = level * (1 + 0.5 * np.sin(2 * np.pi * day / 7))
    return np.random.default_rng(seed).poisson(expected).astype(np.float32)


def panel_of(series: Mapping[str, NDArray[Any]], *, schema: Schema = SCHEMA) -> Panel:
    """A panel of series by item, all of which end at END; covariates follow from the day, statics from the position."""
    n, lengths = len(series), np.array([len(values) for values in series.values()])
    start = END - lengths
    days = np.concatenate([np.arange(first, END) for first in start])
    reach = np.concatenate([np.arange(first, END + HORIZON) for first in start])
    known = np.stack([reach % 5 == 0, reach % 7 != CLOSED], axis=1)[:, : len(schema.known)]
    codes = np.arange(n) % 3 + 1
    panel = Panel(
        keys=pd.DataFrame({"item_id": list(series)}),
        start=start,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.full(n, END),
        target=np.concatenate(list(series.values())).astype(np.float32),
        known=known.astype(np.float32),
        past=(1 + days % 3).astype(np.float32)[:, None][:, : len(schema.past)],
        static_real=np.linspace(-1, 1, n, dtype=np.float32)[:, None][:, : len(schema.static_real)],
        static_cat=codes.astype(np.int32)[:, None][:, : len(schema.static_cat)],
        future=HORIZON,
        schema=schema,
    )
    return _closed_as_zero(panel) if schema.open else panel


def without_secret(case: Case) -> Case:
    """`case` with every target and past covariate at or beyond the origin overwritten."""
    panel = case.panel
    steps = zip(panel.lengths, panel.stop, strict=True)
    secret = np.concatenate([np.arange(length) >= stop for length, stop in steps])
    target = np.where(secret, np.float32(9999), panel.target)
    past = np.where(secret[:, None], np.float32(-77), panel.past)
    return case.changed(
        "with everything at and beyond the origin overwritten", replace(panel, target=target, past=past)
    )


def with_another_plan_beyond(case: Case) -> Case:
    """`case` with every known covariate at or beyond the end of the horizon overwritten."""
    panel = case.panel
    beyond = np.concatenate(
        [
            np.arange(length + panel.future) >= origin + HORIZON - start
            for length, origin, start in zip(panel.lengths, panel.origin, panel.start, strict=True)
        ]
    )
    known = np.where(beyond[:, None], 1 - panel.known, panel.known)
    return case.changed("with another plan beyond the horizon", replace(panel, known=known))


def _closed_as_zero(panel: Panel) -> Panel:
    """Nothing sells on the panel's closed days."""
    days = np.concatenate([np.arange(first, END) for first in panel.start])
    return replace(panel, target=np.where(days % 7 == CLOSED, np.float32(0), panel.target))
