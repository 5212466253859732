"""A backtest of five recipes and two windows: in one process, and in as many as there are cores.

    python -m benchmarks.speed --part backtest --processes 2
    python -m benchmarks.speed.backtests 2 [STEPS ITEMS]      one run: wall, and processor seconds of it and all its processes

The second form needs nothing but the library's front door, so that an older checkout can be timed in turn with this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.speed.settings import Row, Settings
from benchmarks.speed.timing import Case, Sample, compete

RECIPES: Final = ("mqrnn", "deepar", "boosting", "npts", "theta")
STEPS, ITEMS = 600, 40  # of each network; of the sample's series
AT_LEAST: Final = 1.7  # times as fast, on two cores
_SALES: Final = Path(__file__).parents[2] / "data/retail/sales.csv"


def backtest(settings: Settings) -> list[Row]:
    """Daily sales of the sample, networks of some hundred steps."""
    count = settings.processes if settings.processes > 1 else os.cpu_count() or 1
    steps, items = settings.amount(STEPS, least=20), settings.amount(ITEMS, least=4)
    case = Case("backtest", f"{len(RECIPES)} recipes, 2 windows, {items} items", "backtest", AT_LEAST)
    contestants = {
        f"foretell, {count} processes": lambda: _timed(count, steps, items),
        "foretell, one process": lambda: _timed(1, steps, items),
    }
    return compete(case, contestants, settings)


def _timed(processes: int, steps: int, items: int) -> Sample:
    """One backtest, by a process of its own."""
    asked = [sys.executable, "-m", "benchmarks.speed.backtests", *map(str, (processes, steps, items))]
    said = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return Sample(1, said["seconds"], said["cpu_seconds"])


def measure(processes: int, steps: int = STEPS, items: int = ITEMS) -> dict[str, Any]:
    """Do it once; the seconds leave out the import."""
    import pandas as pd

    import foretell

    sales = pd.read_csv(_SALES)
    data = foretell.Dataset(sales[sales["item_id"].isin(sales["item_id"].unique()[:items])], freq="D")
    network = {"max_steps": steps, "patience": steps}
    began, before = time.perf_counter(), _used()
    report = foretell.backtest(
        data,
        horizon=14,
        recipes=RECIPES,
        windows=2,
        settings={"mqrnn": network, "deepar": network},
        device="cpu",
        processes=processes,
    )
    board = report.leaderboard.set_index("recipe")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": _used() - before,
        "load": os.getloadavg()[0],
        "fit": board["fit_seconds"].round(1).to_dict(),
        "predict": board["predict_seconds"].round(1).to_dict(),
        "wQL": board["wQL"].to_dict(),
    }


def _used() -> float:
    """Processor seconds of this process and of those that it started and that have ended."""
    return sum(os.times()[:4])


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
