"""The device that a network trains on, and how its processor is set meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

import torch

from foretell.errors import ForetellError
from foretell.networks.malloc import memory_kept
from foretell.recipe.task import Run
from foretell.system.processes import CPU_THREADS


def pick_device(name: str) -> torch.device:
    """The torch device that `auto`, `cpu`, `cuda`, `cuda:1` or `mps` means here; ForetellError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ForetellError(f"device must be auto, cpu, cuda, cuda:1, ... or mps, got {name!r}") from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False) or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise ForetellError(f"device {name!r} is not on this machine. Use device='auto' or 'cpu'.")
    return device


@contextmanager
def computing(run: Run) -> Iterator[None]:
    """Torch's threads as `run` says inside, and memory kept; the host program's own are back afterwards."""
    flushed = _denormals_flushed()
    with _threads(run.threads or CPU_THREADS), memory_kept():
        torch.set_flush_denormal(
            True
        )  # gradients that fade through a long LSTM become denormal: ten times slower
        try:
            yield
        finally:
            torch.set_flush_denormal(flushed)


_lock = Lock()
_inside, _before = (
    0,
    1,
)  # how many `_threads` are open in this process, and torch's threads before the first one


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Torch's threads; what it was before the first of several at once is back after the last, and in each thread after its own."""
    global _inside, _before
    mine = torch.get_num_threads()
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = mine
    torch.set_num_threads(count)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            torch.set_num_threads(_before if _inside == 0 else mine)


def _denormals_flushed() -> bool:
    """Whether this thread takes denormal numbers for 0; torch cannot be asked."""
    smallest = torch.full((1,), 1e-39, dtype=torch.float32, device="cpu")
    return not bool((smallest * 1.0).view(torch.int32).any())
