"""ForecastTypes: the quantiles and the mean that a caller asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from foretell.service.amazon.algorithms import levels_of
from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import limit_exceeded

DEFAULT_TYPES: Final = ("0.1", "0.5", "0.9")


def checked_types(context: Context, types: Sequence[str]) -> Sequence[str]:
    """Raises LimitExceeded for more forecast types than a forecast may have, InvalidInput for wrong ones."""
    most = context.installation.quotas.forecast_types
    if len(types) > most:
        raise limit_exceeded(f"A forecast has at most {most} forecast types, got {len(types)}.")
    levels_of(types)
    return types
