"""A model and a version of a data set to a forecast: rows in Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from foretell.ingest.dataset import Dataset
from foretell.service.forecast_rows import ROWS, write_rows
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
    items = 0

    def frames() -> Iterator[pd.DataFrame]:
        nonlocal items
        for piece in model.predict_in_pieces(data, levels=spec.levels, horizon=spec.horizon):
            items += len(piece)
            yield piece.to_frame()

    with new_folder(order.target) as folder:
        key = model.schema.key
        rows = write_rows(folder / ROWS, frames(), key=key, timestamp=model.schema.timestamp)
        item_lists.of_forecast(folder, data.panel, spec.horizon or model.task.horizon)
    levels = model.task.levels if spec.levels is None else spec.levels
    horizon = spec.horizon or model.task.horizon
    return {"items": items, "rows": rows, "horizon": horizon, "levels": list(levels)}
