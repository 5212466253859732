"""What every part is told: how much, how often, on what; and what it hands back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Row = dict[str, Any]
Clock = Literal["wall", "cpu"]

RESULTS = Path(__file__).parent / "speed.csv"
LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
CONTEXT, HORIZON, BATCH = 48, 24, 128
WEEK = 168  # context of the quantile networks: what mqrnn takes by itself for hourly series
WIDTH, LAYERS, SAMPLES = 40, 2, 100


class Unavailable(Exception):
    """A peer or data that this machine does not have; the reason goes into the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of the command line that parts need."""

    share: float = 1.0  # of the full amount of work: a tenth of the series or steps where it is 0.1
    repeats: int = 3  # rounds; each times everybody once
    threads: int = 1  # of torch and of the linear algebra below it, for everybody
    processes: int = 1  # of the one-model-a-series recipes and their peer
    device: str = "cpu"  # cpu or cuda
    # what ratios are made of: cpu, processor seconds, on a machine that does other work
    clock: Clock = "wall"
    environments: Path = Path("build/speed")  # where peers' environments are made
    peers: tuple[str, ...] = ("gluonts", "neuralforecast")

    def amount(self, full: int, *, least: int = 1) -> int:
        """`share` of a full amount of work."""
        return max(least, round(full * self.share))

    @property
    def accelerator(self) -> str:
        """The device as Lightning names it."""
        return "gpu" if self.device == "cuda" else self.device
