"""Warm starts: a network that goes on from another's weights, on newer data whose vocabularies may be longer."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final

import torch
from torch import Tensor, nn

from foretell.errors import ForetellError
from foretell.networks.sizes import Sizes

_FREE: Final = frozenset(
    {"cardinalities", "embeddings", "lags", "levels"}
)  # sizes that the data or the task may change


def grown_sizes(old: Sizes, new: Sizes) -> Sizes:
    """The sizes of a network that goes on: the `old` ones, with the `new` vocabularies; raises ForetellError for others."""
    for name in sorted({f.name for f in fields(new)} - _FREE):
        before, now = getattr(old, name), getattr(new, name)
        if before != now:
            raise ForetellError(
                f"the model to start from has {name}={before}, these data ask for {now}. Train without it."
            )
    return replace(old, cardinalities=new.cardinalities)


def carry_weights(old: nn.Module, new: nn.Module, name: str) -> None:
    """Give `new` the weights of `old`; rows of embeddings that are new begin as the mean of the old categories'.

    Raises ForetellError when the networks have other shapes.
    """
    weights = {key: value.detach().clone() for key, value in old.state_dict().items()}
    for part, module in new.named_modules():
        key = f"{part}.weight"
        if isinstance(module, nn.Embedding) and key in weights:
            weights[key] = _grown(weights[key], len(module.weight))
    try:
        new.load_state_dict(weights)
    except RuntimeError as error:
        raise ForetellError(
            f"the weights to start from do not fit a network of {name} with these hyperparameters: those that shape it,"
            " such as hidden_size and num_layers, must stay as they were. Leave them out, or train without it."
        ) from error


def _grown(table: Tensor, count: int) -> Tensor:
    """An embedding [n, E] with rows added up to `count`; row 0, of the unknown category, takes no part in their mean."""
    if count <= len(table):
        return table
    known = table[1:] if len(table) > 1 else table
    return torch.cat([table, known.mean(0, keepdim=True).expand(count - len(table), -1)])
