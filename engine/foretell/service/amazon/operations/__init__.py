"""The calls, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from foretell.service.amazon.context import Context
from foretell.service.amazon.operations import (
    datasets,
    explainability,
    forecasts,
    general,
    monitors,
    predictors,
    queries,
    whatif,
)

Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any] | None]

OPERATIONS: Final[Mapping[str, Handler]] = {
    **datasets.OPERATIONS,
    **predictors.OPERATIONS,
    **forecasts.OPERATIONS,
    **whatif.OPERATIONS,
    **explainability.OPERATIONS,
    **monitors.OPERATIONS,
    **general.OPERATIONS,
    **queries.OPERATIONS,
}
