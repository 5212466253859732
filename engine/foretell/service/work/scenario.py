"""A forecast beside its scenarios: rows, and totals of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.monitoring.score_tables import records
from foretell.service.schemas.planning import ScenarioSpec
from foretell.service.work.order import Order
from foretell.service.work.planned import findings_of, model_and_data, write_table


def run(order: Order) -> Mapping[str, Any]:
    """Forecast the plan as it stands and with changes."""
    spec = ScenarioSpec.model_validate(order.spec)
    model, data = model_and_data(order)
    changes = {name: list(each) for name, each in spec.changes.items()}
    found = model.whatif(data, changes, items=spec.items, levels=spec.levels)
    key = list(map(str, found.baseline.keys.columns))
    rows = write_table(order, found.to_frame(), key=key, timestamp=found.baseline.schema.timestamp)
    told: dict[str, Any] = {"rows": rows, "totals": records(found.totals()), "findings": findings_of(found)}
    if spec.by is not None:
        told["groups"] = records(found.totals(by=spec.by))
    return told
