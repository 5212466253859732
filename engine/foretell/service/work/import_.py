"""Tables to a version of a data set: a saved panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.checks.check import check
from foretell.ingest.dataset import Dataset
from foretell.service.schemas.datasets import ImportSpec
from foretell.service.sources import table_of
from foretell.service.work.order import Order


def run(order: Order) -> Mapping[str, Any]:
    """Read, check and save."""
    spec = ImportSpec.model_validate(order.spec)
    options = spec.options.model_dump(exclude_defaults=True)
    target = [table_of(order.home, each) for each in spec.target]
    data = Dataset(
        target[0] if len(target) == 1 else target,
        related=[table_of(order.home, each) for each in spec.related] or None,
        items=None if spec.items is None else table_of(order.home, spec.items),
        scratch=order.folder,
        **options,
    )
    data.save(order.target, overwrite=True)
    panel, found = data.panel, check(data)
    ends = panel.start + panel.lengths
    return {
        "items": len(panel),
        "rows": dict(data.rows),
        "frequency": panel.frequency.alias,
        "first": str(panel.frequency.spell(int(panel.start.min()))),
        "last": str(panel.frequency.spell(int(ends.max()) - 1)),
        "roles": dict(data.schema.roles),
        "findings": [finding.to_json() for finding in found.findings],
    }
