"""The job of CreateForecast, and what what-if forecasts share with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from foretell.errors import ForetellError
from foretell.service.amazon.context import FORECAST_FILE
from foretell.service.amazon.imports import ImportPlan, import_files
from foretell.service.amazon.schemas import DOMAINS, Columns
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import GroupTables, write_tables
from foretell.service.amazon.work.training import MODEL, TABLES
from foretell.workflows.train import load

_GROUP = 100_000  # rows of a row group


def run_forecast(place: Workplace) -> None:
    """The forecast as Parquet."""
    asked = place.parameters
    trained = place.result(asked["predictor"])
    tables = write_tables(place, asked["content"], trained["dimensions"], place.folder / TABLES)
    items = selected(place, asked["selection"], trained)
    write_forecast(place, trained, tables, asked, items=items)
    place.finish(
        **{name: trained[name] for name in ("item", "target", "dimensions", "mean_is_median")},
        types=asked["types"],
        levels=asked["levels"],
        content=asked["content"],
        items=items,
    )


def write_forecast(
    place: Workplace,
    trained: Mapping[str, Any],
    tables: GroupTables,
    asked: Mapping[str, Any],
    *,
    items: Sequence[Any] | None,
) -> None:
    """Forecast from `tables` with the predictor's model, into the folder of the job."""
    model = load(place.of(asked["predictor"]) / MODEL)
    data = model.read(tables.target, related=tables.related, metadata=tables.items)
    levels = sorted({*asked["levels"], *([0.5] if trained["mean_is_median"] or not asked["levels"] else [])})
    pieces = model.predict_in_pieces(data, items=items, levels=levels)
    _write((piece.to_frame() for piece in pieces), place.folder / FORECAST_FILE)


def _write(frames: Iterable[pd.DataFrame], path: Path) -> None:
    writer = None
    try:
        for frame in frames:
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(path, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema), row_group_size=_GROUP)
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ForetellError("there is no item to forecast")


def selected(
    place: Workplace, selection: Mapping[str, Any] | None, trained: Mapping[str, Any]
) -> list[Any] | None:
    """The items that a TimeSeriesSelector lists; None for all. Raises ForetellError for a list without the key."""
    if selection is None:
        return None
    key = [trained["item"], *trained["dimensions"]]
    missing = [name for name in key if name not in selection["names"]]
    if missing:
        raise ForetellError(
            f"the list of time series has no {missing[0]}: its schema must name {', '.join(key)}"
        )
    domain = next(each for each in DOMAINS.values() if each.item == trained["item"])
    columns = Columns(domain, "ITEM_METADATA", dict.fromkeys(selection["names"], "string"))
    file = place.folder / "selection.parquet"
    import_files(place.storage, ImportPlan(selection["url"], columns, selection["format"]), file)
    rows = pq.read_table(file).select(key).to_pylist()
    chosen = [row[key[0]] if len(key) == 1 else [row[name] for name in key] for row in rows]
    return list(chosen)
