"""A network for weights that others may have written: it is built once its shapes are known to be theirs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from foretell.errors import ForetellError


def network_of_shapes(build: Callable[[], nn.Module], weights: Mapping[str, Tensor]) -> nn.Module:
    """The network that `build` makes, whose parameters must have the names and shapes of `weights`.

    It is first built without memory, and no further than there are weights: sizes that a folder makes up cost nothing. Raises
    ForetellError where the shapes differ.
    """
    with _no_more_parameters_than(len(weights)), torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in build().state_dict().items()}
    found = {name: tuple(value.shape) for name, value in weights.items()}
    if shapes != found:
        name = min(name for name in shapes.keys() | found.keys() if shapes.get(name) != found.get(name))
        raise ForetellError(
            f"the weights do not fit the network: {name} has the shape {found.get(name)}, expected {shapes.get(name)}"
        )
    return build()


@contextmanager
def _no_more_parameters_than(most: int) -> Iterator[None]:
    """Raises ForetellError when this thread makes networks with more parameters."""
    count, thread = 0, threading.get_ident()

    def registered(module: nn.Module, name: str, parameter: Any) -> None:
        nonlocal count
        if threading.get_ident() != thread or name in module._parameters:
            return
        count += 1
        if count > 2 * most:  # some are registered and put aside again
            raise ForetellError(
                f"the network would have more parameters than the {most} arrays of the weights"
            )

    handle = register_module_parameter_registration_hook(registered)
    try:
        yield
    finally:
        handle.remove()
