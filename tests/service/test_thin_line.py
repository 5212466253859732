"""The whole way once: tables in, a model, a forecast, its rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import foretell
from service.running import Service

SALES = Path(__file__).parents[2] / "data/retail/sales.csv"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    pd.read_csv(SALES, nrows=1476).to_csv(tmp_path / "sales.csv", index=False)  # two items
    return tmp_path / "sales.csv"


def test_a_forecast_of_the_service_is_the_librarys(any_service: Service, sales: Path) -> None:
    service = any_service
    body = {"name": "shop", "target": {"upload": service.upload(sales)}, "options": {"freq": "D"}}
    data = service.post("datasets", body)
    assert data["state"] == "CREATE_PENDING"
    service.work()
    data = service.get(f"datasets/{data['id']}")
    assert (data["state"], data["result"]["items"], data["result"]["frequency"]) == ("ACTIVE", 2, "D")
    asked: dict[str, Any] = {
        "recipe": "ets",
        "horizon": 7,
        "settings": {"time_limit": 600.0},
    }  # a busy machine falls back to another
    model = service.post("models", {"dataset": data["id"], **asked})
    service.work()
    assert service.get(f"models/{model['id']}")["state"] == "ACTIVE"
    forecast = service.post("forecasts", {"model": model["id"]})
    service.work()
    rows = service.get(f"forecasts/{forecast['id']}/rows", item_id="15056N")
    dataset = foretell.Dataset(sales, freq="D")
    expected = foretell.train(dataset, **asked).predict(items=["15056N"]).to_frame()
    assert [row["p50"] for row in rows] == pytest.approx(expected["p50"].tolist(), rel=1e-6)
    assert [row["timestamp"][:10] for row in rows] == [str(day)[:10] for day in expected["timestamp"]]
    states = {job["state"] for job in service.get("jobs")["items"]}
    assert states == {"ACTIVE"}
