"""What several networks are made of: losses, interpolation, defaults."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from foretell.data.panel import Panel


def default_steps(panel: Panel, *, most: int = 2500) -> int:
    """Gradient steps: they grow with the square root of the number of observations, up to a few minutes on a CPU.

    `most` are reached at about 350,000 observations, as many as M4 hourly has.
    """
    observed = int(panel.stop.sum())
    return int(np.clip(most / 600 * np.sqrt(observed), 500, most))


def quantile_and_mean_loss(quantiles: Tensor, mean: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    """Of quantiles [..., Q] and mean [...] against `truth` [...]: pinball loss over the levels, and some Huber loss of the mean."""
    error = truth[..., None] - quantiles
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return 2 * pinball + 0.1 * functional.huber_loss(mean, truth, reduction="none", delta=5.0)


def between_levels(quantiles: Tensor, have: Tensor, want: tuple[float, ...]) -> Tensor:
    """Quantiles [..., Q] at the rising levels `have` -> [..., len(want)], linear between them and flat beyond."""
    levels = torch.tensor(want, device=quantiles.device)
    right = torch.searchsorted(have, levels - 1e-6).clamp(1, len(have) - 1)
    weight = ((levels - have[right - 1]) / (have[right] - have[right - 1])).clamp(0, 1)
    return torch.lerp(quantiles[..., right - 1], quantiles[..., right], weight)
