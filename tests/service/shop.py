"""A small shop whose model and forecast the tests of the API go on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from service.running import Service

DAYS = pd.date_range("2024-01-01", "2024-04-28")
FIRST = "2024-04-15"  # of the forecast


@dataclass(frozen=True)
class Shop:
    """Identifiers of what a service holds."""

    data: str
    model: str
    forecast: str


def tables() -> dict[str, pd.DataFrame]:
    """Four items of two families for 15 weeks, with a promotion that is planned for two more."""
    items = pd.DataFrame(
        {"item_id": ["mug", "cup", "bag", "hat"], "family": ["MUG", "MUG", "BAG", "BAG"]}
    )  # not in the order of their names
    rng = np.random.default_rng(1)
    plan = pd.DataFrame(
        [(i, day) for i in items["item_id"] for day in DAYS], columns=["item_id", "timestamp"]
    )
    plan["promo"] = rng.integers(0, 2, len(plan))
    past = plan[plan["timestamp"] < FIRST]
    noise = rng.poisson(3, len(past))
    sales = past[["item_id", "timestamp"]].assign(target=20 + 10 * past["promo"] + noise)
    return {"target": sales, "related": plan, "items": items}


def sources(service: Service, found: dict[str, pd.DataFrame] | None = None) -> dict[str, Any]:
    """The tables as a service has them, uploaded."""
    sent = {
        name: {"upload": service.upload_text(table.to_csv(index=False))}
        for name, table in (found or tables()).items()
    }
    return {"target": sent["target"], "related": [sent["related"]], "items": sent["items"]}


def open_shop(service: Service, recipe: str = "boosting") -> Shop:
    """Import, train and forecast, all of it by the service."""
    body = {"name": "shop", **sources(service), "options": {"freq": "D", "known": ["promo"]}}
    data = service.post("datasets", body)["id"]
    service.work()
    asked = {"dataset": data, "recipe": recipe, "horizon": 14}
    if recipe == "boosting":
        asked["settings"] = {"max_steps": 20}
    model = service.post("models", asked)["id"]
    service.work()
    forecast = service.post("forecasts", {"model": model})["id"]
    service.work()
    assert service.get(f"forecasts/{forecast}")["state"] == "ACTIVE", service.get("jobs")
    return Shop(data, model, forecast)
