"""Warm starts: a network that goes on from another's weights, on newer data whose vocabularies may be longer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from foretell.errors import ForetellError
from foretell.panel import Panel
from foretell.recipe import settings_of
from foretell.task import Task

if TYPE_CHECKING:
    from foretell.neural import NeuralRecipe

SHARE_OF_STEPS: Final = 0.25  # of a training from scratch, where max_steps is not given
_FREE: Final = ("cardinalities", "embeddings", "lags", "levels")  # sizes that the data or the task may change


def going_on(recipe: NeuralRecipe, start: NeuralRecipe, panel: Panel, task: Task) -> NeuralRecipe:
    """`recipe` with what it leaves open filled in from `start`, the resolved one; a share of the usual steps."""
    filled = {name: getattr(start, name) for name, value in settings_of(recipe).items() if value is None}
    usual = recipe.resolved(panel, task).max_steps
    assert usual is not None
    filled["max_steps"] = recipe.max_steps or max(1, round(usual * SHARE_OF_STEPS))
    return replace(recipe, **filled)  # type: ignore[type-var]  # recipes are dataclasses


def grown_sizes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The sizes of a network that goes on: the `old` ones, with the `new` vocabularies; raises ForetellError for others."""
    from foretell.neural import embedding_sizes

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
