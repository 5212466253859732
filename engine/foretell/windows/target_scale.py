"""The mean and deviation of a window of the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

    from foretell.windows.windows import Windows


class Scale(NamedTuple):
    """How windows are standardised."""

    moments: Tensor  # [B, 2] mean and deviation
    own: Tensor  # [B] whether they are the item's own, rather than what its statics suggest


def window_scale(values: Tensor, observed: Tensor, fallback: Tensor) -> Tensor:
    """Mean and standard deviation of the observed `values` [B, L] of each window: [B, 2].

    Windows with nothing observed take theirs from `fallback` [B, 2]. The deviation is shrunk towards the fallback's, and
    never below a hundredth of it: one or two steps say little of a spread, and a constant must not divide by zero.

    Args:
        values: [B, L] of the target.
        observed: [B, L] whether each was observed.
        fallback: [B, 2] mean and deviation of a window with nothing observed.

    Example:
        >>> from foretell.networks import window_scale
        >>> observed = torch.tensor([[True, True, False], [False, False, False]])
        >>> window_scale(torch.tensor([[1.0, 3.0, 9.0]] * 2), observed, torch.tensor([[2.0, 1.0]] * 2))
        tensor([[2., 1.],
                [2., 1.]])
    """
    import torch  # here alone: the recipes without a network use the rest of this file

    count = observed.sum(-1)
    mean = (values * observed).sum(-1) / count.clamp(min=1)
    square = ((values - mean[:, None]) ** 2 * observed).sum(-1)
    level = (mean.abs() / fallback[:, 0].abs().clamp(min=1e-12)).clamp(0.01, 100)
    # zeros alone say nothing of how large a sale would be: were they taken for a level, it would be thousands of deviations
    typical = fallback[:, 1] * torch.where(mean == 0, 1.0, level)
    deviation = torch.sqrt((square + typical**2) / (count + 1))
    mean = torch.where(count > 0, mean, fallback[:, 0])
    deviation = torch.where(count > 0, deviation, fallback[:, 1])
    return torch.stack([mean, torch.maximum(deviation, 1e-3 * typical)], dim=-1)


def item_scale(
    windows: Windows,
    items: Tensor,
    ends: Tensor,
    values: Tensor,
    shown: Tensor,
    guess: Tensor,
    *,
    since: Tensor,
) -> Scale:
    """The scale of windows of `items` [B] that end before the ordinals `ends` [B], by their `values` [B, L] that are `shown`.

    An item that shows nothing, as a shop that was closed for longer than a window, has the scale of the last window in which
    it was observed; one that was never observed, at or after the ordinal `since` [B], that of `guess` [B, 2].
    """
    import torch

    moments, own = window_scale(values, shown, guess), shown.any(-1)
    asked = ~own & (since < ends)
    # nearly always none; a GPU would have to wait for the answer
    if items.device.type == "cpu" and not bool(asked.any()):
        return Scale(moments, own)
    last, found = windows.last_seen.before(items, ends)
    found &= asked & (last >= since)
    # which rows these are is asked on a CPU alone: a GPU would have to wait for the answer
    rows = (
        found.nonzero()[:, 0] if items.device.type == "cpu" else torch.arange(len(items), device=items.device)
    )
    if len(rows):
        steps = torch.arange(1 - values.shape[1], 1, device=items.device)
        then, seen = windows.target(items[rows], last[rows, None] + steps)
        before = window_scale(then, seen, guess[rows])
        moments[rows] = torch.where(found[rows, None], before, moments[rows])
    return Scale(moments, own | found)
