"""What is made from a forecast: totals, overrides, scenarios, explanations, monitors; and its rows in every form."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import foretell
from service.running import Service
from service.shop import FIRST, Shop, open_shop, sources, tables


@pytest.fixture(scope="module")
def shop_and_service(tmp_path_factory: Any) -> Any:
    from service.running import service_at

    with service_at(tmp_path_factory.mktemp("shop") / "home") as service:
        yield open_shop(service), service


@pytest.fixture
def shop(shop_and_service: Any) -> Shop:
    found: Shop = shop_and_service[0]
    return found


@pytest.fixture
def service(shop_and_service: Any) -> Service:
    found: Service = shop_and_service[1]
    return found


def library(service: Service, shop: Shop) -> tuple[foretell.Model, foretell.Dataset]:
    """The same model and data, opened by the library."""
    version = service.get(f"datasets/{shop.data}")["version_id"]
    data = foretell.Dataset.open(service.home.folder("dataset_versions", version))
    return foretell.load(service.home.folder("models", shop.model)), data


def test_rows_come_as_json_csv_arrow_and_parquet_with_the_same_numbers(service: Service, shop: Shop) -> None:
    path, query = f"/api/v1/forecasts/{shop.forecast}/rows", {"item_id": "cup", "start": "2024-04-20"}
    found = {
        kind: service.client.get(path, params=query, headers={"accept": kind}).content
        for kind in (
            "application/json",
            "text/csv",
            "application/vnd.apache.arrow.stream",
            "application/vnd.apache.parquet",
        )
    }
    json, csv, arrow, parquet = found.values()
    frames = [
        pd.read_json(io.BytesIO(json)),
        pd.read_csv(io.BytesIO(csv)),
        pa.ipc.open_stream(arrow).read_pandas(),
        pq.read_table(io.BytesIO(parquet)).to_pandas(),
    ]
    assert [len(frame) for frame in frames] == [9] * 4  # 20 to 28 April
    for frame in frames:
        assert frame["p50"].tolist() == pytest.approx(frames[2]["p50"].tolist(), rel=1e-6)
        assert list(frame.columns) == [
            *("item_id", "timestamp", "mean", "p10", "p50", "p90", "model", "final")
        ]


def test_rows_of_all_items_come_in_parts_that_are_the_whole(service: Service, shop: Shop) -> None:
    path, rows, token = f"/api/v1/forecasts/{shop.forecast}/rows", [], None
    while True:
        answer = service.client.get(path, params={"limit": 15, **({"token": token} if token else {})})
        rows += answer.json()
        token = answer.headers.get("x-next-token")
        if token is None:
            break
    assert [row["item_id"] for row in rows] == [i for i in ("bag", "cup", "hat", "mug") for _ in range(14)]
    model, data = library(service, shop)
    expected = model.predict(data).to_frame().sort_values(["item_id", "timestamp"])
    assert [row["mean"] for row in rows] == pytest.approx(expected["mean"].tolist(), rel=1e-6)


@pytest.mark.parametrize(
    ("query", "status", "field"),
    [
        ({"item_id": "mgu"}, 404, "item_id"),
        ({"item_id": "mug", "levels": "0.3"}, 422, "levels"),
        ({"item_id": "mug", "start": "tomorrow"}, 422, "start"),
        ({"item_id": "mug", "dimension": "store=3"}, 422, "dimension.store"),
        ({"token": "nonsense"}, 422, "token"),
    ],
)
def test_rows_that_cannot_be_are_refused_by_the_part_at_fault(
    service: Service, shop: Shop, query: dict[str, str], status: int, field: str
) -> None:
    answer = service.client.get(f"/api/v1/forecasts/{shop.forecast}/rows", params=query)
    assert (answer.status_code, answer.json()["field"]) == (status, field)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_override_moves_the_items_final_and_the_totals_by_as_much(service: Service, shop: Shop) -> None:
    totals = service.done("totals", {"forecast": shop.forecast, "by": ["family"]})
    path = f"totals/{totals['id']}/rows"
    before = service.get(path)
    base = {row["timestamp"]: row for row in service.get(f"forecasts/{shop.forecast}/rows", item_id="cup")}
    change = {"item": {"item_id": "cup"}, "first": "2024-04-16", "last": "2024-04-17", "comment": "fair"}
    body = {"forecast": shop.forecast, "overrides": [{**change, "percent": 50}, {**change, "value": 100}]}
    made = service.post("overrides", body)["items"]
    rows = service.get(f"forecasts/{shop.forecast}/rows", item_id="cup")
    assert [row["final"] for row in rows[1:3]] == [100, 100]  # the newest counts
    assert all(row["final"] == row["model"] for row in (rows[0], *rows[3:]))
    moved = {row["timestamp"]: 100 - base[row["timestamp"]]["mean"] for row in rows[1:3]}
    for old, new in zip(before, service.get(path), strict=True):
        mine = new["by"] == "all items" or new["family"] == "MUG"
        by = moved.get(new["timestamp"], 0) if mine else 0
        assert new["final"] - old["final"] == pytest.approx(by)
    for each in made:
        service.client.delete(f"/api/v1/overrides/{each['id']}").raise_for_status()
    assert service.get("overrides", forecast=shop.forecast) == {"items": [], "next": None}
    assert service.get(path) == before


def test_an_override_of_no_step_or_item_is_refused(service: Service, shop: Shop) -> None:
    change: dict[str, Any] = {
        "item": {"item_id": "cup"},
        "first": "2030-01-01",
        "last": "2030-01-02",
        "value": 1,
    }
    for other, status in ({"item": {"item_id": "cap"}}, 404), ({}, 422), ({"percent": 3}, 422):
        body = {"forecast": shop.forecast, "overrides": [{**change, **other}]}
        answer = service.client.post("/api/v1/overrides", json=body)
        assert answer.status_code == status, answer.text


def test_totals_are_the_librarys(service: Service, shop: Shop) -> None:
    totals = service.done("totals", {"forecast": shop.forecast, "by": ["family"], "levels": [0.5, 0.9]})
    found = pd.DataFrame(service.get(f"totals/{totals['id']}/rows"))
    model, data = library(service, shop)
    tree = model.predict(data).hierarchy(by=["family"], levels=[0.5, 0.9]).to_frame()
    expected = tree[tree["by"] == "family"].sort_values("family", kind="stable")
    mine = found[found["by"] == "family"]
    assert mine["p90"].tolist() == pytest.approx(expected["p90"].tolist(), rel=1e-6)
    whole = service.done("totals", {"forecast": shop.forecast})
    assert len(service.get(f"totals/{whole['id']}/rows")) == 14


def test_a_scenario_is_the_librarys(service: Service, shop: Shop) -> None:
    change = "promo = 1 where family = 'MUG'"
    asked = {"forecast": shop.forecast, "changes": {"all": [change]}, "by": "family"}
    scenario = service.done("scenarios", asked)
    model, data = library(service, shop)
    expected = model.whatif(data, {"all": change})
    difference = expected.totals()["difference"].item()
    assert scenario["result"]["totals"][0]["difference"] == pytest.approx(difference)
    rows = service.get(f"scenarios/{scenario['id']}/rows", item_id="cup")
    assert {row["scenario"] for row in rows} == {"baseline", "all"}


def test_a_scenario_that_the_library_refuses_fails_with_its_sentence(service: Service, shop: Shop) -> None:
    made = service.post("scenarios", {"forecast": shop.forecast, "changes": {"x": ["prmo = 1"]}})
    service.work()
    found = service.get(f"scenarios/{made['id']}")
    assert found["state"] == "CREATE_FAILED"
    assert "prmo" in found["message"]
    assert "promo" in found["message"]


def test_an_explanation_is_the_librarys(service: Service, shop: Shop) -> None:
    found = service.done("explanations", {"forecast": shop.forecast, "items": ["cup"], "permutations": 4})
    model, data = library(service, shop)
    expected = model.explain(data, items=["cup"], permutations=4)
    impact = {row["driver"]: row["contribution"] for row in found["result"]["impact"]}
    for row in expected.impact().to_dict("records"):
        assert impact[row["driver"]] == pytest.approx(row["contribution"], abs=1e-6)
    rows = service.get(f"explanations/{found['id']}/rows", item_id="cup")
    assert len(rows) == 14 * len(expected.names)


def test_a_monitor_judges_the_forecasts_once_actuals_are_there(service: Service, shop: Shop) -> None:
    later = tables()
    plan = later["related"]
    days = plan[plan["timestamp"] >= FIRST]
    later["target"] = pd.concat(
        [later["target"], days[["item_id", "timestamp"]].assign(target=20 + 10 * days["promo"])]
    )
    body = {**sources(service, later), "options": {"freq": "D", "known": ["promo"]}}
    service.post(f"datasets/{shop.data}/versions", body)
    service.work()
    found = service.done("monitors", {"model": shop.model, "by": ["family"]})
    assert found["result"]["verdict"] in ("fine", "watch", "retrain")
    assert found["result"]["runs"][0]["origin"] == FIRST
