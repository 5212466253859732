"""Files of resources, away."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from foretell.service.work.order import Order


def run(order: Order) -> Mapping[str, Any]:
    """Remove the folders; those that an earlier child removed are no more."""
    for kind, identifier in order.spec["gone"]:
        folder = order.home.folder(kind, identifier)
        if folder.exists():
            shutil.rmtree(folder)
    return {"gone": len(order.spec["gone"])}
