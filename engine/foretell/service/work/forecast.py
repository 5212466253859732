"""A model and a version of a data set to a forecast: rows in Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.ingest.dataset import Dataset
from foretell.service.forecast_rows import ROWS
from foretell.service.schemas.forecasts import ForecastSpec
from foretell.service.work import item_lists
from foretell.service.work.order import Order
from foretell.system.atomic_files import new_folder
from foretell.workflows.train import load


def run(order: Order) -> Mapping[str, Any]:
    """Forecast all items into one file, items one after the other."""
    spec = ForecastSpec.model_validate(order.spec)
    model = load(order.source("model_id", "models"))
    data = Dataset.open(order.source("version_id", "dataset_versions"))
    with new_folder(order.target) as folder:
        items = model.predict_to(folder / ROWS, data, levels=spec.levels, horizon=spec.horizon)
        item_lists.of_forecast(folder, data.panel, spec.horizon or model.task.horizon)
    levels = model.task.levels if spec.levels is None else spec.levels
    return {"items": items, "horizon": spec.horizon or model.task.horizon, "levels": list(levels)}
