"""The device that a network trains on, and its random state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
def seeded(run: Run) -> Iterator[None]:
    """Torch's random state and threads as `run` says inside, and memory kept; the host program's own are back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), memory_kept():
        torch.manual_seed(run.seed)
        torch.set_num_threads(run.threads or CPU_THREADS)
        torch.set_flush_denormal(
            True
        )  # gradients that fade through a long LSTM become denormal: ten times slower
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)
