"""Warm starts: a network that goes on from another's weights, on newer data whose vocabularies may be longer."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor, nn

from foretell.errors import ForetellError

_FREE: Final = ("cardinalities", "embeddings", "lags", "levels")  # sizes that the data or the task may change


def grown_sizes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The sizes of a network that goes on: the `old` ones, with the `new` vocabularies; raises ForetellError for others."""
    from foretell.networks.building_blocks import embedding_sizes

    for name in sorted((new.keys() & old.keys()) - {*_FREE}):
        if new[name] != old[name]:
            raise ForetellError(
                f"the model to start from has {name}={old[name]}, these data ask for {new[name]}. Train without it."
            )
    if new["cardinalities"] == old["cardinalities"]:
        return old
    return {**old, "cardinalities": new["cardinalities"], "embeddings": embedding_sizes(old)}


def carry_weights(old: nn.Module, new: nn.Module, name: str) -> None:
    """Give `new` the weights of `old`; rows of embeddings that are new begin as the mean of the old categories'."""
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
