"""What the numbers of a checkpoint may be: those of a training that was saved, and nothing that would go on for ever."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch

from foretell.errors import ForetellError
from foretell.networks.training_job import Progress, Schedule

_MOMENTS = ("exp_avg", "exp_avg_sq")


def check_counters(checkpoint: dict[str, Any]) -> None:
    """Raises ForetellError where a counter of Lightning's loops lies beyond the steps that were taken.

    A training that was gone on from counts one more epoch; between two checkpoints lies a step at least.
    """
    step = checkpoint.get("global_step")
    if type(step) is not int or step < 0 or checkpoint.get("epoch") not in range(step + 1):
        raise ForetellError("it has no number of steps and epochs")
    for count in _leaves(checkpoint.get("loops", {})):
        if type(count) not in (int, bool) or not 0 <= count <= step + 1:
            raise ForetellError(f"its loops have counted to {count!r}, at step {step}")


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    else:
        yield value


def check_progress(progress: Progress, schedule: Schedule) -> None:
    """Raises ForetellError for a progress that no training of this schedule can have."""
    begin, end = progress.anneal_from, progress.end
    whole = progress.step <= schedule.max_steps and progress.best_step <= progress.step
    if begin is None or end is None:
        annealed = begin is end
    else:
        annealed = begin <= progress.step and begin <= end <= schedule.max_steps
    if not (whole and annealed and all(len(row) == 2 for row in (*progress.losses, *progress.scores))):
        raise ForetellError(f"its progress is not one of {schedule.max_steps:,} steps")


def check_optimizer(restored: torch.optim.Optimizer, fresh: torch.optim.Optimizer) -> None:
    """Raises ForetellError for settings that are not those of a `fresh` one, but for the rate, and for moments of other shapes."""
    for mine, theirs in zip(fresh.param_groups, restored.param_groups, strict=True):
        known = {name: value for name, value in mine.items() if name not in ("params", "lr", "initial_lr")}
        found = {name: value for name, value in theirs.items() if name not in ("params", "lr", "initial_lr")}
        if {name: _plain(value) for name, value in found.items()} != {n: _plain(v) for n, v in known.items()}:
            raise ForetellError("its optimizer has other settings")
    for weight, state in restored.state.items():
        step = state.get("step")
        counted = (
            isinstance(step, torch.Tensor) and step.numel() == 1 and math.isfinite(float(step)) and step >= 1
        )
        moments = [state.get(name) for name in _MOMENTS]
        alike = all(isinstance(each, torch.Tensor) and each.shape == weight.shape for each in moments)
        if not (counted and alike and len(state) == 1 + len(_MOMENTS)):
            raise ForetellError("the state of its optimizer is not that of the network")


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
