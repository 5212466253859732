"""Forecasts of history that comes with the request, and what happens to jobs as it happens."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import foretell
from service.running import Service, service_at


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service_at(tmp_path_factory.mktemp("inline") / "home") as found:
        yield found


@pytest.fixture(scope="module")
def history() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=70).strftime("%Y-%m-%d")
    rows = [
        (name, day, at % 7 + size) for name, size in (("mug", 3), ("cup", 9)) for at, day in enumerate(days)
    ]
    return pd.DataFrame(rows, columns=["item_id", "timestamp", "target"])


@pytest.fixture(scope="module")
def model(service: Service, history: pd.DataFrame) -> str:
    upload = service.upload_text(history.to_csv(index=False))
    data = service.done("datasets", {"name": "s", "target": {"upload": upload}, "options": {"freq": "D"}})
    made = service.done("models", {"dataset": data["id"], "recipe": "seasonal_naive", "horizon": 7})
    return str(made["id"])


@pytest.fixture(scope="module")
def expected(service: Service, model: str, history: pd.DataFrame) -> pd.DataFrame:
    newer = history[history["timestamp"] < "2024-03-01"]
    return foretell.load(service.home.folder("models", model)).predict(newer).to_frame()


def test_an_inline_forecast_is_the_librarys(
    service: Service, model: str, history: pd.DataFrame, expected: pd.DataFrame
) -> None:
    newer = history[history["timestamp"] < "2024-03-01"]
    path = f"/api/v1/models/{model}/predict"
    rows = service.post(f"models/{model}/predict", {"target": newer.to_dict("records")})
    assert [row["p90"] for row in rows] == pytest.approx(expected["p90"].tolist(), rel=1e-6)
    assert rows[0]["timestamp"] == "2024-03-01T00:00:00"
    sink = pa.BufferOutputStream()
    table = pa.Table.from_pandas(newer, preserve_index=False)
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    kind = "application/vnd.apache.arrow.stream"
    answer = service.client.post(
        path,
        content=sink.getvalue().to_pybytes(),
        params={"levels": "0.9", "horizon": 3},
        headers={"content-type": kind, "accept": kind},
    )
    found = pa.ipc.open_stream(answer.content).read_pandas()
    assert list(found.columns) == ["item_id", "timestamp", "mean", "p90"]
    assert len(found) == 6


def test_the_open_inference_protocol_gives_the_same_forecast(
    service: Service, model: str, history: pd.DataFrame, expected: pd.DataFrame
) -> None:
    assert service.client.get("/v2/health/ready").json() == {"ready": True}
    told = service.client.get(f"/v2/models/{model}").json()
    assert [each["name"] for each in told["outputs"]] == ["item_id", "timestamp", "mean", "p10", "p50", "p90"]
    newer = history[history["timestamp"] < "2024-03-01"]
    kinds = {"item_id": "BYTES", "timestamp": "BYTES", "target": "FP64"}
    inputs = [
        {"name": name, "shape": [len(newer)], "datatype": kind, "data": newer[name].tolist()}
        for name, kind in kinds.items()
    ]
    answer = service.client.post(f"/v2/models/{model}/infer", json={"id": "7", "inputs": inputs}).json()
    assert answer["id"] == "7"
    outputs = {each["name"]: each["data"] for each in answer["outputs"]}
    assert outputs["p10"] == pytest.approx(expected["p10"].tolist(), rel=1e-6)
    inputs[0]["shape"] = [3]
    wrong = service.client.post(f"/v2/models/{model}/infer", json={"inputs": inputs})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "inputs.item_id")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"target": []}, 422, "target"),
        ({"target": [{"item_id": "mug", "timestamp": "soon", "target": 3}]}, 422, "timestamp"),
        ({"target": [{"item_id": "mug", "timestamp": "2024-01-01", "target": [1]}]}, 422, "target"),
        ({"target": [{"item_id": 1, "target": 1}, {"item_id": "b", "target": 1}]}, 422, "several types"),
    ],
)
def test_history_that_cannot_be_read_is_refused_with_a_sentence(
    service: Service, model: str, body: Any, status: int, says: str
) -> None:
    answer = service.client.post(f"/api/v1/models/{model}/predict", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert says in answer.json()["detail"]


def test_an_arrow_stream_that_is_damaged_at_any_place_is_refused_or_read(
    service: Service, model: str, history: pd.DataFrame
) -> None:
    table = pa.Table.from_pandas(history, preserve_index=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    whole = bytearray(sink.getvalue().to_pybytes())
    kind = {"content-type": "application/vnd.apache.arrow.stream"}
    for at in range(0, len(whole), len(whole) // 40):
        damaged = bytes(whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :])
        answer = service.client.post(f"/api/v1/models/{model}/predict", content=damaged, headers=kind)
        assert answer.status_code in (200, 422), answer.text


def test_a_child_that_is_killed_is_told_and_the_next_request_starts_another(
    service: Service, model: str, history: pd.DataFrame
) -> None:
    body = {"target": history.to_dict("records")}
    service.post(f"models/{model}/predict", body)
    warm = service.client.app.state.server.warm  # type: ignore[attr-defined]
    first = warm.pid
    service.post(f"models/{model}/predict", body)
    assert warm.pid == first  # it was kept
    os.kill(first, signal.SIGKILL)
    codes = [service.client.post(f"/api/v1/models/{model}/predict", json=body).status_code for _ in range(2)]
    assert codes[-1] == 200
    assert warm.pid not in (None, first)
    warm.close()
    assert not Path(f"/proc/{first}").exists() or warm.pid is None


def test_events_of_a_job_come_in_order_and_end_with_it(service: Service, model: str) -> None:
    job = service.get(f"models/{model}")["job"]
    text = service.client.get(f"/api/v1/jobs/{job}/events").text
    blocks = [block.splitlines() for block in text.split("\n\n") if block]
    numbers = [int(block[0].removeprefix("id: ")) for block in blocks]
    assert numbers == list(range(1, len(blocks) + 1))
    states = [json.loads(block[2][6:])["state"] for block in blocks if block[1] == "event: state"]
    assert states == ["CREATE_PENDING", "CREATE_IN_PROGRESS", "ACTIVE"]
    later = service.client.get(f"/api/v1/jobs/{job}/events", headers={"last-event-id": str(numbers[-2])}).text
    assert later.count("id: ") == 1


def test_appended_rows_come_after_those_that_are_there(service: Service, history: pd.DataFrame) -> None:
    early = history["timestamp"] < "2024-03-01"
    parts = [service.upload_text(history[part].to_csv(index=False)) for part in (early, ~early)]
    body = {"name": "grown", "target": {"upload": parts[0]}, "options": {"freq": "D"}}
    data = service.done("datasets", body)
    asked = {"target": {"upload": parts[1]}, "mode": "append"}
    version = service.post(f"datasets/{data['id']}/versions", asked)
    service.work()
    found = service.get(f"datasets/{data['id']}/versions/{version['id']}")
    assert (found["state"], found["number"], found["message"]) == ("ACTIVE", 2, "")
    assert (found["result"]["first"], found["result"]["last"]) == ("2024-01-01", history["timestamp"].max())


def test_more_requests_than_a_key_may_send_are_refused(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config.toml").write_text("[limits]\nrequests = 3\n")
    with service_at(tmp_path / "home") as service:
        codes = [service.client.get("/api/v1/jobs").status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
