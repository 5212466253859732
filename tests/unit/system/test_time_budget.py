"""Time limits: read from text, counted down, and kept by a training under a clock of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import line_fit
from foretell.errors import ForetellError
from foretell.networks.trainer import fit_network
from foretell.networks.training_job import Progress, Schedule, TrainingJob
from foretell.recipe.task import Run
from foretell.system.time_budget import Budget, parse_seconds, spell_seconds
from line_fit import SCHEDULE


class Clock:
    """A clock that stands still but where it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.3, "10s"), (41, "50s"), (90, "90s"), (91, "2m"), (7200, "120m"), (7300, "2.5h")]
)
def test_a_time_is_spelt_as_it_is_read_rounded_up(seconds: float, text: str) -> None:
    assert spell_seconds(seconds) == text
    assert parse_seconds(text) >= seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), (90, 90), ("90s", 90), ("10m", 600), (" 1.5 h", 5400), ("2min", 120), (0.5, 0.5)],
)
def test_a_time_is_read_from_text(text: str | float, seconds: float) -> None:
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5", "10x", "0", "nan", "1:30", "10m5"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ForetellError, match=r"must be a time such as 90s, 10m or 1\.5h, got"):
        parse_seconds(text)


def test_a_budget_counts_down_to_a_share_and_never_below_nothing() -> None:
    clock = Clock()
    budget = Budget(10.0, clock)
    clock.now += 4
    assert (budget.spent, budget.left(), budget.left(0.5), budget.left(0.3)) == (4, 6, 1, 0)


def test_a_run_without_time_is_refused() -> None:
    with pytest.raises(ForetellError, match="time_limit must be more than 0 seconds, got 0"):
        Run(time_limit=0)


def timed(*, step: float = 1.0, validation: float = 0.0, limit: float | None, **changes: float) -> Progress:
    """What became of a training whose steps and validations take so many seconds of a clock of its own."""
    clock, job = Clock(), line_fit.job()

    def loss(batch: object) -> torch.Tensor:
        clock.now += step
        return job.loss(batch)

    def validate() -> float:
        clock.now += validation
        assert job.validate is not None
        return job.validate()

    slowed: TrainingJob = replace(job, loss=loss, validate=validate)
    schedule: Schedule = replace(SCHEDULE, **changes)  # type: ignore[arg-type]
    return fit_network(slowed, schedule, Run(time_limit=limit), clock=clock)


def test_annealing_begins_so_early_that_training_ends_in_time() -> None:
    # 100 seconds for steps of 1 second: 65 are held, 35 annealed.
    progress = timed(limit=100)
    assert (progress.anneal_from, progress.step) == (65, 100)


def test_validations_count_as_time_spent() -> None:
    # A validation every 6 or 7 steps (20 in 130) of 2 seconds each: fewer steps fit into 65 seconds.
    progress = timed(limit=100, validation=2)
    assert progress.anneal_from is not None
    assert progress.anneal_from + 2 * len(progress.scores) <= 65 + 1
    assert progress.step + 2 * len(progress.scores) <= 101
    assert progress.step >= 80


def test_a_validation_that_would_end_too_late_is_left_out() -> None:
    progress = timed(limit=100, validation=40)
    assert len(progress.scores) == 1
    assert progress.step + 40 * len(progress.scores) <= 100


def test_without_need_a_limit_changes_nothing() -> None:
    limited, free = timed(limit=10_000), timed(limit=None)
    assert limited == free
    assert free.step == 200


def test_at_least_one_step_is_trained_and_annealed() -> None:
    assert timed(limit=0.5).step == 2


def test_annealing_is_shortened_when_steps_become_slower() -> None:
    clock, job = Clock(), line_fit.job()

    def loss(batch: object) -> torch.Tensor:
        clock.now += 1.0 if clock.now < 165 else 3.0
        return job.loss(batch)

    fit_network(replace(job, loss=loss), SCHEDULE, Run(time_limit=100), clock=clock)
    assert 195 <= clock.now <= 203  # 65 steps of 1 s, then about 12 of 3 s instead of 35
