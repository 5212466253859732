"""What is asked (`Task`) and how it is carried out (`Run`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from foretell.errors import ForetellError
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked: quantiles at `levels` for each of the `horizon` steps after the origin."""

    horizon: int
    levels: tuple[float, ...] = DEFAULT_LEVELS

    def __post_init__(self) -> None:
        if isinstance(self.horizon, bool) or not isinstance(self.horizon, int) or self.horizon < 1:
            raise ForetellError(f"horizon must be a whole number of steps, at least 1, got {self.horizon!r}")
        object.__setattr__(self, "levels", check_levels(self.levels))


@dataclass(frozen=True, slots=True)
class Run:
    """How it is carried out; nothing here changes what a model means.

    A time limit ends training early where it must, so equal seeds give equal forecasts only where it does not bite.
    """

    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    precision: Literal["auto", "float32", "bf16"] = "auto"
    devices: int = 1  # that train one network, or share the items of its forecast
    threads: int | None = None  # of torch on a CPU; default: 1
    processes: int | None = None  # of the one-model-a-series recipes; default: one a core
    out: Path | None = None  # where checkpoints and logs go; None writes nothing
    resume: bool = False  # go on from the checkpoint in `out`
    # seconds that a training may take; how far it gets depends on the machine
    time_limit: float | None = None

    def __post_init__(self) -> None:
        if self.time_limit is not None and not self.time_limit > 0:
            raise ForetellError(f"time_limit must be more than 0 seconds, got {self.time_limit!r}")
        if isinstance(self.devices, bool) or not isinstance(self.devices, int) or self.devices < 1:
            raise ForetellError(f"devices must be a whole number, at least 1, got {self.devices!r}")
        if self.resume and self.out is None:
            raise ForetellError("resume needs the folder that the interrupted run wrote to: give out=")
