"""A model of Favorita's daily receipts grows old: when it would have been called `retrain`, and what training it again gained.

51 stores, a run of 28 days every fourth Monday from 2015 on. The first model is trained on 2013 and 2014; its back-test are the 13 windows
of the year before. Where the monitor says `retrain`, a new model is trained on what was there by then, with a back-test of its own,
and watched in its place. Beside it stand the first model, never trained again, and one that is trained every half year.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

import foretell
from benchmarks.accuracy.loaders import favorita as read_favorita
from foretell.evaluation.metrics import score
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.monitoring.drift_tests import SHARE
from foretell.recipe.forecast import Forecast
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task

RECIPE: Final = "lightgbm"
SETTINGS: Final = {"max_rows": 50_000}  # a quarter of the usual ones: it is trained a dozen times
HORIZON: Final = 28
LEVELS: Final = (0.1, 0.5, 0.9)
WINDOWS: Final = 13  # of four weeks: a year
FIRST: Final = "2015-01-05"
HALF_YEAR: Final = 7  # runs, about
WEEK: Final = 7


@dataclass(frozen=True)
class Past:
    """The data, and what was known of them on a Monday."""

    data: foretell.Dataset

    @property
    def mondays(self) -> list[int]:
        """Ordinals of the Mondays on which a run is made: those of which all has come."""
        panel = self.data.panel
        first = panel.frequency.ordinal(FIRST)
        return list(range(first, int((panel.start + panel.lengths).max()) - HORIZON + 1, HORIZON))

    def spell(self, ordinal: int) -> str:
        """A day as text."""
        return self.data.panel.frequency.spell(ordinal)

    def _as_of(self, origin: int) -> foretell.Panel:
        panel = self.data.panel
        return panel.at(np.full(len(panel), origin))

    def trained(self, origin: int) -> FittedModel:
        """The model that is trained on what lies before `origin`."""
        return fit_model(
            make_recipe(RECIPE, SETTINGS), self._as_of(origin), Task(HORIZON, LEVELS), Run(processes=1)
        )

    def backtest(self, origin: int) -> foretell.Report:
        """The windows of the year before `origin`."""
        cutoffs = [self.spell(origin - HORIZON * back) for back in range(WINDOWS, 0, -1)]
        return foretell.backtest(
            self.data,
            recipes=[make_recipe(RECIPE, SETTINGS)],
            horizon=HORIZON,
            levels=LEVELS,
            cutoffs=cutoffs,
            processes=1,
        )

    def forecast(self, model: FittedModel, origin: int) -> Forecast:
        """A run."""
        return model.forecast(self._as_of(origin), levels=LEVELS)

    def wql(self, forecasts: dict[int, Forecast], origins: list[int]) -> float:
        """wQL of the runs from these origins, pooled."""
        panel, everyone = self.data.panel, np.arange(len(self.data.panel))
        ahead = np.tile(np.arange(HORIZON), (len(panel), 1))
        actual = [panel.target_at(everyone, origin + ahead) for origin in origins]
        runs = [forecasts[origin] for origin in origins]
        return score(
            np.concatenate(actual),
            np.concatenate([run.mean for run in runs]),
            np.concatenate([run.quantiles for run in runs]),
            LEVELS,
            np.ones(len(actual) * len(panel)),
        ).pooled["wQL"]


@dataclass(frozen=True)
class Served:
    """A model in use: from when to when, its runs (also those after it was given up), and why it was."""

    begin: int
    end: int | None  # the Monday on which it was given up; None where it never was
    runs: dict[int, Forecast]
    why: str


def measure(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The models that were watched, and the ways of training beside each other. Raises NoData."""
    past = Past(foretell.Dataset(**read_favorita(folder), freq="D", season=WEEK, known=["holiday"]))
    served = list(_served(past))
    return _models(past, served), _ways(past, served)


def _served(past: Past) -> Iterator[Served]:
    """One model after the other, each until it is to be trained again."""
    begin: int | None = past.mondays[0]
    while begin is not None:
        model, usual = past.trained(begin), past.backtest(begin)
        runs = {monday: past.forecast(model, monday) for monday in past.mondays if monday >= begin}
        found = foretell.monitor(model, past.data, list(runs.values()), backtest=usual)
        end, why = _told(found, past)
        print(
            f"trained {past.spell(begin)}, {'kept' if end is None else 'until ' + past.spell(end)}: {why}",
            flush=True,
        )
        yield Served(begin, end, runs, why)
        begin = end


def _told(found: foretell.Monitor, past: Past) -> tuple[int | None, str]:
    """The first run after `retrain` was said, and which quantities said so."""
    blocks = found.blocks[found.blocks["verdict"] == "retrain"]
    if not len(blocks):
        return None, ""
    first = blocks.iloc[0]
    why = [
        f"{name} {_size(name, float(first[name]))}"
        for name, share in SHARE.items()
        if first[f"chance of {name}"] <= share
    ]
    end = past.data.panel.frequency.ordinal(first["end"]) + 1
    return next((monday for monday in past.mondays if monday >= end), None), ", ".join(why)


def _size(name: str, value: float) -> str:
    """What a block says, in percent of the usual wQL or in points."""
    return f"{100 * (value - 1):+.0f} %" if name == "wQL" else f"{100 * value:+.0f} points"


def _models(past: Past, served: list[Served]) -> pd.DataFrame:
    """A row a model: how long it served, and wQL of it and of its successor while that served."""
    rows = []
    for old, new in zip(served, [*served[1:], None], strict=True):
        later = (
            []
            if new is None
            else [m for m in past.mondays if m >= new.begin and (new.end is None or m < new.end)]
        )
        own = [m for m in past.mondays if m >= old.begin and (old.end is None or m < old.end)]
        rows.append(
            {
                "trained": past.spell(old.begin),
                "given up": "" if old.end is None else past.spell(old.end),
                "runs": len(own),
                "why": old.why,
                "wQL": past.wql(old.runs, own),
                "wQL after": past.wql(old.runs, later) if later else float("nan"),
                "wQL of the next": past.wql(new.runs, later) if new is not None and later else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def _ways(past: Past, served: list[Served]) -> pd.DataFrame:
    """A row a way of training: how many trainings, and wQL over all runs."""
    told: dict[int, Forecast] = {}
    for each in served:
        told |= {monday: run for monday, run in each.runs.items() if monday >= each.begin}
    regularly: dict[int, Forecast] = {}
    for first in range(0, len(past.mondays), HALF_YEAR):
        model = past.trained(past.mondays[first])
        regularly |= {m: past.forecast(model, m) for m in past.mondays[first : first + HALF_YEAR]}
    ways = {
        "never again": (1, served[0].runs),
        "where the monitor says so": (len(served), told),
        "every 28 weeks": (-(-len(past.mondays) // HALF_YEAR), regularly),
    }
    return pd.DataFrame(
        [
            {
                "trained": way,
                "trainings": count,
                "runs": len(past.mondays),
                "wQL": past.wql(runs, past.mondays),
            }
            for way, (count, runs) in ways.items()
        ]
    )
