"""A service in the tests' own process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from foretell.service.app import make_app
from foretell.service.database import Database, open_database
from foretell.service.home import Home, open_home
from foretell.service.worker import Worker

LOCAL = "http://127.0.0.1:8800"


class Service:
    """An application with a worker that works when it is told to."""

    def __init__(self, home: Home, database: Database, client: TestClient) -> None:
        self.home, self.database, self.client = home, database, client
        self.worker = Worker(home, database)

    def work(self) -> None:
        """Do all jobs that there are."""
        while self.worker.once():
            pass

    def get(self, path: str, **query: Any) -> Any:
        return _good(self.client.get(f"/api/v1/{path}", params=query))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return _good(self.client.post(f"/api/v1/{path}", json=body, headers=headers))

    def upload(self, path: Path) -> str:
        return self.upload_text(path.read_bytes())

    def upload_text(self, text: str | bytes) -> str:
        answer = self.client.post("/api/v1/uploads", content=text, headers={"content-type": "text/csv"})
        return str(_good(answer)["id"])

    def done(self, path: str, body: Any) -> Any:
        """What is made by a POST, once it is ACTIVE."""
        made = self.post(path, body)
        self.work()
        found = self.get(f"{path}/{made['id']}")
        assert found["state"] == "ACTIVE", found["message"]
        return found


def _good(answer: Any) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


@contextmanager
def service_at(folder: Path, database: str | None = None) -> Iterator[Service]:
    home = open_home(folder)
    opened = open_database(database or home.database)
    with TestClient(make_app(home, opened), base_url=LOCAL) as client:
        yield Service(home, opened, client)
    opened.close()
