"""Adjustments of forecasts: applied one after the other, saved by kind, and read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from foretell.errors import ForetellError
from foretell.models.fitted_model import read_model
from foretell.models.fitting import fit_model
from foretell.recipe import adjustments
from foretell.recipe.adjustments import adjustment_from_json, register_adjustment
from foretell.recipe.forecast import Forecast
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import weeks


@dataclass(frozen=True)
class Lift:
    """Adds `by` to every quantile; reads p40 besides."""

    kind: ClassVar[str] = "lift"
    extra_levels: ClassVar[tuple[float, ...]] = (0.4,)
    by: float = 1.0

    def apply(self, forecast: Forecast) -> Forecast:
        assert 0.4 in forecast.levels
        return replace(forecast, quantiles=forecast.quantiles + np.float32(self.by))

    def summary(self) -> Mapping[str, Any]:
        return {"Lift": [{"by": self.by}]}

    def to_json(self) -> dict[str, Any]:
        return {"by": self.by}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Lift:
        return cls(state["by"])


@pytest.fixture(autouse=True)
def _lift_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adjustments, "_KINDS", dict(adjustments._KINDS))
    register_adjustment(Lift)


def test_adjustments_follow_one_another_and_only_the_levels_asked_for_are_returned(tmp_path: Path) -> None:
    plainly = fit_model(make_recipe("seasonal_naive"), weeks(), Task(5), Run())
    model = replace(plainly, adjustments=(Lift(1.0), Lift(2.5)))
    straight, lifted = plainly.forecast(weeks()), model.forecast(weeks())
    assert lifted.levels == straight.levels == (0.1, 0.5, 0.9)
    np.testing.assert_allclose(lifted.quantiles, straight.quantiles + 3.5, rtol=1e-6)
    np.testing.assert_array_equal(lifted.before, straight.quantiles)
    assert list(model.summary()) == ["Lift"]
    model.save(tmp_path / "model")
    again = read_model(tmp_path / "model", Run())
    assert again.adjustments == model.adjustments
    assert again.calibration is None
    np.testing.assert_array_equal(again.forecast(weeks()).quantiles, lifted.quantiles)
    adjustments._KINDS.pop("lift")
    with pytest.raises(ForetellError, match=r"manifest\.json: the model has an adjustment 'lift'"):
        read_model(tmp_path / "model", Run())


def test_a_kind_that_is_not_known_or_is_taken_is_refused() -> None:
    with pytest.raises(ForetellError, match="an adjustment 'magic', which this foretell does not know"):
        adjustment_from_json({"kind": "magic"})
    with pytest.raises(ForetellError, match="two adjustments are called 'lift'"):
        register_adjustment(type("Other", (Lift,), {}))
