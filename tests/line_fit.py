"""A small training job: a line that a network learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from foretell.networks.training_job import Schedule, TrainingJob


@dataclass(frozen=True)
class Line:
    """A batch of points on y = 3x."""

    items: Tensor
    x: Tensor


def batch(step: int, final: bool) -> Line:
    generator = torch.Generator().manual_seed(step)
    return Line(torch.tensor([0, 2]), torch.rand(16, 1, generator=generator) + (1.0 if final else 0.0))


def job(
    *, seed: int = 0, tag: str = "t", broken_at: int = -1, scores: list[float] | None = None
) -> TrainingJob:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    steps = iter(range(10_000))

    def loss(line: Line) -> Tensor:
        value = ((network(line.x) - 3 * line.x) ** 2).mean()
        return value * (math.nan if next(steps) == broken_at else 1.0)

    def validate() -> float:
        if scores:
            return scores.pop(0)
        x = torch.linspace(0, 1, 5)[:, None]
        return float(((network(x) - 3 * x) ** 2).mean())

    return TrainingJob(network, batch, loss, validate, ["apple", "pear", "plum"], tag)


SCHEDULE = Schedule(max_steps=200, learning_rate=1e-2, patience=50)
