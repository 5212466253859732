"""A run of a pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.service.pipelines import checked, places_of
from foretell.service.work.order import Order
from foretell.workflows.pipeline import run_pipeline


def run(order: Order) -> Mapping[str, Any]:
    """Run it once, by what its folder keeps; a child that was killed left its rows as they were, or whole."""
    pipeline = checked(order.home, order.spec["toml"])
    return run_pipeline(pipeline, order.target, places_of(order.home)).to_json()
