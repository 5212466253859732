"""The same made-up series as foretell, GluonTS and neuralforecast want them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from foretell.data.arrays import Array
from foretell.data.frequency import Frequency, Unit
from foretell.data.panel import Panel
from foretell.data.schema import Schema

BEGIN = "2020-01-01"
SEASONS = {"h": (24, 168), "D": (7,)}


@dataclass(frozen=True, slots=True)
class Series:
    """N series of one length: a season, a level and noise."""

    values: Array  # [N, L]
    unit: Unit  # h or D

    @classmethod
    def make(cls, items: int, length: int, *, unit: Unit = "h", seed: int = 0) -> Series:
        """Series of a fixed seed, all above zero."""
        rng = np.random.default_rng(seed)
        season = SEASONS[unit][0]
        phase = (np.arange(length) + rng.integers(0, season, (items, 1))) % season
        shape = (1.5 + np.sin(2 * np.pi * np.arange(season) / season)).astype(np.float32)
        level = rng.lognormal(3, 1, (items, 1)).astype(np.float32)
        noise = rng.standard_normal((items, length), dtype=np.float32)
        return cls(level * np.maximum(shape[phase] + 0.2 * noise, 0.01), unit)

    def panel(self) -> Panel:
        """Without covariates and statics."""
        n, length = self.values.shape
        frequency = Frequency(self.unit)
        start = np.full(n, frequency.ordinal(BEGIN))
        none = np.zeros((n * length, 0), np.float32)
        return Panel(
            keys=pd.DataFrame({"item_id": self.names}),
            start=start,
            offsets=np.arange(n + 1) * length,
            origin=start + length,
            target=self.values.ravel(),
            known=none,
            past=none,
            static_real=np.zeros((n, 0), np.float32),
            static_cat=np.zeros((n, 0), np.int32),
            future=0,
            schema=Schema(frequency=frequency, seasons=SEASONS[self.unit]),
        )

    def entries(self) -> list[dict[str, Any]]:
        """GluonTS' data set."""
        start = pd.Period(BEGIN, freq=self.unit)
        return [
            {"start": start, "target": row, "item_id": name}
            for row, name in zip(self.values, self.names, strict=True)
        ]

    def frame(self) -> pd.DataFrame:
        """The long frame of Nixtla's libraries."""
        n, length = self.values.shape
        stamps = pd.date_range(BEGIN, periods=length, freq=self.unit)
        return pd.DataFrame(
            {
                "unique_id": np.repeat(self.names, length),
                "ds": np.tile(stamps.to_numpy(), n),
                "y": self.values.ravel(),
            }
        )

    @property
    def names(self) -> list[str]:
        return [f"series-{n}" for n in range(len(self.values))]
