"""Values near the end of what 32 bits hold: a forecast, or one message that says which item and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError

SETTINGS: dict[str, Any] = {
    "mqrnn": {"hidden_size": 4, "max_steps": 2},
    "boosting": {"max_steps": 2},
    "seasonal_naive": {},
    "ets": {},
}


@pytest.mark.parametrize("largest", [1e20, 3.4e38])
@pytest.mark.parametrize("recipe", SETTINGS)
def test_a_target_too_large_to_compute_with_is_said_by_item(recipe: str, largest: float) -> None:
    days = pd.date_range("2024-01-01", periods=40)
    small = np.arange(40.0) % 7 + 1
    parts = {"small": small, "large": small / 7 * largest}
    table = pd.concat(
        [pd.DataFrame({"item_id": k, "timestamp": days, "target": v}) for k, v in parts.items()]
    )
    data = foretell.Dataset(table, freq="D")
    asked: dict[str, Any] = {"settings": SETTINGS[recipe], "horizon": 3, "device": "cpu", "processes": 1}
    try:
        forecast = foretell.train(data, recipe=recipe, **asked).predict()
    except ForetellError as error:
        said = str(error)
    else:
        said = ""
        assert np.isfinite(forecast.quantiles).all()
    assert not said or "item 'large' holds values as large as" in said
    assert not said or "larger unit" in said
