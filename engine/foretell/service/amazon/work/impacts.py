"""What each driver adds to a forecast, as a table of impacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model
from foretell.service.amazon.work.place import Workplace

IMPACTS: Final = "impacts.parquet"
MOST_ITEMS: Final = 50  # that are explained where all are asked for


def explain(
    place: Workplace,
    model: Model,
    data: Dataset,
    trained: Mapping[str, Any],
    *,
    items: Sequence[Any] | None = None,
    first: str | None = None,
    last: str | None = None,
) -> None:
    """Write the impacts to the folder of the job, and finish it."""
    chosen = list(items)[:MOST_ITEMS] if items else _some(data, trained)
    explained = model.explain(data, items=chosen)
    frame = _within(explained.to_frame(), explained.schema.timestamp, first, last)
    _impacts(frame, ["item_id", *trained["dimensions"]]).to_parquet(place.folder / IMPACTS, index=False)
    place.finish(item=trained["item"], dimensions=trained["dimensions"], items=len(chosen))


def _some(data: Dataset, trained: Mapping[str, Any]) -> list[Any]:
    keys = data.panel.keys[["item_id", *trained["dimensions"]]].head(MOST_ITEMS)
    rows = keys.itertuples(index=False)
    return [row[0] if len(row) == 1 else list(row) for row in rows]


def _within(frame: pd.DataFrame, timestamp: str, first: str | None, last: str | None) -> pd.DataFrame:
    if first is None or last is None:
        return frame
    inside = frame[timestamp].between(pd.Timestamp(first), pd.Timestamp(last))
    if not inside.any():
        raise ForetellError(f"no step of the forecast lies from {first} to {last}")
    return frame[inside]


def _impacts(frame: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """A row a series, and one for all: each driver's normalized impact from -1 to 1, and its raw one."""
    series = frame.groupby([*key, "driver"], sort=False)["contribution"].sum().unstack("driver").reset_index()
    total = (
        frame.groupby("driver", sort=False)["contribution"]
        .sum()
        .to_frame()
        .T.assign(**dict.fromkeys(key, "Aggregate"))
    )
    table = pd.concat([total, series], ignore_index=True)
    drivers = [name for name in table.columns if name not in key]
    largest = table[drivers].abs().max(axis=1).where(lambda x: x > 0, 1.0)
    found = {name: table[name].astype(str) for name in key}
    for name in drivers:
        found[f"{name}-Normalized Impact Score"] = table[name] / largest
        found[f"{name}-Raw Impact Score"] = table[name]
    return pd.DataFrame(found)
