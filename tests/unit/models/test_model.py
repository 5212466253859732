"""`fit_model`, `Model` and the library's front door."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.item_lookup import find_items
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import State
from foretell.recipe.task import Run, Task
from foretell.workflows.train import train

HISTORIES: tuple[list[float], ...] = ([1.0, 2.0, 3.0], [5.0, np.nan], [])


def panel_of(*histories: Sequence[float], **changes: Any) -> Panel:
    lengths = np.array([len(history) for history in histories])
    panel = Panel(
        keys=pd.DataFrame({"item_id": [f"shoe-{i}" for i in range(len(histories))]}),
        start=100 - lengths,
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        origin=np.full(len(histories), 100),
        target=np.concatenate([np.asarray(h, np.float32) for h in histories]),
        known=np.zeros((lengths.sum(), 0), np.float32),
        past=np.zeros((lengths.sum(), 0), np.float32),
        static_real=np.zeros((len(histories), 0), np.float32),
        static_cat=np.zeros((len(histories), 0), np.int32),
        future=0,
        schema=Schema(),
    )
    return replace(panel, **changes)


@dataclass(frozen=True)
class Constant:
    """Forecasts `value` + level."""

    name: ClassVar[str] = "constant"
    value: float = 0.0
    spoil: int | None = None  # the item whose forecast is not a number

    def fit(self, panel: Panel, task: Task, run: Run) -> Constant:
        return self

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Constant:
        return self

    def state(self) -> State:
        return {}, {}

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        quantiles = self.value + np.broadcast_to(np.asarray(levels), (len(panel), 2, len(levels))).copy()
        if self.spoil is not None:
            quantiles[self.spoil, 1, 0] = np.nan
        return Forecast.build(panel, levels, quantiles, quantiles.mean(axis=-1))


def fit(recipe: Constant, panel: Panel, horizon: int = 2) -> FittedModel:
    return fit_model(recipe, panel, Task(horizon), Run())


def test_levels_are_those_of_the_task_unless_others_are_asked() -> None:
    model = fit(Constant(7), panel_of(*HISTORIES))
    assert model.predict().levels == (0.1, 0.5, 0.9)
    assert model.predict(levels=[0.7, 0.25]).levels == (0.25, 0.7)


def test_data_without_a_negative_value_put_a_floor_under_the_forecast() -> None:
    assert fit(Constant(-5), panel_of(*HISTORIES)).predict().quantiles.max() == 0
    assert fit(Constant(-5), panel_of([1.0, -1.0])).predict().quantiles.max() < 0


def test_the_floor_does_not_look_beyond_the_origin() -> None:
    panel = panel_of([1.0, 2.0, 3.0, -9.0], [4.0, 4.0, 4.0, 4.0])
    assert fit(Constant(), panel).floor is None
    assert fit(Constant(), replace(panel, origin=panel.origin - 1)).floor == 0.0


def test_a_forecast_that_is_no_number_names_the_first_item() -> None:
    model = fit(Constant(spoil=1), panel_of(*HISTORIES))
    with pytest.raises(ForetellError, match="not a finite number for 1 of 3 items, first for item 'shoe-1'"):
        model.predict()


def test_a_forecast_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ForetellError, match=r"shape \[N=1, H=3, Q=27\].*got \[1, 2, 27\]"):
        fit(Constant(), panel_of([1.0, 2.0, 3.0]), horizon=3).predict()


def test_a_horizon_longer_than_every_history_is_refused_before_training() -> None:
    with pytest.raises(ForetellError, match="horizon is 4 steps, but the longest history has 3"):
        fit(Constant(), panel_of(*HISTORIES), horizon=4)
    assert fit(Constant(), panel_of(*HISTORIES), horizon=3).task.horizon == 3


def test_items_are_picked_by_name_each_once_in_the_order_asked() -> None:
    forecast = fit(Constant(), panel_of(*HISTORIES)).predict(items=["shoe-2", "shoe-0", "shoe-2"])
    assert list(forecast.keys["item_id"]) == ["shoe-2", "shoe-0"]


def test_an_unknown_item_offers_the_nearest_name() -> None:
    with pytest.raises(ForetellError, match=r"no item 'shoe2' in the data\. Did you mean 'shoe-2'\?"):
        fit(Constant(), panel_of(*HISTORIES)).predict(items=["shoe-0", "shoe2"])


def test_an_item_with_dimensions_is_a_tuple_and_its_id_alone_means_all_of_them() -> None:
    keys = pd.DataFrame({"item_id": ["a", "a", "b"], "store": ["1", "2", "1"]})
    assert find_items(keys, [("a", "2")]).tolist() == [1]
    assert find_items(keys, ["a"]).tolist() == [0, 1]
    with pytest.raises(ForetellError, match="no item 'b / 2'"):
        find_items(keys, [("b", "2")])
    with pytest.raises(ForetellError, match="has 3 parts, but an item's key has 2"):
        find_items(keys, [("b", "2", "x")])


@pytest.mark.parametrize("items", [[], "shoe-0"])
def test_items_must_be_a_list_with_something_in_it(items: Any) -> None:
    with pytest.raises(ForetellError, match="items must be a list"):
        fit(Constant(), panel_of(*HISTORIES)).predict(items=items)


def test_after_loading_predict_says_that_it_needs_data() -> None:
    model = replace(fit(Constant(), panel_of(*HISTORIES)), panel=None)
    with pytest.raises(ForetellError, match=r"holds no data.*model\.predict\(data\)"):
        model.predict()


def test_a_bare_table_instead_of_a_dataset_is_explained() -> None:
    with pytest.raises(ForetellError, match=r"must be a foretell\.Dataset, got DataFrame"):
        train(pd.DataFrame(), horizon=3)  # type: ignore[arg-type]


def test_newer_data_are_read_with_the_columns_and_categories_of_the_training() -> None:
    days = pd.date_range("2024-01-01", periods=6)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": range(6)})
    items = pd.DataFrame({"item_id": ["a", "b"], "family": ["bag", "mug"]})
    model = train(foretell.Dataset(sales, items=items, freq="D"), recipe=Constant(), horizon=2)
    newer = pd.concat([sales, sales.assign(item_id="c", timestamp=days + pd.Timedelta(days=6))])
    forecast = model.predict(
        foretell.Dataset(newer, items=items.assign(item_id=["a", "c"]), freq="D"), items=["c"]
    )
    assert forecast.history is not None
    assert forecast.history.schema == model.schema
    assert forecast.to_frame()["timestamp"].tolist() == [
        pd.Timestamp("2024-01-13"),
        pd.Timestamp("2024-01-14"),
    ]


def test_importing_foretell_loads_neither_torch_nor_pandas() -> None:
    code = "import sys, foretell; print([m for m in ('torch', 'statsforecast', 'pandas', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there_and_a_misspelt_one_is_an_attribute_error() -> None:
    for name in foretell.__all__:
        assert getattr(foretell, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        foretell.trian  # noqa: B018


@pytest.mark.slow
def test_backtest_stays_the_function_when_its_module_is_imported() -> None:
    code = "import foretell.workflows.backtest, foretell.workflows.evaluate, foretell.checks.check, foretell as f; print(f.backtest, f.evaluate, f.check)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("<function") == 3
