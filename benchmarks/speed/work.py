"""What is timed, each in a process of its own: `python -m benchmarks.speed.work NAME ARGUMENTS...` prints JSON."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def ingest(out: str, *tables: str) -> dict[str, Any]:
    """Tables to a saved panel. One table has target and known column; of several the last is what lies ahead."""
    from foretell.ingest.dataset import Dataset

    sales, related = (tables[0], tables[0]) if len(tables) == 1 else (list(tables[:-1]), ahead_of(tables))
    data = Dataset(sales, related, freq="D", known=["promo"], scratch=Path(out).parent)
    data.save(out, overwrite=True)
    return {"steps": len(data.panel.target)}


def ahead_of(tables: tuple[str, ...]) -> str:
    """The glob of all the tables, history and future: the known column goes on after the target's end."""
    return str(Path(tables[0]).parent / f"*{Path(tables[0]).suffix}")


def pandas(table: str) -> dict[str, Any]:
    """The same in pandas: read, group, put every item on the calendar, fill, and lay end to end."""
    import numpy as np
    import pandas as pd

    frame = (
        pd.read_parquet(table) if table.endswith("parquet") else pd.read_csv(table, parse_dates=["timestamp"])
    )
    last, target, known = frame["timestamp"].max(), [], []
    for _, rows in frame.groupby("item_id"):
        rows = rows.set_index("timestamp")
        rows = rows.reindex(pd.date_range(rows.index.min(), last, freq="D"))
        target.append(rows["target"].to_numpy(np.float32))
        known.append(rows["promo"].fillna(0).to_numpy(np.float32))
    return {"steps": len(np.concatenate(target)), "known": len(np.concatenate(known))}


def opening(panel: str) -> dict[str, Any]:
    """Open a saved panel; the seconds leave out the import."""
    from foretell.ingest.dataset import Dataset

    began = time.perf_counter()
    data = Dataset.open(panel)
    return {"seconds": time.perf_counter() - began, "steps": len(data.panel.target)}


def training(panel: str, model: str, steps: str) -> dict[str, Any]:
    """Train mqrnn on a saved panel and save it."""
    import foretell

    data = foretell.Dataset.open(panel)
    trained = foretell.train(data, recipe="mqrnn", horizon=28, settings={"max_steps": int(steps)})
    trained.save(model, overwrite=True)
    return {"steps": len(data.panel.target)}


def forecasting(panel: str, model: str, out: str, items: str) -> dict[str, Any]:
    """Forecast some items of a saved panel into a file."""
    import foretell

    data = foretell.Dataset.open(panel)
    names = data.panel.keys["item_id"].iloc[: int(items)].tolist()
    chosen = None if len(names) == len(data.panel) else names
    return {"items": foretell.load(model).predict_to(out, data, items=chosen)}


WORK: dict[str, Callable[..., dict[str, Any]]] = {
    each.__name__: each for each in (ingest, pandas, opening, training, forecasting)
}

if __name__ == "__main__":
    before, used = time.perf_counter(), time.process_time()
    result = WORK[sys.argv[1]](*sys.argv[2:])
    spent = {"seconds": time.perf_counter() - before, "cpu_seconds": time.process_time() - used}
    print(json.dumps({**spent, **result}))
