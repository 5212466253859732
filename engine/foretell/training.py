"""What the training of a network is told and what comes of it, and what else networks need of a device; the loop is `loop`."""

from __future__ import annotations

import logging
import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from foretell.allocation import memory_kept
from foretell.crew import ALONE, Crew
from foretell.errors import ForetellError
from foretell.task import Run

logger = logging.getLogger(__name__)

# The steps of a recurrent network this small are over before a second thread has woken up, and on a shared machine the
# threads wait for one another: a training step of 0.1 s on one thread took up to 15 s on two beside other work.
CPU_THREADS = 1


class Batch(Protocol):
    """What a recipe's feed returns; the loop asks only for the positions of its items, to name them in an error."""

    @property
    def items(self) -> Tensor: ...  # [B]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast."""

    max_steps: int  # gradient steps, annealing included
    learning_rate: float
    patience: int  # validations without a better score until the learning rate is annealed
    validations: int = 20  # evenly spread over the steps at full learning rate
    warmup: float = 0.05  # share of max_steps in which the learning rate rises
    anneal: float = 0.35  # share of max_steps in which it falls to zero, however early that begins
    clip: float = 1.0  # largest norm of a gradient
    averaging: float = (
        0.99  # decay of the running average of the weights, which is what is validated and kept
    )

    @property
    def hold_until(self) -> int:
        """The step at which annealing begins at the latest."""
        return max(1, round(self.max_steps * (1 - self.anneal)))

    @property
    def validate_every(self) -> int:
        return max(1, self.hold_until // self.validations)


@dataclass(slots=True)
class Progress:
    """Where training stands; saved in checkpoints."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    stale: int = 0  # validations since the best one
    anneal_from: int | None = None
    end: int | None = None  # the step at which annealing ends
    losses: list[list[float]] = field(default_factory=list)  # [step, mean training loss since the last row]
    scores: list[list[float]] = field(default_factory=list)  # [step, validation score]

    def spoken(self, schedule: Schedule) -> str:
        """How far it is, and how good the best weights are."""
        best = f", best validation wQL {self.best_score:.4f} at step {self.best_step}" if self.scores else ""
        return f"interrupted at step {self.step} of {schedule.max_steps}{best}"


@dataclass(frozen=True, slots=True)
class Work:
    """What a recipe hands to the loop."""

    network: nn.Module
    batch: Callable[
        [int, bool], Batch
    ]  # (step, whether the held-out windows are trained on too) -> batch; a pure function
    loss: Callable[[Any], Tensor]
    validate: (
        Callable[[], float] | None
    )  # score of the network as it is, lower is better; None: histories too short
    names: list[str]  # [N] of items, for errors
    tag: str  # what a checkpoint must match to be resumed: the recipe's name, a blank, a hash of all else
    weight: Callable[[Any], Tensor] | None = (
        None  # what `loss` is a mean over: a crew adds its shares up by it
    )
    smaller: str = "Lower batch_size."  # how a step is made to need less memory


def pick_device(name: str) -> torch.device:
    """The torch device that `auto`, `cpu`, `cuda`, `cuda:1` or `mps` means here; ForetellError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ForetellError(f"device must be auto, cpu, cuda, cuda:1, ... or mps, got {name!r}") from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False) or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise ForetellError(f"device {name!r} is not on this machine. Use device='auto' or 'cpu'.")
    return device


@contextmanager
def seeded(run: Run) -> Iterator[None]:
    """Torch's random state and threads as `run` says inside, and memory kept; the host program's own are back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), memory_kept():
        torch.manual_seed(run.seed)
        torch.set_num_threads(run.threads or CPU_THREADS)
        torch.set_flush_denormal(
            True
        )  # gradients that fade through a long LSTM become denormal: ten times slower
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)


def fit_network(
    work: Work,
    schedule: Schedule,
    run: Run,
    *,
    clock: Callable[[], float] = time.monotonic,
    crew: Crew = ALONE,
) -> Progress:
    """Train `work.network` in place. Raises ForetellError, with the items of the batch, when the loss is not finite.

    With `run.out` it leaves checkpoints in `out/checkpoint`, and `run.resume` goes on from there. `run.time_limit` is
    counted by `clock` from the beginning of the loop on. Ctrl-C raises Interrupted, with the best weights so far in the network. A `crew`
    goes through the steps together, each process with its share of every batch.
    """
    from foretell.loop import train  # Lightning takes seconds to import, and a forecast needs nothing of it

    return train(work, schedule, run, clock=clock, crew=crew)


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes to `out` keeps its checkpoint."""
    return out / "checkpoint"


@contextmanager
def keyboard_interrupt() -> Iterator[None]:
    """Ctrl-C stays a KeyboardInterrupt: Lightning turns it into SystemExit and leaves the signal switched off."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's hints about loaders, loggers and devices kept away from a host program's log and warnings."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", module=r"torch\..*", category=UserWarning)
            yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
