"""A forecast's sums over groups of items: quantiles from joint paths, and which items each group has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foretell.recipe.item_groups import values_of_items
from foretell.service.forecast_rows import ROWS, write_rows
from foretell.service.schemas.planning import TotalsSpec
from foretell.service.total_overrides import MEMBERS
from foretell.service.work.order import Order
from foretell.service.work.planned import model_and_data
from foretell.system.atomic_files import new_folder

if TYPE_CHECKING:
    from foretell.recipe.forecast import Forecast


_ITEMS: Final = "items"


def run(order: Order) -> Mapping[str, Any]:
    """Forecast once more, which gives the same numbers, and add up."""
    spec = TotalsSpec.model_validate(order.spec)
    model, data = model_and_data(order)
    forecast = model.predict(data, horizon=order.spec.get("horizon"))
    with new_folder(order.target) as folder:
        rows = write_totals(folder, forecast, spec)
    return {"rows": rows, "by": list(spec.by)}


def write_totals(folder: Path, forecast: Forecast, spec: TotalsSpec) -> int:
    """Write the sums of every level and the items of each group; how many sums there are."""
    by = spec.by or ()
    if by:
        tree = forecast.hierarchy(by=by, steps=spec.steps, levels=spec.levels)
        frame = tree.to_frame()
        frame = frame[frame["by"] != _ITEMS]
    else:
        frame = forecast.total(by=[], steps=spec.steps, levels=spec.levels).to_frame()
        frame = frame.drop(columns="item_id").assign(by="all items")
    timestamp = forecast.schema.timestamp
    columns = [
        name for name in dict.fromkeys(part for each in by for part in each.split("/")) if name in frame
    ]
    key = ["by", *columns]
    whole = frame[
        [*key, timestamp, *(c for c in frame.columns if c not in (*key, timestamp, *_keys(forecast, key)))]
    ]
    whole = whole.sort_values(key, kind="stable", ignore_index=True)
    members = forecast.keys.astype(str).reset_index(drop=True)
    for name in columns:
        members[name] = values_of_items(forecast.keys, forecast.history, name)
    members.to_parquet(folder / MEMBERS, index=False)
    return write_rows(folder / ROWS, [whole], key=key, timestamp=timestamp)


def _keys(forecast: Forecast, key: Sequence[str]) -> list[str]:
    """Parts of the items' key that are none of the groups'."""
    return [str(name) for name in forecast.keys.columns if name not in key]
