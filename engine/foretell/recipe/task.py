"""What is asked (`Task`) and how it is carried out (`Run`)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypedDict

from foretell.data.schema import MOST_STEPS
from foretell.errors import ForetellError, nearest
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels
from foretell.system.whole_numbers import whole_number


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked: quantiles at `levels` for each of the `horizon` steps after the origin.

    Args:
        horizon: H, steps to forecast.
        levels: [Q] of the quantiles, rising.

    Raises:
        ForetellError: for a horizon or a level that makes no sense.

    Example:
        >>> foretell.Task(horizon=28).levels
        (0.1, 0.5, 0.9)
    """

    horizon: int
    levels: tuple[float, ...] = DEFAULT_LEVELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", whole_number("horizon", self.horizon, least=1, of=" of steps"))
        if self.horizon > MOST_STEPS:
            raise ForetellError(f"horizon must be {MOST_STEPS:,} steps at most, got {self.horizon:,}")
        object.__setattr__(self, "levels", check_levels(self.levels))


MOST_SEED: Final = 2**32 - 1  # that all libraries take
_MOST_THREADS: Final = 4096
_DEVICE: Final = re.compile(r"auto|cpu|mps(:0)?|cuda(:\d{1,4})?")

Precision = Literal["auto", "float32", "bf16"]


class RunArguments(TypedDict, total=False):
    """The fields of `Run` that `train`, `backtest` and `tune` take under their own names; defaults and meaning stand there."""

    seed: int
    device: str
    devices: int
    precision: Precision
    threads: int | None
    processes: int | None


@dataclass(frozen=True, slots=True)
class Run:
    """How a training or a forecast is carried out; nothing here changes what a model means.

    A time limit ends training early where it must, so equal seeds give equal forecasts only where it does not bite.

    Example:
        >>> foretell.Run(seed=7).device
        'auto'
    """

    seed: int = 0
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps
    precision: Precision = "auto"
    devices: int = 1  # that train one network, or share the items of its forecast
    threads: int | None = None  # of torch on a CPU; default: 1
    processes: int | None = None  # at work at a time, on recipes and on models of series; default: one a core
    out: Path | None = None  # where checkpoints and logs go; None writes nothing
    resume: bool = False  # go on from the checkpoint in `out`
    # seconds that a training may take; how far it gets depends on the machine
    time_limit: float | None = None

    def __post_init__(self) -> None:
        if self.time_limit is not None and not self.time_limit > 0:
            raise ForetellError(f"time_limit must be more than 0 seconds, got {self.time_limit!r}")
        for name, least, most in (
            ("seed", 0, MOST_SEED),
            ("threads", 1, _MOST_THREADS),
            ("processes", 1, _MOST_THREADS),
        ):
            value = getattr(self, name)
            if value is not None or name == "seed":
                object.__setattr__(self, name, whole_number(name, value, least=least, most=most))
        if not isinstance(self.device, str) or _DEVICE.fullmatch(self.device) is None:
            raise ForetellError(f"device must be auto, cpu, cuda, cuda:1, ... or mps, got {self.device!r}")
        object.__setattr__(self, "devices", whole_number("devices", self.devices, least=1))
        if self.resume and self.out is None:
            raise ForetellError("resume= needs the folder that the interrupted run wrote to: give out=")


def make_run(
    arguments: RunArguments,
    function: Callable[..., Any],
    *,
    out: str | Path | None = None,
    resume: bool = False,
    time_limit: float | None = None,
) -> Run:
    """The run that the caller of `function` asked for.

    Raises ForetellError for an argument that neither `function` nor `Run` has, with the nearest name.
    """
    own = [
        name for name, each in inspect.signature(function).parameters.items() if each.kind != each.VAR_KEYWORD
    ]
    known = [*own, *RunArguments.__annotations__]
    for name in arguments:
        if name not in RunArguments.__annotations__:
            raise ForetellError(
                f"{function.__name__} has no argument {name!r}.{nearest(name, known)} It has: {', '.join(known)}"
            )
    folder = None if out is None else Path(out)
    return Run(**arguments, out=folder, resume=resume, time_limit=time_limit)


def run_arguments_of(run: Run) -> dict[str, Any]:
    """Those of a run's fields that callers name, for a report."""
    return {name: getattr(run, name) for name in RunArguments.__annotations__}
