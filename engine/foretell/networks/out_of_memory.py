"""Out of memory: what that looks like on each device, and a loop that goes on with smaller pieces."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import torch
from torch import Tensor

from foretell.errors import ForetellError
from foretell.system.listener import heed

logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, of the device or of the machine."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    # torch's allocator of main memory raises a plain RuntimeError, as do that of Apple's devices and NVIDIA's libraries
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


_SIGNS: Final = ("can't allocate memory", "out of memory", "alloc_failed", "allocation_failed")


@contextmanager
def short_of_memory(what: str, hint: str) -> Iterator[None]:
    """Running out of memory inside becomes a ForetellError: what did not fit, and a hint at what makes it smaller."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ForetellError(f"{what} does not fit the device's memory. {hint}") from error


def in_pieces(
    items: Tensor, size: int, forecast: Callable[[Tensor], tuple[Tensor, Tensor]], *, hint: str
) -> Iterator[tuple[Tensor, tuple[Tensor, Tensor]]]:
    """Pieces of `items` [N] and what `forecast` makes of each; `size` at a time, fewer once memory has run out.

    Raises ForetellError with `hint`, a way to use less, when not even one item fits.
    """
    first = 0
    while first < len(items):
        heed()
        piece = items[first : first + size]
        made = _attempt(forecast, piece)
        if made is not None:
            yield piece, made
            first += len(piece)
        elif len(piece) == 1:
            raise ForetellError(f"the forecast of a single item does not fit the device's memory. {hint}")
        else:
            size = len(piece) // 2
            logger.warning("out of memory: the forecast goes on with %d items at a time", size)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def _attempt(
    forecast: Callable[[Tensor], tuple[Tensor, Tensor]], piece: Tensor
) -> tuple[Tensor, Tensor] | None:
    """The forecast, or None when memory ran out; the error is gone by then, and with it what its frames held."""
    try:
        return forecast(piece)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None
