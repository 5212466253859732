"""A training job (network, batches, loss, schedule) and its progress. The loop is in trainer.py."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

logger = logging.getLogger(__name__)


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

    def describe(self, schedule: Schedule) -> str:
        """How far it is, and how good the best weights are."""
        best = f", best validation wQL {self.best_score:.4f} at step {self.best_step}" if self.scores else ""
        return f"interrupted at step {self.step} of {schedule.max_steps}{best}"


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
