"""The work of the Amazon-compatible endpoint; `amazon.work` has it, a function a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.registry import WORK
from foretell.service.work.order import Order


def run(order: Order) -> Mapping[str, Any]:
    """Do what a call asked for; the resource's own folder says what came of it."""
    settings = order.home.config.amazon
    place = Workplace(
        order.target.parent,
        Storage(settings.root, settings.buckets),
        order.spec["parameters"],
        settings.auto_time_limit,
    )
    place.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    WORK[order.spec["call"]](place)
    return {}
