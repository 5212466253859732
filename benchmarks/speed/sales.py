"""Tables of any size to time ingest on: shuffled daily rows with text ids, a target and a 0/1 column known ahead."""

from __future__ import annotations

import math
from pathlib import Path

DAYS = 1000  # of each item
AHEAD = 28  # days that the known column goes on after the target's end
_GOLDEN = 0.6180339887498949  # a stride of this share of all rows visits items and days in an order without a pattern
_ROWS_A_FILE = 100_000_000


def write_sales(folder: Path, items: int, *, ending: str, ahead: bool = False) -> list[Path]:
    """`items` items of `DAYS` days as files in `folder`; with `ahead` one more for the days that follow."""
    import duckdb

    folder.mkdir(parents=True, exist_ok=True)
    cells = items * DAYS
    stride = int(cells * _GOLDEN) | 1
    while math.gcd(stride, cells) != 1:  # so that every cell is visited once
        stride += 2
    options = "FORMAT parquet, COMPRESSION snappy" if ending == "parquet" else "FORMAT csv, HEADER true"
    paths = []
    with duckdb.connect() as store:
        store.execute("SET preserve_insertion_order = false")
        store.execute("SET memory_limit = '2GB'")
        for first in range(0, cells, _ROWS_A_FILE):
            last = min(first + _ROWS_A_FILE, cells)
            cell = f"SELECT (r * {stride} + 12345) % {cells} AS cell FROM range({first}, {last}) t(r)"
            rows = _rows(f"SELECT cell // {DAYS} AS item, cell % {DAYS} AS day FROM ({cell})", target=True)
            paths.append(folder / f"sales-{first // _ROWS_A_FILE:03d}.{ending}")
            store.execute(f"COPY ({rows}) TO '{paths[-1]}' ({options})")
        if ahead:
            later = (
                f"SELECT r % {items} AS item, {DAYS} + r // {items} AS day FROM range({items * AHEAD}) t(r)"
            )
            paths.append(folder / f"future.{ending}")
            store.execute(f"COPY ({_rows(later, target=False)}) TO '{paths[-1]}' ({options})")
    return paths


def _rows(cells: str, *, target: bool) -> str:
    """SQL of the rows of some (item, day): a weekly season, a level of its own for each item, promotions every 13 days."""
    sold = "((item * 37 + day * 11) % 23 + 9 * (day % 7 = 5)::INT + 6 * ((item + day) % 13 = 0)::INT)::FLOAT AS target,"
    return (
        f"SELECT printf('ITEM_%07d', item) AS item_id, (DATE '2022-01-01' + day::INT)::TIMESTAMP AS timestamp,"
        f" {sold if target else ''} ((item + day) % 13 = 0)::TINYINT AS promo FROM ({cells})"
    )
