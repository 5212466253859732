"""What belongs to the host program is left as it was: a library that trains inside others must not change how they run."""

from __future__ import annotations

import os
import random
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import Any, Final, NamedTuple

# variables that libraries set for themselves when they are imported
_LIBRARIES: Final = ("KMP_", "_RJEM_", "PYTORCH_", "TORCHINDUCTOR_", "PL_")


class _Before(NamedTuple):
    """The state when the first thread came in."""

    modules: int  # imported so far
    environment: dict[str, str]  # the variables of _LIBRARIES
    filters: list[Any]
    draws: Any  # of `random`
    dtype: Any  # torch's default; None where torch was not imported


_lock = Lock()
_inside = 0
_before: _Before | None = None


@contextmanager
def host_state_kept() -> Iterator[None]:
    """Inside, torch has the defaults that our code is written for; afterwards the host's own are back, in every thread.

    Kept are torch's default type and device and its gradient mode, and what libraries change when they are first imported: the
    filters of warnings, the environment, and the state of `random`. Other threads see torch's default type change meanwhile
    where it is not float32.
    """
    _enter()
    try:
        with _torch_as_shipped():
            yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _before
    with _lock:
        _inside += 1
        if _inside > 1:
            return
        torch = sys.modules.get("torch")
        _before = _Before(
            len(sys.modules),
            _library_variables(),
            list(warnings.filters),
            random.getstate(),
            None if torch is None else torch.get_default_dtype(),
        )
        if torch is not None and _before.dtype != torch.float32:
            torch.set_default_dtype(torch.float32)


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside > 0 or _before is None:
            return
        torch = sys.modules.get("torch")
        if torch is not None and _before.dtype is not None and torch.get_default_dtype() != _before.dtype:
            torch.set_default_dtype(_before.dtype)
        if len(sys.modules) > _before.modules:
            _forget_imports(_before)


def _library_variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_LIBRARIES)}


def _forget_imports(before: _Before) -> None:
    """Take back what libraries changed when they were imported."""
    for name in _library_variables():
        if name not in before.environment:
            del os.environ[name]
    os.environ.update(before.environment)  # polars adds to what stands there
    added = [each for each in warnings.filters if each not in before.filters]
    for each in added:
        warnings.filters.remove(each)  # type: ignore[attr-defined]
    random.setstate(before.draws)


@contextmanager
def _torch_as_shipped() -> Iterator[None]:
    """This thread's default device and gradient mode of torch, where it is imported, as they are at first."""
    torch = sys.modules.get("torch")
    with ExitStack() as stack:
        if torch is not None:
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
        yield
