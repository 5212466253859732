"""Batches of a panel that does not fit on the device: gathered beside the training step and sent ahead through pinned memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from foretell.data.panel import Panel

B = TypeVar("B", bound=tuple[Any, ...])  # a batch: a NamedTuple of tensors

SHARE_OF_MEMORY = 0.4  # of what is free on the device; network, gradients and batches want the rest


def panel_device(panel: Panel, device: torch.device) -> torch.device:
    """Where the panel's tensors are kept when the network is on `device`: there, where they fit."""
    if device.type != "cuda":
        return device
    free, _ = torch.cuda.mem_get_info(device)
    arrays = (panel.target, panel.known, panel.past, panel.static_real, panel.static_cat)
    size = sum(array.nbytes for array in arrays) + 48 * len(panel)  # start, origin, offset, span of each item
    return device if size <= SHARE_OF_MEMORY * free else torch.device("cpu")


def sent(batch: B, device: torch.device) -> B:
    """A NamedTuple of tensors on `device`; the batch itself where it is there already.

    Args:
        batch: a NamedTuple of tensors.
        device: where it goes.

    Example:
        >>> from foretell.networks import Origins, sent
        >>> batch = Origins(*[torch.zeros(1)] * 4)
        >>> sent(batch, torch.device("cpu")) is batch
        True
    """
    if batch[0].device == device:
        return batch
    return type(batch)(*(tensor.to(device, non_blocking=True) for tensor in batch))


@contextmanager
def feed(
    make: Callable[[int, bool], B], gathering: torch.device, device: torch.device
) -> Iterator[Callable[[int, bool], B]]:
    """Inside, batches of `make(step, final)` on `device`; where they are gathered on another, a step ahead in a thread."""
    if gathering == device:
        yield make
        return
    with closing(Prefetched(make, device)) as ahead:
        yield ahead


class Prefetched(Generic[B]):
    """Makes batches of `make(step, final)` a step ahead, in a thread of its own, and sends them to `device`.

    A batch is a pure function of its arguments: one made in vain is dropped. What `make` raises is raised where its batch is
    asked for.
    """

    def __init__(self, make: Callable[[int, bool], B], device: torch.device) -> None:
        self._make, self._device = make, device
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="foretell-feed")
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._ahead: tuple[tuple[int, bool], Future[B]] | None = None

    def __call__(self, step: int, final: bool) -> B:
        """The batch of `step`; that of the step after is then on its way."""
        key = (step, final)
        if self._ahead is None or self._ahead[0] != key:
            self._ahead = key, self._pool.submit(self._prepare, *key)
        waiting = self._ahead[1]
        self._ahead = (step + 1, final), self._pool.submit(self._prepare, step + 1, final)
        batch = waiting.result()
        if self._stream is not None:
            for tensor in batch:  # the allocator may not reuse it while the step, on another stream, reads it
                tensor.record_stream(torch.cuda.current_stream(self._device))
        return batch

    def close(self) -> None:
        """End the thread; nothing is made any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _prepare(self, step: int, final: bool) -> B:
        batch = self._make(step, final)
        if self._stream is None:
            return sent(batch, self._device)
        pinned = type(batch)(*(_pinned(tensor) for tensor in batch))
        with torch.cuda.stream(self._stream):
            there = sent(pinned, self._device)
            self._stream.synchronize()  # here, in this thread: then the pinned memory may go
        return there


def _pinned(tensor: Tensor) -> Tensor:
    return tensor.contiguous().pin_memory()
