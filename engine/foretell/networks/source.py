"""`Source`: what training batches and forecasts are gathered from, and how B windows of it are read.

A window is placed by its item and its origin. Its steps are counted from the origin: -1 is the last one before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from foretell.networks.distributed.ranks import SINGLE, Ranks
from foretell.networks.sizes import Sizes
from foretell.windows.sampling import NOTHING_HIDDEN, sample_hidden, sample_windows
from foretell.windows.target_scale import item_scale
from foretell.windows.windows import Windows

# Axes in comments: N item, B window, L step, P past column, F known column and calendar.

S = TypeVar("S", bound=Sizes)


class Origins(NamedTuple):
    """Where B windows are placed.

    Example:
        >>> from foretell.networks import NOTHING_HIDDEN, Origins
        >>> where = Origins(torch.tensor([0]), torch.tensor([14_000]), torch.tensor([NOTHING_HIDDEN]), torch.tensor([False]))
        >>> where.origins
        tensor([14000])
    """

    items: Tensor  # [B]
    origins: Tensor  # [B] ordinals
    hidden: Tensor  # [B] a window's steps before this one count as not observed
    shut: Tensor  # [B] whether they were observed when its scale was taken: the item has closed since


class Target(NamedTuple):
    """The target of B windows at L steps.

    Example:
        >>> from foretell.networks import Target
        >>> there = torch.tensor([[True]])
        >>> Target(torch.tensor([[4.0]]), there, there, torch.tensor([[2.0, 0.5]]), there[0]).standard
        tensor([[4.]])
    """

    values: Tensor  # [B, L] in its own units, 0 where not observed
    observed: Tensor  # [B, L]
    visible: Tensor  # [B, L] observed and not hidden
    scale: Tensor  # [B, 2] mean and deviation of what the context shows
    own: Tensor  # [B] whether this is the item's own scale, rather than what its statics suggest

    @property
    def standard(self) -> Tensor:
        """[B, L] the values standardised by `scale`."""
        return (self.values - self.scale[:, :1]) / self.scale[:, 1:]


@dataclass(frozen=True, slots=True)
class Source(Generic[S]):
    """A panel's windows, the scale to expect of items without history, and the sizes of the network that reads them.

    Example:
        >>> from foretell.networks import Sizes, Source, Windows
        >>> from foretell.tabular import CovariateScale
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> windows = Windows(data.panel, CovariateScale.of(data.panel), horizon=7)
        >>> source = Source(windows, torch.ones(4, 2), Sizes(horizon=7, cardinalities=()))
        >>> source.target(source.ends(torch.arange(4)), torch.arange(-28, 0)).values.shape  # the last 28 steps of each item
        torch.Size([4, 28])
    """

    windows: Windows
    guess: Tensor  # [N, 2] mean and deviation that an item's statics suggest
    sizes: S
    ranks: Ranks = SINGLE  # of each training batch, this process gathers its own rows

    def before(self, steps: int) -> Self:
        """The same source read from origins `steps` earlier."""
        return replace(self, windows=self.windows.before(steps))

    def mine(self, *draws: Tensor) -> tuple[Tensor, ...]:
        """This process's rows of random draws [B, ...], on the device that gathers."""
        return tuple(draw[self.ranks.rows].to(self.windows.device) for draw in draws)

    def draw(self, count: int, *, length: int, cold_share: float, generator: torch.Generator) -> Origins:
        """This process's rows of `count` random windows.

        Of a `cold_share` of them some or all of the `length` steps before the origin are hidden, as a new item's would be.
        """
        items, origins = sample_windows(self.windows.spans, count, generator)
        hidden, shut = sample_hidden(count, length, cold_share, generator)
        return Origins(*self.mine(items, origins, hidden, shut))

    def ends(self, items: Tensor) -> Origins:
        """The windows of `items` [B] at their own origins, with nothing hidden."""
        nothing = torch.full_like(items, NOTHING_HIDDEN)
        return Origins(items, self.windows.origin[items], nothing, torch.zeros_like(items, dtype=torch.bool))

    def target(
        self, at: Origins, steps: Tensor, *, context: slice = slice(None), until: Tensor | None = None
    ) -> Target:
        """The target at `steps` [L], which rise; its scale is that of what is visible in `context`, before `until` [B, 1] if given.

        Where nothing is, it is the item's scale as it was last observed: see `item_scale`.
        """
        values, observed = self.windows.reached(at.items, at.origins, steps)
        visible = observed & (steps >= at.hidden[:, None])
        shown = visible | (observed & at.shut[:, None])
        shown = shown[:, context] if until is None else (shown & (steps < until))[:, context]
        scale = item_scale(
            self.windows,
            at.items,
            at.origins if until is None else at.origins + until[:, 0],
            values[:, context],
            shown,
            self.guess[at.items],
            since=at.origins + at.hidden,
        )
        return Target(values, observed, visible, scale.moments, scale.own)

    def past(self, at: Origins, steps: Tensor) -> Tensor:
        """Past covariates at `steps` [L], 0 where hidden: [B, L, P]."""
        columns = self.windows.past(at.items, at.origins[:, None] + steps)
        return columns * (steps >= at.hidden[:, None])[..., None]

    def covariates(self, at: Origins, steps: Tensor, *, one_origin: bool = False) -> Tensor:
        """Known covariates and calendar at `steps` [L]: [B, L, F]; with `one_origin` all windows lie on the same steps."""
        origins = at.origins[:1] if one_origin else at.origins
        return self.windows.covariates(at.items, origins[:, None] + steps)
