"""How long training steps and validations take, and how many fit into what a time limit leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from foretell.networks.distributed.ranks import SINGLE, Ranks


class StepTimer:
    """How fast the steps go, and what a time limit leaves time for."""

    def __init__(
        self, limit: float, anneal: float, clock: Callable[[], float], ranks: Ranks = SINGLE
    ) -> None:
        self._clock, self._began, self._ranks = clock, clock(), ranks
        self._limit, self._hold = limit, limit * (1 - anneal)
        self._stepped, self._steps = 0.0, 0  # seconds spent in training steps, and their number
        self._step_began = self._began
        self._validation = 0.0  # seconds that the slowest one took

    @property
    def _spent(self) -> float:
        return self._clock() - self._began

    def step_begins(self) -> None:
        self._step_began = self._clock()

    def step_ends(self) -> None:
        self._stepped += self._clock() - self._step_began
        self._steps += 1

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Measures a validation."""
        began = self._clock()
        yield
        self._validation = max(self._validation, self._clock() - began)

    def may_validate(self) -> bool:
        """Whether a validation as slow as the slowest so far ends before annealing must begin."""
        return bool(self._ranks.from_first(self._spent + self._validation <= self._hold))

    def must_anneal(self) -> bool:
        """Whether the time at full learning rate is used up."""
        return bool(self._ranks.from_first(self._spent >= self._hold))

    def steps_left(self) -> int:
        """Training steps that fit into what is left of the limit."""
        seconds = self._stepped / max(self._steps, 1)
        left = max(self._limit - self._spent, 0.0)
        return int(self._ranks.from_first(left / seconds if seconds > 0 else 1 << 30))
