"""The jobs of explainabilities: what each driver adds to a forecast, and its export."""

from __future__ import annotations

import pandas as pd

from foretell.service.amazon.exports import write_parts
from foretell.service.amazon.work.forecasting import selected
from foretell.service.amazon.work.impacts import IMPACTS, explain
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import write_tables
from foretell.service.amazon.work.training import MODEL, TABLES
from foretell.workflows.train import load


def run_explainability(place: Workplace) -> None:
    """The impact of each driver, in total and a row a series."""
    asked = place.parameters
    trained = place.result(asked["predictor"])
    forecast = {} if asked["forecast"] is None else place.result(asked["forecast"])
    model = load(place.of(asked["predictor"]) / MODEL)
    if forecast:
        tables = write_tables(place, forecast["content"], trained["dimensions"], place.folder / TABLES)
        target, related, items = tables.target, tables.related, tables.items
    else:
        folder = place.of(asked["predictor"]) / TABLES
        target, related, items = (
            folder / name for name in ("target.parquet", "related.parquet", "items.parquet")
        )
        related, items = (each if each.exists() else None for each in (related, items))
    data = model.read(target, related=related, metadata=items)
    chosen = selected(place, asked["selection"], trained) or forecast.get("items")
    explain(place, model, data, trained, items=chosen, first=asked["first"], last=asked["last"])


def run_export(place: Workplace) -> None:
    """One file."""
    asked = place.parameters
    said = place.result(asked["explainability"])
    frame = pd.read_parquet(place.of(asked["explainability"]) / IMPACTS).rename(
        columns={"item_id": said["item"]}
    )
    place.finish(
        files=write_parts(place.storage, asked["url"], asked["name"], [frame], format=asked["format"])
    )
