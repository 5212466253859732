"""`foretell.connect`: the whole way by the client, against a server that listens."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import foretell
from foretell.client.wire import ServerError
from foretell.service.serve import Place, Started
from service.shop import tables


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    started = Started(Place(home=str(tmp_path_factory.mktemp("home")), port=0, workers=1))
    thread = threading.Thread(target=started.run)
    thread.start()
    while not started._server.started:
        time.sleep(0.05)
    yield started.address
    started.stop()
    thread.join()


def test_the_verbs_of_the_library_are_carried_out_by_a_server(address: str, tmp_path: Path) -> None:
    found = tables()
    found["target"].to_csv(tmp_path / "sales.csv", index=False)
    with foretell.connect(address) as server:
        data = server.dataset(
            "shop",
            tmp_path / "sales.csv",
            related=found["related"],
            items=found["items"],
            freq="D",
            known=["promo"],
        )
        assert data.result["items"] == 4
        model = server.train(data, recipe="boosting", horizon=14, settings={"max_steps": 20})
        forecast = model.forecast(levels=[0.5, 0.9])
        frame = forecast.to_frame("cup", levels=[0.9])
        assert list(frame.columns) == ["item_id", "timestamp", "mean", "p90", "model", "final"]
        assert len(forecast.to_frame()) == 4 * 14
        forecast.override("cup", "2024-04-15", "2024-04-15", value=7, comment="closed")
        assert forecast.to_frame("cup")["final"].iloc[0] == 7
        totals = forecast.total(by=["family"]).to_frame()
        assert set(totals["family"]) == {"", "MUG", "BAG"}
        scenario = forecast.whatif({"always": "promo = 1"})
        assert scenario.result["totals"][0]["difference"] > 0
        sent = model.predict(
            found["target"], related=found["related"], metadata=found["items"], levels=[0.9], items=["cup"]
        )
        assert sent["p90"].tolist() == pytest.approx(frame["p90"].tolist(), rel=1e-5)
        board = server.backtest(data, recipes=["seasonal_naive"], horizon=7).leaderboard
        assert board["recipe"].tolist() == ["seasonal_naive"]
        assert [each.id for each in server.models()] == [model.id]
        with pytest.raises(foretell.ForetellError, match="promo"):
            forecast.whatif({"wrong": "prmo = 1"})
        with pytest.raises(ServerError, match="no item 'cap'") as caught:
            forecast.to_frame("cap")
    assert (caught.value.status, caught.value.field) == (404, "item_id")


def test_an_address_that_nobody_listens_at_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.client.wire._PAUSE", 0.0)
    with pytest.raises(foretell.ForetellError, match="does not answer"):
        next(foretell.connect("http://127.0.0.1:9").models())
    with pytest.raises(foretell.ForetellError, match="begins with http"):
        foretell.connect("127.0.0.1:8800")


def test_answers_are_sent_without_waiting_for_more(tmp_path: Path) -> None:
    started = Started(Place(home=str(tmp_path / "home"), port=0, workers=0))
    with started._socket as listening:  # asyncio sets TCP_NODELAY for this protocol alone
        assert listening.proto == socket.IPPROTO_TCP
    started.database.close()
