"""Rows of one item among a million of a stored forecast: at the server, and at so many requests a second from a client."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import pandas as pd

from foretell.service import catalogue
from foretell.service.database import open_database
from foretell.service.forecast_rows import ROWS, read_rows, write_rows
from foretell.service.home import open_home
from foretell.service.row_formats import rows_answer

HORIZON: Final = 28
_AT_A_TIME: Final = 8192
_PORT: Final = 8898


def main(rows: int = 1_000_000, seconds: int = 20, a_second: int = 50) -> None:
    """Print the figures."""
    items = rows // HORIZON
    with tempfile.TemporaryDirectory() as name:
        home = open_home(Path(name) / "home")
        database = open_database(home.database)
        with database.begin() as connection:
            links = {"model_id": "mdl_x", "version_id": "dsv_x"}
            made = _active(connection, links)
        folder = home.folder("forecasts", made)
        folder.mkdir(parents=True)
        write_rows(folder / ROWS, _frames(items), key=["item_id"], timestamp="timestamp")
        asked = [f"item-{k:07d}" for k in np.random.default_rng(0).integers(0, items, 2000)]
        print(f"{rows:,} rows, {(folder / ROWS).stat().st_size / 1e6:.0f} MB")
        _show("read and written, in the process", [_timed(folder, item) for item in asked])
        database.close()
        command = [sys.executable, "-m", "foretell", "serve", "--home", str(home.path), "--port", str(_PORT)]
        server = subprocess.Popen([*command, "--workers", "0"], stdout=subprocess.DEVNULL)
        try:
            _show(f"answered, {a_second} a second", _asked(made, asked, seconds, a_second))
        finally:
            server.terminate()
            server.wait()


def _active(connection: object, links: dict[str, str]) -> str:
    from sqlalchemy import insert

    from foretell.service.identifiers import new_id
    from foretell.service.tables import forecasts, now

    identifier = new_id("fc")
    values = {"id": identifier, "name": "rows", "state": "ACTIVE", "spec": {}, "result": {}, **links}
    connection.execute(  # type: ignore[attr-defined]
        insert(forecasts).values(created_at=now(), updated_at=now(), created_by="local", **values)
    )
    assert catalogue.get(connection, "forecasts", identifier).id == identifier  # type: ignore[arg-type]
    return identifier


def _frames(items: int) -> Iterator[pd.DataFrame]:
    rng, days = np.random.default_rng(0), pd.date_range("2024-04-15", periods=HORIZON)
    for first in range(0, items, _AT_A_TIME):
        names = [f"item-{k:07d}" for k in range(first, min(first + _AT_A_TIME, items))]
        frame = pd.DataFrame({"item_id": np.repeat(names, HORIZON), "timestamp": np.tile(days, len(names))})
        values = np.sort(rng.gamma(2, 3, (len(frame), 3)).astype(np.float32), axis=1)
        frame["mean"] = values[:, 1]
        yield frame.assign(p10=values[:, 0], p50=values[:, 1], p90=values[:, 2])


def _timed(folder: Path, item: str) -> float:
    began = time.perf_counter()
    rows_answer(read_rows(folder, item=item), "json")
    return time.perf_counter() - began


def _asked(forecast: str, items: Sequence[str], seconds: int, a_second: int) -> list[float]:
    """Seconds from when a request was due to its answer: one that waits for those before it counts so."""
    found = []
    with httpx.Client(base_url=f"http://127.0.0.1:{_PORT}") as client:
        while True:
            try:
                if client.get("/readyz").is_success:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        began = time.perf_counter()
        for number in range(seconds * a_second):
            due = began + number / a_second
            time.sleep(max(0.0, due - time.perf_counter()))
            answer = client.get(
                f"/api/v1/forecasts/{forecast}/rows", params={"item_id": items[number % len(items)]}
            )
            assert len(answer.json()) == HORIZON, answer.text
            found.append(time.perf_counter() - due)
    return found


def _show(what: str, seconds: Sequence[float]) -> None:
    cut = statistics.quantiles(seconds, n=100)
    print(f"{what}: median {statistics.median(seconds) * 1e3:.1f} ms, p99 {cut[98] * 1e3:.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
