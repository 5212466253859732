"""Random numbers that belong to one training: drawn from a generator of its own.

Torch's modules draw first weights and dropout from one global generator, which all threads of a process share with the host
program. Two trainings at once would then depend on each other, and the host's draws on both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from threading import RLock
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foretell.system.listener import tell

_IN_PLACE: Final = frozenset(
    {
        "uniform_",
        "normal_",
        "bernoulli_",
        "trunc_normal_",
        "orthogonal_",
        "sparse_",
        "kaiming_uniform_",
        "kaiming_normal_",
        "xavier_uniform_",
        "xavier_normal_",
    }
)
_MADE: Final = frozenset({"rand", "randn", "randint", "randperm", "bernoulli", "normal", "multinomial"})
_WAIT: Final = 0.2  # seconds between two looks at whether a training that waits for its turn is cancelled
_global_generator = RLock()  # held by what draws from torch's global generator


class FirstWeights(TorchFunctionMode):
    """Inside, in this thread, modules that are made draw their first weights from a generator with this seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if (name in _IN_PLACE or name in _MADE) and kwargs.get("generator") is None:
            subject = kwargs.get("tensor", args[0] if args else None)
            if not isinstance(subject, Tensor) or subject.device.type == "cpu":
                kwargs["generator"] = self._generator
        return func(*args, **kwargs)


@contextmanager
def training_draws(
    network: nn.Module, device: torch.device, *, shared: bool
) -> Iterator[Callable[[int], None]]:
    """Inside, the network's dropout draws from a generator of its own, which the function given seeds, at best before each step.

    With `shared` the network draws from torch's global generator besides: inside, no other such network is trained in this
    process, the function seeds that generator too, and its state is back afterwards.
    """
    generator = torch.Generator(device)

    def seed(value: int) -> None:
        generator.manual_seed(value)
        if shared:
            torch.manual_seed(value)

    with alone(0) if shared else nullcontext(), _dropout_of(network, generator):
        yield seed


@contextmanager
def alone(seed: int) -> Iterator[None]:
    """Inside, torch's global generators are this thread's, as far as foretell goes, and begin with `seed`; afterwards as before."""
    while not _global_generator.acquire(timeout=_WAIT):
        tell("train", 0)  # a cancel is heard
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            yield
    finally:
        _global_generator.release()


@contextmanager
def _dropout_of(network: nn.Module, generator: torch.Generator) -> Iterator[None]:
    changed: list[Any] = [module for module in network.modules() if type(module) in _OWN]
    for module in changed:
        module.__class__ = _OWN[type(module)]
        module.generator = generator
    try:
        yield
    finally:
        for module in changed:
            module.__class__ = type(module).__bases__[0]
            del module.generator


class _Dropout(nn.Dropout):
    """Dropout from `generator`."""

    generator: torch.Generator

    def forward(self, values: Tensor) -> Tensor:
        return _dropped(values, self.p, self.generator) if self.training else values


class _LSTM(nn.LSTM):
    """An LSTM whose dropout between layers draws from `generator`: torch's own, a layer at a time."""

    generator: torch.Generator

    def forward(self, inputs: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> Any:  # type: ignore[override]
        if not self.training or self.dropout == 0 or self.num_layers == 1 or not _plain(self, inputs):
            return super().forward(inputs, hx)
        values = inputs.transpose(0, 1) if self.batch_first else inputs
        if hx is None:
            nothing = values.new_zeros(self.num_layers, values.shape[1], self.hidden_size)
            hx = nothing, nothing
        weights: list[Any] = self._flat_weights
        ends = []
        each = len(weights) // self.num_layers
        for layer in range(self.num_layers):
            if layer:
                values = _dropped(values, self.dropout, self.generator)
            state = [part[layer : layer + 1] for part in hx]
            mine = weights[layer * each : (layer + 1) * each]
            values, *end = torch.lstm(values, state, mine, self.bias, 1, 0.0, True, False, False)
            ends.append(end)
        hidden, cell = (torch.cat(parts) for parts in zip(*ends, strict=True))
        return values.transpose(0, 1) if self.batch_first else values, (hidden, cell)


def _plain(lstm: nn.LSTM, inputs: Any) -> bool:
    """Whether it reads batches of whole windows in one direction, as networks of windows do."""
    return isinstance(inputs, Tensor) and inputs.dim() == 3 and not lstm.bidirectional and not lstm.proj_size


def _dropped(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    if share == 0:
        return values
    kept = torch.empty_like(values).bernoulli_(1 - share, generator=generator)
    return values * kept.div_(1 - share)


_OWN: Final[dict[type[nn.Module], type[nn.Module]]] = {nn.Dropout: _Dropout, nn.LSTM: _LSTM}
