"""Several networks of one recipe in the place of one: they learn side by side and forecast together.

Each begins with other first weights, draws its own dropout and learns from windows of its own: a batch holds those of all, gathered at
once. (With windows shared, three networks of 150 steps were as far off as the one of that seed: .1879 and .1911 on M1 quarterly, .1805 with
windows of their own.) A network alone is none of this: it stays as it is. They take their steps one after the other:
torch.func.vmap has no rule for LSTMs (2.13), and on the cores of a CPU a step is all arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from foretell.recipe.hyperparameters import settings_of
from foretell.system.typed import Within

Seeds = Annotated[int, Within(1, 64)]  # networks that are trained in the place of one


class SeedNetworks(nn.ModuleList):
    """The networks of all seeds."""


def seeds_of(recipe: Any) -> int:
    """How many networks a recipe trains; one where it has no such hyperparameter."""
    return int(settings_of(recipe).get("seeds", 1))


def untrained(recipe: Any, sizes: Any) -> nn.Module:
    """A network of `recipe`, or as many as it has seeds; the first is the one that it would be alone."""
    count = seeds_of(recipe)
    if count == 1:
        alone: nn.Module = recipe.network(sizes)
        return alone
    return SeedNetworks(recipe.network(sizes) for _ in range(count))


def networks_of(network: nn.Module) -> list[nn.Module]:
    """The networks of all seeds, or the only one."""
    return list(network) if isinstance(network, SeedNetworks) else [network]


def feeding(recipe: Any) -> Any:
    """The recipe whose batches hold windows for the networks of all seeds."""
    count = seeds_of(recipe)
    return recipe if count == 1 else replace(recipe, batch_size=count * recipe.batch_size)


def summed_loss(network: nn.Module, batch: Any, loss: Callable[[Any, Any], Tensor]) -> Tensor:
    """The sum of the networks' losses on their own windows: the gradient of each is that of its own loss alone."""
    networks = networks_of(network)
    if len(networks) == 1:
        return loss(network, batch)
    shares = _shared_out(batch, len(networks))
    return torch.stack([loss(*pair) for pair in zip(networks, shares, strict=True)]).sum()


def _shared_out(batch: Any, count: int) -> list[Any]:
    """Each network's rows of a batch, a named tuple; what has no row a window is everybody's."""
    rows = len(batch.items)
    edges = [rows * number // count for number in range(count + 1)]

    def share(begin: int, end: int) -> Any:
        return type(batch)(
            *(
                part[begin:end] if isinstance(part, Tensor) and part.shape[:1] == (rows,) else part
                for part in batch
            )
        )

    return [share(*pair) for pair in pairwise(edges)]


def clip_gradients(network: nn.Module, most: float) -> Tensor:
    """Clip each network's gradient to the norm `most`; the sum of the norms, which is not finite where one is not."""
    norms = [nn.utils.clip_grad_norm_(part.parameters(), most) for part in networks_of(network)]
    return norms[0] if len(norms) == 1 else torch.stack(norms).sum()


def averaged(forecasts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Of quantiles [B, H, Q] and means [B, H] of several networks the averages, level by level."""
    if len(forecasts) == 1:
        return forecasts[0]
    quantiles, means = zip(*forecasts, strict=True)
    return torch.stack(quantiles).mean(0), torch.stack(means).mean(0)
