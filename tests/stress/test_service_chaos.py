"""Jobs of a service whose processes are killed at random moments: none lost, none twice, none half."""

from __future__ import annotations

import contextlib
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

import foretell
from foretell.service import catalogue, jobs
from foretell.service.database import Database, open_database
from foretell.service.home import Home, open_home
from foretell.service.states import FINISHED
from foretell.service.tables import job_events
from service.conftest import empty_postgresql as empty_postgresql
from service.jobs_at_work import children, wait_for
from stress.killed_actions import QUICK, TINY, sales, shop
from stress.scale import SHARE, count, stress
from stress.service_under_fire import Cut, Fire, lock_sqlite

JOBS, KILLS = count(300), max(5, count(100))
AWAY = 35.0 if SHARE >= 1 else 4.0  # seconds without the database
PATIENCE = 7200.0 if SHARE >= 1 else 600.0
KINDS = ("models", "backtests", "forecasts", "datasets")
TRAINED: dict[str, Any] = {"recipe": "mqrnn", "horizon": 3, "settings": TINY}

pytestmark = [
    stress,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are found under /proc"),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config.toml").write_text("lease = 4\nworkers = 1\n")
    return open_home(tmp_path / "home")


class Caller:
    """Asks until it is answered; a repeat carries the key of the first time."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._numbers = itertools.count()

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        key = {"idempotency-key": f"chaos-{next(self._numbers)}"}
        return self._until_answered(lambda: self._client.post(path, json=body, headers=key))

    def upload(self, table: bytes) -> str:
        kind = {"content-type": "text/csv"}
        return str(
            self._until_answered(lambda: self._client.post("uploads", content=table, headers=kind))["id"]
        )

    def _until_answered(self, ask: Callable[[], httpx.Response]) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = ask()
                if answer.status_code < 500:
                    assert answer.is_success, answer.text
                    return dict(answer.json())
            assert time.monotonic() < until, "never answered"
            time.sleep(0.3)


def test_no_job_of_sqlite_is_lost_or_done_twice(home: Home) -> None:
    lock = Path(home.database.removeprefix("sqlite:///"))
    run(home, home.database, lambda: lock_sqlite(lock, AWAY), seed=1)


def test_no_job_of_postgresql_is_lost_or_done_twice(home: Home, empty_postgresql: str) -> None:
    cut = Cut(empty_postgresql)
    try:
        run(home, cut.address, lambda: cut.away(AWAY), seed=2)
    finally:
        cut.close()


def run(home: Home, address: str, away: Callable[[], None], *, seed: int) -> None:
    database, fire = open_database(address), Fire(home, address, seed)
    try:
        client = httpx.Client(base_url=f"http://127.0.0.1:{fire.port}/api/v1", timeout=60)
        with fire.burning(KILLS), in_the_middle(away), client:
            asked = ask_for_jobs(Caller(client), database, random.Random(seed))
        wait_for(lambda: fire.tend() and all(job.state in FINISHED for job in all_jobs(database)), PATIENCE)
        assert fire.stop() == [0, 0]
        assert children(home) == []
        check(home, database, asked)
        assert fire.kills.total() >= KILLS, fire.kills
    finally:
        fire.kill_all()
        database.close()


@contextlib.contextmanager
def in_the_middle(away: Callable[[], None]) -> Iterator[None]:
    thread = threading.Timer(8, away)
    thread.start()
    yield
    thread.join()


def ask_for_jobs(caller: Caller, database: Database, draws: random.Random) -> Counter[str]:
    """Jobs of all kinds, one after the other; how many of each."""
    table = sales().to_csv(index=False).encode()
    asked: Counter[str] = Counter()

    def dataset() -> str:
        asked["datasets"] += 1
        found = caller.post(
            "datasets", name="shop", target={"upload": caller.upload(table)}, options={"freq": "D"}
        )
        return str(found["id"])

    def model(**more: Any) -> str:
        asked["models"] += 1
        return str(caller.post("models", dataset=data, **more)["id"])

    data = dataset()
    active(database, "datasets", data)
    naive = model(recipe="seasonal_naive", horizon=3)
    active(database, "models", naive)
    while asked.total() < JOBS:
        kind = KINDS[asked.total() % len(KINDS)] if asked.total() < 8 else draws.choice(KINDS)
        if kind == "datasets":
            dataset()
        elif kind == "models":
            model(**TRAINED)
        elif kind == "forecasts":
            asked[kind] += 1
            caller.post("forecasts", model=naive)
        else:
            asked[kind] += 1
            caller.post("backtests", dataset=data, recipes=sorted(QUICK), horizon=3, windows=3, refit="every")
    return asked


def check(home: Home, database: Database, asked: Counter[str]) -> None:
    """All that was asked for is there once and whole, and nothing else."""
    expected = shop()
    wanted = foretell.train(expected, **TRAINED).predict().to_frame()
    board = foretell.backtest(expected, horizon=3, recipes=QUICK, windows=3, refit="every", processes=1)
    for job in all_jobs(database):
        assert (job.state, job.owner) == ("ACTIVE", None), job.message
        with database.read() as connection:
            events = select(job_events.c.data).where(
                job_events.c.job_id == job.id, job_events.c.event == "state"
            )
            told = [data["state"] for data in connection.execute(events).scalars()]
        assert Counter(told)["ACTIVE"] == 1, told
        assert not (home.job(job.id) / "work").exists()
    for kind in ("datasets", "models", "backtests", "forecasts"):
        assert len(there(database, kind)) == asked[kind], kind
    for kind, (_, _, work, _) in catalogue.KINDS.items():
        if work is not None:
            folder = home.path / "files" / kind
            found = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
            assert found == sorted(each.id for each in there(database, kind)), kind
    for each in there(database, "models"):
        if each.result["recipe"] == "mqrnn":
            frame = foretell.load(home.folder("models", each.id)).predict(expected).to_frame()
            assert frame.equals(wanted), each.id
    for each in there(database, "backtests"):
        scores = {row["recipe"]: row["wQL"] for row in each.result["leaderboard"] if "wQL" in row}
        mine = dict(zip(board.leaderboard["recipe"], board.leaderboard["wQL"], strict=True))
        assert scores == pytest.approx(mine), each.id


def all_jobs(database: Database) -> list[jobs.Job]:
    with database.read() as connection:
        return list(jobs.find(connection, limit=10_000))


def there(database: Database, kind: str) -> list[catalogue.Resource]:
    with database.read() as connection:
        return list(catalogue.find(connection, kind, limit=10_000).resources)


def active(database: Database, kind: str, identifier: str) -> None:
    def state() -> bool:
        with contextlib.suppress(Exception), database.read() as connection:
            return catalogue.get(connection, kind, identifier).state == "ACTIVE"
        return False

    wait_for(state, PATIENCE)
