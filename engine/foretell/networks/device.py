"""The device that a network trains on, and how its processor is set meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import torch

from foretell.errors import ForetellError
from foretell.networks.malloc import memory_kept
from foretell.recipe.task import Run
from foretell.system.processes import CPU_THREADS


def pick_device(name: str) -> torch.device:
    """The torch device that `auto`, `cpu`, `cuda`, `cuda:1` or `mps` means here; ForetellError when it is not there.

    A card has its number, as the tensors on it say: `cuda` and `cuda:0` are not equal, and what compares them would take the
    same card for another.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ForetellError(f"device must be auto, cpu, cuda, cuda:1, ... or mps, got {name!r}") from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False) or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise ForetellError(f"device {name!r} is not on this machine. Use device='auto' or 'cpu'.")
    if device.type == "cpu" or device.index is not None:
        return device
    return torch.device(device.type, torch.cuda.current_device() if device.type == "cuda" else 0)


@contextmanager
def computing(run: Run) -> Iterator[None]:
    """Torch's threads as `run` says inside, memory kept, float32 in full; the host program's own are back afterwards."""
    flushed = _denormals_flushed()
    with _threads(run.threads or CPU_THREADS), memory_kept(), _in_full():
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


_in_full_inside, _shortened = (
    0,
    ("none", "none"),
)  # how many `_in_full` are open, and what stood before the first


@contextmanager
def _in_full() -> Iterator[None]:
    """cuDNN's recurrent and convolutional layers take float32 as it is, as they do on a CPU.

    By itself cuDNN shortens it to ten bits of fraction (TF32), and a forecast on a GPU departs from that on a CPU by a
    thousandth. Where speed matters, in training, bf16 is asked for.
    """
    global _in_full_inside, _shortened
    cudnn: Any = torch.backends.cudnn
    with _lock:
        _in_full_inside += 1
        if _in_full_inside == 1:
            _shortened = cudnn.rnn.fp32_precision, cudnn.conv.fp32_precision
            cudnn.allow_tf32 = False  # both of them: torch refuses to read it where they differ
    try:
        yield
    finally:
        with _lock:
            _in_full_inside -= 1
            if _in_full_inside == 0:
                cudnn.allow_tf32 = _shortened == ("tf32", "tf32")
                for layers, before in zip((cudnn.rnn, cudnn.conv), _shortened, strict=True):
                    if layers.fp32_precision != before:
                        layers.fp32_precision = before


def _denormals_flushed() -> bool:
    """Whether this thread takes denormal numbers for 0; torch cannot be asked."""
    smallest = torch.full((1,), 1e-39, dtype=torch.float32, device="cpu")
    return not bool((smallest * 1.0).view(torch.int32).any())
