"""A training job (network, batches, loss, schedule) and its progress. The loop is in trainer.py."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

from foretell.errors import ForetellError

logger = logging.getLogger(__name__)


class Batch(Protocol):
    """What a recipe's feed returns; the loop asks only for the positions of its items, to name them in an error.

    Example:
        >>> from foretell.networks import DirectBatch  # is one
        >>> hasattr(DirectBatch, "items")
        True
    """

    @property
    def items(self) -> Tensor:
        """[B] the positions of its items in the panel."""
        ...


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
    # decay of the running average of the weights, which is what is validated and kept
    averaging: float = 0.99

    @property
    def hold_until(self) -> int:
        """The step at which annealing begins at the latest."""
        return max(1, round(self.max_steps * (1 - self.anneal)))

    @property
    def validate_every(self) -> int:
        return max(1, self.hold_until // self.validations)


@dataclass(slots=True)
class Progress:
    """How far training is; saved in checkpoints."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    stale: int = 0  # validations since the best one
    anneal_from: int | None = None
    end: int | None = None  # the step at which annealing ends
    losses: list[list[float]] = field(default_factory=list)  # [step, mean training loss since the last row]
    scores: list[list[float]] = field(default_factory=list)  # [step, validation score]

    @classmethod
    def of(cls, said: dict[str, Any]) -> Progress:
        """The progress that a checkpoint holds; raises ForetellError for what is none."""
        try:
            progress = cls(**said)
            whole = [
                progress.step,
                progress.best_step,
                progress.stale,
                progress.anneal_from or 0,
                progress.end or 0,
            ]
            figures = [
                progress.best_score,
                *(each for row in (*progress.losses, *progress.scores) for each in row),
            ]
        except TypeError as error:
            raise ForetellError(f"its progress is none: {error}") from error
        if not all(type(each) is int and each >= 0 for each in whole):
            raise ForetellError("its progress has steps that are no whole numbers")
        if not all(type(each) in (int, float) for each in figures):
            raise ForetellError("its progress has scores that are no numbers")
        return progress

    def describe(self, schedule: Schedule) -> str:
        """How far it is, and how good the best weights are."""
        best = f", best validation wQL {self.best_score:.4f} at step {self.best_step}" if self.scores else ""
        return f"interrupted at step {self.step} of {schedule.max_steps}{best}"


class Diverged(ForetellError):
    """A loss or gradient that is not finite."""


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What a recipe hands to the training loop."""

    network: nn.Module
    # (step, whether the held-out windows are trained on too) -> batch; a pure function
    batch: Callable[[int, bool], Batch]
    loss: Callable[[Any], Tensor]
    # score of the network as it is, lower is better; None: histories too short
    validate: Callable[[], float] | None
    names: list[str]  # [N] of items, for errors
    tag: str  # what a checkpoint must match to be resumed: the recipe's name, a blank, a hash of all else
    # what `loss` is a mean over: ranks weigh their rows by it
    weight: Callable[[Any], Tensor] | None = None
    # whether the network draws from torch's global generator when it is trained: it is then the only such one in the process
    draws_globally: bool = True
    smaller: str = "Lower batch_size."  # how a step is made to need less memory
