"""What drives a forecast: contributions by driver, and impact scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.monitoring.score_tables import records
from foretell.service.schemas.planning import ExplanationSpec
from foretell.service.work.order import Order
from foretell.service.work.planned import findings_of, model_and_data, write_table


def run(order: Order) -> Mapping[str, Any]:
    """Explain the forecast of the model."""
    spec = ExplanationSpec.model_validate(order.spec)
    model, data = model_and_data(order)
    found = model.explain(
        data, items=spec.items, by=spec.by, level=spec.level, permutations=spec.permutations
    )
    key = list(map(str, found.keys.columns))
    rows = write_table(order, found.to_frame(), key=key, timestamp=found.schema.timestamp)
    return {
        "rows": rows,
        "explained": found.explained,
        "impact": records(found.impact()),
        "findings": findings_of(found),
    }
