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

    Args:
        panel: what is trained on.
        most: steps, whatever the size of the panel.

    Example:
        >>> from foretell.networks import default_steps
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> default_steps(data.panel)
        500
    """
    observed = int(panel.stop.sum())
    return int(np.clip(most / 600 * np.sqrt(observed), 500, most))


def quantile_and_mean_loss(quantiles: Tensor, mean: Tensor, truth: Tensor, levels: Tensor) -> Tensor:
    """Of quantiles [..., Q] and mean [...] against `truth` [...]: pinball loss over the levels, and some Huber loss of the mean.

    Args:
        quantiles: [..., Q], standardised.
        mean: [...], standardised.
        truth: [...], standardised.
        levels: [Q].

    Example:
        >>> from foretell.networks import quantile_and_mean_loss
        >>> levels = torch.tensor([0.1, 0.5, 0.9])
        >>> quantile_and_mean_loss(torch.tensor([1.0, 2.0, 3.0]), torch.tensor(2.0), torch.tensor(2.5), levels).item()
        0.3125
    """
    error = truth[..., None] - quantiles
    pinball = torch.maximum(levels * error, (levels - 1) * error).mean(-1)
    return 2 * pinball + 0.1 * functional.huber_loss(mean, truth, reduction="none", delta=5.0)


def between_levels(quantiles: Tensor, have: Tensor, want: tuple[float, ...]) -> Tensor:
    """Quantiles [..., Q] at the rising levels `have` -> [..., len(want)], linear between them and flat beyond.

    Args:
        quantiles: [..., Q], rising along Q.
        have: [Q] the levels that they belong to, rising.
        want: the levels asked for.

    Example:
        >>> from foretell.networks import between_levels
        >>> between_levels(torch.tensor([0.0, 10.0]), torch.tensor([0.1, 0.9]), (0.3, 0.95)).round(decimals=3)
        tensor([ 2.5000, 10.0000])
    """
    levels = torch.tensor(want, device=quantiles.device)
    right = torch.searchsorted(have, levels - 1e-6).clamp(1, len(have) - 1)
    weight = ((levels - have[right - 1]) / (have[right] - have[right - 1])).clamp(0, 1)
    return torch.lerp(quantiles[..., right - 1], quantiles[..., right], weight)
