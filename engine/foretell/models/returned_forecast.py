"""What a recipe returned as a forecast: checked, its oddities said, its arrays by name."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.data.large_values import too_large
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.model_folder import UNFIT, _reason
from foretell.models.saved_model import SavedData
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import first_crossing

logger = logging.getLogger(__name__)

ROUNDING = 1e-6  # of its size, by which a quantile may lie below that of a lower level without a word


def arrays_of(forecast: Forecast) -> dict[str, NDArray[Any]]:
    """The arrays of a forecast that have a row an item, by their fields."""
    arrays = {name: getattr(forecast, name) for name in ("quantiles", "mean", "fallbacks", "before")}
    arrays["margins"] = None if forecast.margins is None else forecast.margins.quantiles
    return {name: values for name, values in arrays.items() if values is not None}


def check_returned(
    recipe: str, forecast: Forecast, panel: Panel, horizon: int, levels: tuple[float, ...]
) -> None:
    """Raises ForetellError when a recipe did not return what it was asked for, naming the first item."""
    wanted = [len(panel), horizon, len(levels)]
    if list(forecast.quantiles.shape) != wanted or forecast.levels != levels:
        raise ForetellError(
            f"{recipe} must forecast quantiles of shape [N={wanted[0]}, H={wanted[1]}, Q={wanted[2]}] at levels"
            f" {list(levels)}, got {list(forecast.quantiles.shape)} at {list(forecast.levels)}"
        )
    finite = np.isfinite(forecast.mean).all(axis=1) & np.isfinite(forecast.quantiles).all(axis=(1, 2))
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        large = too_large(panel)
        if large is not None:
            raise large
        raise ForetellError(
            f"{recipe} made a forecast that is not a finite number for {int((~finite).sum())} of {len(panel)} items,"
            f" first for item {panel.names[first]!r}. Look at its history with foretell.check, or try another recipe."
        )


def say_older(data: SavedData | None, panel: Panel) -> None:
    """Warns of data that end before the training's: the forecast covers steps that the model was trained on."""
    if data is None or not data.last or not len(panel):
        return
    last = int(panel.origin.max()) - 1
    if last < panel.frequency.ordinal(data.last):
        logger.warning(
            "the data end %s, the model was trained on data up to %s: its forecast is of steps that it was trained on. Give"
            " the newest data, or back-test to see how good it is.",
            *(panel.frequency.spell(last), data.last),
        )


def missing_items(data: SavedData | None, panel: Panel) -> tuple[Finding, ...]:
    """A warning of items of the training that newer data lack: they fall out of forecasts and totals. None where it is not known."""
    if data is None or data.names is None:
        return ()
    here = set(map(str, panel.names))
    missing = [name for name in data.names if name not in here]
    if not missing:
        return ()
    new = sorted(here.difference(data.names))
    beside = f"; {len(new):,} are new, first {new[0]!r}" if new else ""
    message = (
        f"{len(missing):,} of the {data.items:,} items that the model was trained on are not in these data, first"
        f" {missing[0]!r}{beside}"
    )
    return (Finding("warning", "missing_items", message, len(missing)),)


def say_crossing(recipe: str, forecast: Forecast, said: set[str]) -> None:
    """Warns, once a model, of a recipe whose quantiles cross by more than rounding: they are sorted after this."""
    where = None if "crossing" in said else first_crossing(forecast, beyond=ROUNDING)
    if where is None:
        return
    said.add("crossing")
    item, step, q = where
    low, high = forecast.quantiles[item, step, q : q + 2]
    logger.warning(
        "%s: its quantiles cross and are sorted; first for item %r, step %d: %.6g at level %g, then %.6g at level %g",
        *(recipe, " / ".join(map(str, forecast.keys.iloc[item])), step + 1),
        *(low, forecast.levels[q], high, forecast.levels[q + 1]),
    )


@contextmanager
def states_fit(folder: str) -> Iterator[None]:
    """What a loaded state raises that does not fit together becomes a ForetellError which names its folder."""
    try:
        yield
    except ForetellError:
        raise
    except UNFIT as error:
        if not folder:
            raise
        raise ForetellError(
            f"{folder} cannot forecast these data: {_reason(error)}. Its files do not fit together, or the data are"
            " too large for this machine. Train the model again."
        ) from error
