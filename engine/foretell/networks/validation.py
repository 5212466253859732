"""The score that a training is judged by: wQL of the last windows before the origins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foretell.networks.source import Source
from foretell.windows.windows import Windows

VALIDATION_LEVELS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
VALIDATION_ITEMS = 1000  # at most so many are forecast at each validation


def validation_score(
    source: Source[Any],
    count: int,
    forecast: Callable[[Source[Any], Tensor], Tensor],
    *,
    seed: int,
    device: torch.device,
) -> Callable[[], float]:
    """wQL of the `count` horizons before the origins of `source`, over a fixed sample of the items with history before them.

    `forecast` gives quantiles [B, H, Q] at VALIDATION_LEVELS of items [B], on `device`; each rank asks for its own rows.
    """
    horizon, windows, ranks = source.sizes.horizon, source.windows, source.ranks
    earlier = [source.before((k + 1) * horizon) for k in range(count)]
    candidates = np.flatnonzero(earlier[-1].windows.panel.stop > 0)
    chosen = np.random.default_rng(seed).permutation(candidates)[:VALIDATION_ITEMS]
    items, ahead = (
        torch.from_numpy(np.sort(chosen)).to(windows.device),
        torch.arange(horizon, device=windows.device),
    )
    read = [_truth(windows, items, each.windows.origin[items][:, None] + ahead) for each in earlier]
    truths = [(actual.to(device), observed.to(device)) for actual, observed in read]
    size = torch.stack([actual.abs().sum() for actual, _ in truths]).sum().clamp(min=1e-12)
    levels = torch.tensor(VALIDATION_LEVELS, device=device)
    items, truths = items[ranks.rows], [(actual[ranks.rows], seen[ranks.rows]) for actual, seen in truths]

    def lost(each: Source[Any], actual: Tensor, observed: Tensor) -> Tensor:
        error = actual[..., None] - forecast(each, items)
        return (torch.maximum(levels * error, (levels - 1) * error) * observed[..., None]).sum()

    def score() -> float:
        total = torch.stack([lost(each, *truth) for each, truth in zip(earlier, truths, strict=True)]).sum()
        return float(2 * ranks.sum(total) / len(levels) / size)

    return score


def _truth(windows: Windows, items: Tensor, ordinals: Tensor) -> tuple[Tensor, Tensor]:
    """The target of `items` [B] at `ordinals` [B, H] and whether it counts; 0 where not.

    As in `Panel.actuals`, what a filling guessed does not.
    """
    values, observed = windows.target(items, ordinals)
    if windows.panel.filled is None:
        return values, observed
    known = np.isfinite(windows.panel.target_at(items.cpu().numpy(), ordinals.cpu().numpy()))
    observed &= torch.from_numpy(known).to(observed.device)
    return values.masked_fill(~observed, 0.0), observed
