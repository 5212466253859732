"""Forecasts of a model, judged by what has come since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from foretell.ingest.dataset import Dataset
from foretell.monitoring.monitor import monitor
from foretell.service.forecast_rows import ROWS
from foretell.service.schemas.planning import MonitorSpec
from foretell.service.work.order import Order


def run(order: Order) -> Mapping[str, Any]:
    """Judge, and save the page."""
    spec = MonitorSpec.model_validate(order.spec)
    usual = order.spec["links"].get("backtest_id")
    found = monitor(
        str(order.source("model_id", "models")),
        Dataset.open(order.source("version_id", "dataset_versions")),
        [str(order.home.folder("forecasts", each) / ROWS) for each in spec.forecasts],
        backtest=None if usual is None else str(order.home.folder("backtests", usual)),
        by=spec.by,
    )
    found.save(order.target, overwrite=True)
    told: dict[str, Any] = orjson.loads(orjson.dumps(found.to_json()))
    return told
