"""Measure how soon `foretell serve` answers, and what large tables cost it.

    python -m benchmarks.service.answers                  # all
    python -m benchmarks.service.answers --only rows --only predict

rows: one item among a million stored rows, in the process and at 50 requests a second; pages: ten million rows listed by pages; predict:
history that is sent along, forecast by `mqrnn`; upload: twelve million rows of Parquet beside `foretell ingest`. Server and client share the
machine. A line a figure goes into answers.csv.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import numpy as np
import pandas as pd
from sqlalchemy import insert

import foretell
from benchmarks.committed_table import check_rows
from benchmarks.machine import cores
from benchmarks.service.server import Served, served
from foretell.service.database import open_database
from foretell.service.forecast_rows import ROWS, read_rows, write_rows
from foretell.service.home import open_home
from foretell.service.identifiers import new_id
from foretell.service.resources import anonymous_memory
from foretell.service.row_formats import rows_answer
from foretell.service.tables import forecasts, now
from foretell.system.frame_writers import write_frame

TABLE: Final = Path(__file__).with_name("answers.csv")
KEY: Final = ("part", "what", "unit")
HORIZON: Final = 28
_AT_A_TIME: Final = 8192  # items written
Line = tuple[str, str, float]  # what, unit, figure


def rows(folder: Path) -> Iterator[Line]:
    """One item among a million rows."""
    count, seconds, a_second = 1_000_000, 20, 50
    items = count // HORIZON
    made = _stored(folder, items)
    asked = [f"item-{k:07d}" for k in np.random.default_rng(0).integers(0, items, 2000)]
    place = open_home(folder / "home").folder("forecasts", made)
    yield from _spread("one item, in the process", [_read(place, item) for item in asked])
    with served(folder / "home", workers=0) as server, httpx.Client(base_url=server.url) as client:

        def ask(item: str) -> None:
            answer = client.get(f"/api/v1/forecasts/{made}/rows", params={"item_id": item})
            assert len(answer.json()) == HORIZON, answer.text

        yield "one item, the first answer of a server", "ms", 1e3 * _timed(lambda: ask(asked[0]))
        due = _on_time(ask, asked[: seconds * a_second], a_second)
        yield from _spread(f"one item, {a_second} a second", due)


def pages(folder: Path) -> Iterator[Line]:
    """Ten million rows, page by page, as CSV."""
    made = _stored(folder, 10_000_000 // HORIZON)
    with (
        served(folder / "home", workers=0) as server,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        began, token, number, after_some = time.perf_counter(), "", 0, 0
        while token is not None:
            asked = {"limit": 100_000} | ({"token": token} if token else {})
            answer = client.get(
                f"/api/v1/forecasts/{made}/rows", params=asked, headers={"accept": "text/csv"}
            )
            answer.raise_for_status()
            token, number = answer.headers.get("x-next-token"), number + 1
            if number == 10:
                after_some = anonymous_memory(server.process)
        yield "pages of 100,000 rows", "pages", float(number)
        yield "all of them", "s", time.perf_counter() - began
        yield "server's memory after ten pages", "MB", after_some / 1e6
        yield "server's memory after the last", "MB", anonymous_memory(server.process) / 1e6


def predict(folder: Path) -> Iterator[Line]:
    """History of one item and of a thousand, sent along."""
    days = pd.date_range("2024-01-01", periods=120)
    values = np.random.default_rng(0).poisson(9, (1000, len(days))) + np.arange(len(days)) % 7
    names = np.repeat([f"item-{k}" for k in range(1000)], len(days))
    sales = pd.DataFrame({"item_id": names, "timestamp": np.tile(days, 1000), "target": values.ravel()})
    one = sales[sales["item_id"] == "item-7"]
    with served(folder / "home") as server, foretell.connect(server.url) as shop:
        data = shop.dataset("made", sales, freq="D")
        model = shop.train(data, recipe="mqrnn", horizon=14, settings={"max_steps": 20})
        yield "one item, the first answer of a server", "ms", 1e3 * _timed(lambda: model.predict(one))
        yield from _spread("one item, warm", [_timed(lambda: model.predict(one)) for _ in range(100)])
        many = [_timed(lambda: model.predict(sales)) for _ in range(5)]
        yield "1,000 items, warm, median", "ms", 1e3 * statistics.median(many)


def upload(folder: Path) -> Iterator[Line]:
    """Twelve million rows of Parquet: sent and made a data set, beside `foretell ingest` of the same file."""
    table = folder / "sales.parquet"
    _large_table(table)
    yield "file", "MB", table.stat().st_size / 1e6
    command = [sys.executable, "-m", "foretell", "ingest", str(table), "--freq", "D", "--out"]
    ingest = _timed(
        lambda: subprocess.run([*command, str(folder / "panel")], check=True, stderr=subprocess.DEVNULL)
    )
    yield "foretell ingest", "s", ingest
    with served(folder / "home") as server, foretell.connect(server.url, timeout=600) as shop:
        with _watched(server) as most:
            seconds = _timed(lambda: shop.dataset("large", str(table), freq="D"))
        yield "sent and made a data set", "s", seconds
        yield "times as long as foretell ingest", "times", seconds / ingest
        yield "server's largest memory", "MB", most[0] / 1e6


PARTS: Final[dict[str, Callable[[Path], Iterator[Line]]]] = {
    "rows": rows,
    "pages": pages,
    "predict": predict,
    "upload": upload,
}


class _watched:
    """The largest anonymous memory of the server inside the block, looked at every 20 ms: [bytes]."""

    def __init__(self, server: Served) -> None:
        self._process, self._most, self._over = server.process, [0], threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            self._most[0] = max(self._most[0], anonymous_memory(self._process))

    def __enter__(self) -> list[int]:
        self._thread.start()
        return self._most

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def _stored(folder: Path, items: int) -> str:
    """A home with a forecast of so many items; its id."""
    home = open_home(folder / "home")
    database = open_database(home.database)
    made = new_id("fc")
    with database.begin() as connection:
        values: dict[str, Any] = {"id": made, "name": "rows", "state": "ACTIVE", "spec": {}, "result": {}}
        values |= {"model_id": "mdl_x", "version_id": "dsv_x", "created_by": "local"}
        connection.execute(insert(forecasts).values(created_at=now(), updated_at=now(), **values))
    database.close()
    place = home.folder("forecasts", made)
    place.mkdir(parents=True)
    write_rows(place / ROWS, _frames(items), key=["item_id"], timestamp="timestamp")
    return made


def _frames(items: int) -> Iterator[pd.DataFrame]:
    rng, days = np.random.default_rng(0), pd.date_range("2024-04-15", periods=HORIZON)
    for first in range(0, items, _AT_A_TIME):
        names = [f"item-{k:07d}" for k in range(first, min(first + _AT_A_TIME, items))]
        frame = pd.DataFrame({"item_id": np.repeat(names, HORIZON), "timestamp": np.tile(days, len(names))})
        values = np.sort(rng.gamma(2, 3, (len(frame), 3)).astype(np.float32), axis=1)
        frame["mean"] = values[:, 1]
        yield frame.assign(p10=values[:, 0], p50=values[:, 1], p90=values[:, 2])


def _large_table(path: Path, items: int = 12_000, days: int = 1000) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "item_id": np.repeat([f"item-{rng.integers(1 << 62):019d}" for _ in range(items)], days),
            "timestamp": np.tile(pd.date_range("2021-01-01", periods=days), items),
            "target": rng.gamma(2, 3, items * days),  # which no compression makes small
        }
    )
    frame.to_parquet(path, index=False, row_group_size=1 << 20)


def _read(folder: Path, item: str) -> float:
    return _timed(lambda: rows_answer(read_rows(folder, item=item), "json"))


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _on_time(ask: Callable[[str], None], items: Sequence[str], a_second: int) -> list[float]:
    """Seconds from when each request was due to its answer: one that waits for those before it counts so."""
    found, began = [], time.perf_counter()
    for number, item in enumerate(items):
        due = began + number / a_second
        time.sleep(max(0.0, due - time.perf_counter()))
        ask(item)
        found.append(time.perf_counter() - due)
    return found


def _spread(what: str, seconds: Sequence[float]) -> Iterator[Line]:
    yield f"{what}, median", "ms", 1e3 * statistics.median(seconds)
    yield f"{what}, 99 of 100 within", "ms", 1e3 * statistics.quantiles(seconds, n=100)[98]


def read_table(path: Path = TABLE) -> pd.DataFrame:
    """The rows kept. Raises ForetellError where a line is no row."""
    check_rows(path, key=KEY, numbers=("figure", "load"))
    return pd.read_csv(path)


def measure(part: str) -> list[dict[str, Any]]:
    """The lines of one part."""
    about = {"load": round(os.getloadavg()[0], 1), "machine": cores()}
    with tempfile.TemporaryDirectory(prefix="foretell-service-") as folder:
        lines = PARTS[part](Path(folder))
        return [
            {"part": part, "what": what, "unit": unit, "figure": float(f"{figure:.3g}"), **about}
            for what, unit, figure in lines
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.answers", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(PARTS), help="default: all")
    for part in parser.parse_args(arguments).only or PARTS:
        lines = pd.DataFrame(measure(part))
        print(lines.drop(columns="machine").to_string(index=False), flush=True)
        kept = read_table() if TABLE.exists() else lines.iloc[:0]
        write_frame(pd.concat([kept[kept["part"] != part], lines], ignore_index=True), TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
