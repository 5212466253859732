"""AutoGluon and statsforecast beside `auto`: the same tables, the same machine, the same time, scored by one evaluator.

    python -m benchmarks.accuracy.beside --task hospital --minutes 6
    python -m benchmarks.accuracy.beside --task rossmann_1D --windows 1 --minutes 10 --system autogluon

Each system is trained on what lay before the first window, and forecasts each window from what lay before it. AutoGluon gets the known
columns and the metadata as foretell reads them; statsforecast's models see the target alone. A row a system goes into beside.csv, with the
ratio of its wQL to that of `auto` and the interval in which nine tenths of draws of items and whole windows have that ratio. AutoGluon gets an
environment of its own below `build/speed` (`python -m benchmarks.speed.peers autogluon`).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import foretell
from benchmarks.accuracy.cell_losses import CellLosses
from benchmarks.accuracy.measure import Loaded
from benchmarks.accuracy.spread import paired_interval
from benchmarks.accuracy.statsforecast_side import MODELS, TooSlow, forecasts
from benchmarks.accuracy.suites import BenchmarkTask, read_suites
from benchmarks.committed_table import check_rows
from benchmarks.machine import cores
from benchmarks.speed.peers import environment
from benchmarks.speed.settings import Settings, Unavailable
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.evaluation.outcome import Outcome, Window
from foretell.recipe.forecast import Forecast
from foretell.system.frame_writers import write_frame
from foretell.workflows.backtest import make_windows, window_steps

TABLE: Final = Path(__file__).with_name("beside.csv")
KEY: Final = ("task", "windows", "minutes", "system")
NUMBERS: Final = ("windows", "minutes", "wQL", "MASE", "interval[0.8]", "seconds", "ratio", "low", "high")
COLUMNS: Final = (*KEY, *NUMBERS[2:], "version", "machine", "error")
DATED: Final = {1: "YS", 4: "QS", 12: "MS", 24: "h", 52: "W-MON"}  # season -> dates for integer time
SYSTEMS: Final = ("autogluon", *MODELS)


@dataclass(frozen=True)
class Contest:
    """One task's windows, the same for every system."""

    task: BenchmarkTask
    panel: Panel
    windows: list[Window]
    minutes: float

    @property
    def levels(self) -> tuple[float, ...]:
        return self.task.levels


@dataclass(frozen=True)
class Entry:
    """What a system did."""

    outcomes: list[Outcome]
    seconds: float
    version: str


def contest(loaded: Loaded, *, windows: int | None, minutes: float) -> Contest:
    """The task's last windows: all of them, or so many."""
    task = replace(loaded.task, windows=windows or loaded.task.windows)
    panel = loaded.data.panel
    steps = window_steps(panel, task.horizon, windows=task.windows)
    return Contest(task, panel, make_windows(panel, steps, task.horizon), minutes)


def ours(data: foretell.Dataset, asked: Contest, *, seed: int = 0) -> Entry:
    """`auto` within the time."""
    task = asked.task
    began = time.perf_counter()
    report = foretell.backtest(
        data,
        horizon=task.horizon,
        recipes={"auto": "auto"},
        settings={"auto": {"time_limit": f"{asked.minutes:g}m"}},
        levels=task.levels,
        windows=task.windows,
        seed=seed,
    )
    return Entry(list(report.outcomes), time.perf_counter() - began, foretell.__version__)


def theirs(name: str, asked: Contest, *, seed: int = 0) -> Entry:
    """AutoGluon, or one of statsforecast's models. Raises Unavailable or TooSlow."""
    return _autogluon(asked, seed) if name == "autogluon" else _statsforecast(name, asked)


def _statsforecast(name: str, asked: Contest) -> Entry:
    from importlib.metadata import version

    began = time.perf_counter()
    deadline = began + 60 * asked.minutes
    outcomes = []
    for window in asked.windows:
        histories = [_whole(window.panel.history(item)) for item in range(len(window.panel))]
        made = forecasts(
            name,
            histories,
            horizon=asked.task.horizon,
            season=window.panel.season,
            levels=asked.levels,
            deadline=deadline,
        )
        outcomes.append(_outcome(name, window, asked.levels, made, made[..., _middle(asked.levels)]))
    return Entry(outcomes, time.perf_counter() - began, version("statsforecast"))


def _whole(history: NDArray[Any]) -> NDArray[np.float64]:
    """Without what is not observed in front, and with the value before each gap in it; one 0 where nothing is observed."""
    values = pd.Series(np.asarray(history, dtype=float)).ffill().dropna()
    return values.to_numpy() if len(values) else np.zeros(1)


def _autogluon(asked: Contest, seed: int) -> Entry:
    python = environment("autogluon", Settings(peers=("autogluon",)))
    with tempfile.TemporaryDirectory(prefix="foretell-beside-") as name:
        folder = Path(name)
        _write_tables(folder, asked, seed)
        began = time.perf_counter()
        done = subprocess.run(
            [python, "-W", "ignore", Path(__file__).with_name("autogluon_side.py"), folder],
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
            stderr=subprocess.PIPE,
            stdout=sys.stderr,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Unavailable(f"autogluon failed: {done.stderr.strip().splitlines()[-1][:300]}")
        outcomes = [_read_window(folder, window, asked) for window in asked.windows]
        answer = json.loads((folder / "answer.json").read_text())
    for member in answer["members"]:
        print(member.get("model"), member.get("score_val"), member.get("fit_time_marginal"), file=sys.stderr)
    seconds = time.perf_counter() - began
    ask = "import importlib.metadata as m; print(m.version('autogluon.timeseries'))"
    version = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    return Entry(outcomes, seconds, version)


def _write_tables(folder: Path, asked: Contest, seed: int) -> None:
    """The history and the plan of each window, the metadata, and what is asked."""
    task, schema = asked.task, asked.panel.schema
    known = [f"known{k}" for k in range(len(schema.known))]
    for window in asked.windows:
        panel, n = window.panel, window.number
        _history_frame(panel, known).to_parquet(folder / f"history-{n}.parquet")
        if known:
            plan = _rows(panel, panel.origin, np.full(len(panel), task.horizon), known)
            plan.drop(columns=["item", "ordinal"]).to_parquet(folder / f"plan-{n}.parquet")
    statics = _static_frame(asked.panel)
    if len(statics.columns) > 1:
        statics.to_parquet(folder / "statics.parquet")
    about = {
        "horizon": task.horizon,
        "levels": list(asked.levels),
        "freq": _dated(asked.panel) or str(task.reading["freq"]),
        "season": asked.panel.season,
        "known": known,
        "statics": len(statics.columns) > 1,
        "seconds": round(60 * asked.minutes),
        "windows": len(asked.windows),
        "preset": "high_quality",
        "seed": seed,
    }
    (folder / "about.json").write_text(json.dumps(about))


def _history_frame(panel: Panel, known: Sequence[str]) -> pd.DataFrame:
    """item_id, timestamp, target and the known columns of what lies before each origin."""
    frame = _rows(panel, panel.start, panel.origin - panel.start, known)
    items = frame.pop("item").to_numpy()
    ordinals = frame.pop("ordinal").to_numpy()[:, None]
    frame["target"] = panel.target_at(items, ordinals)[:, 0].astype(float)
    return frame


def _rows(
    panel: Panel, start: NDArray[np.int64], lengths: NDArray[np.int64], known: Sequence[str]
) -> pd.DataFrame:
    """A row a step: item (its number), ordinal, item_id, timestamp, known columns."""
    items = np.repeat(np.arange(len(panel)), lengths)
    within = np.arange(len(items)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    ordinals = np.repeat(start, lengths) + within
    frame = pd.DataFrame({"item": items, "ordinal": ordinals, "item_id": _names(panel)[items]})
    frame["timestamp"] = _stamps(panel, ordinals)
    if known:
        frame[list(known)] = panel.known_at(items, ordinals[:, None])[:, 0]
    return frame


def _dated(panel: Panel) -> str | None:
    """The frequency of the dates that stand for integer time, by its season; None where the panel has dates."""
    return DATED.get(panel.season, "D") if panel.frequency.unit == "step" else None


def _stamps(panel: Panel, ordinals: NDArray[np.int64]) -> NDArray[Any]:
    made = _dated(panel)
    if made is None:
        return panel.frequency.timestamps(ordinals)
    return pd.date_range("1900-01-01", periods=int(ordinals.max()) + 1, freq=made).to_numpy()[ordinals]


def _static_frame(panel: Panel) -> pd.DataFrame:
    frame = pd.DataFrame({"item_id": _names(panel)})
    for k in range(panel.static_real.shape[1]):
        frame[f"real{k}"] = panel.static_real[:, k]
    for k in range(panel.static_cat.shape[1]):
        frame[f"category{k}"] = panel.static_cat[:, k].astype(str)
    return frame


def _names(panel: Panel) -> NDArray[Any]:
    """[N] a short name an item, in the panel's order also when sorted."""
    return np.array([f"{k:07d}" for k in range(len(panel))], dtype=object)


def _read_window(folder: Path, window: Window, asked: Contest) -> Outcome:
    frame = pd.read_parquet(folder / f"window-{window.number}.parquet").sort_values(["item_id", "timestamp"])
    n, horizon = len(window.panel), asked.task.horizon
    there = np.unique(frame["item_id"].astype(int))
    shape = (len(there), horizon)
    quantiles, mean = np.zeros((n, horizon, len(asked.levels))), np.zeros((n, horizon))
    quantiles[there] = np.stack([frame[f"{level:g}"].to_numpy().reshape(shape) for level in asked.levels], -1)
    mean[there] = frame["mean"].to_numpy().reshape(shape)
    absent = np.setdiff1d(np.flatnonzero(window.has_history), there)
    if len(absent):
        raise ForetellError(f"autogluon gave no forecast of {len(absent)} items with history")
    return _outcome("autogluon", window, asked.levels, quantiles, mean)


def _outcome(
    name: str, window: Window, levels: Sequence[float], quantiles: NDArray[Any], mean: NDArray[Any]
) -> Outcome:
    return Outcome.of(name, window, Forecast.build(window.panel, levels, np.sort(quantiles, axis=-1), mean))


def _middle(levels: Sequence[float]) -> int:
    return int(np.argmin(np.abs(np.asarray(levels) - 0.5)))


def row(asked: Contest, system: str, entry: Entry, against: CellLosses) -> dict[str, Any]:
    """One line of the table."""
    scores = pd.DataFrame([outcome.scores.pooled for outcome in entry.outcomes]).mean()
    mine = CellLosses.of(entry.outcomes)
    low, high = paired_interval(mine.losses, against.losses, mine.sizes)
    return _begin(asked, system) | {
        "wQL": scores["wQL"],
        "MASE": scores["MASE"],
        "interval[0.8]": scores["interval[0.8]"],
        "seconds": entry.seconds,
        "ratio": mine.wql / against.wql,
        "low": low,
        "high": high,
        "version": entry.version,
    }


def _begin(asked: Contest, system: str) -> dict[str, Any]:
    machine = f"{cores()}, {platform.machine()}"
    return {
        "task": asked.task.name,
        "windows": len(asked.windows),
        "minutes": asked.minutes,
        "system": system,
        "machine": machine,
    }


def read_table(path: Path = TABLE) -> pd.DataFrame:
    """The rows kept. Raises ForetellError where a line is no row."""
    if not path.exists():
        return pd.DataFrame(columns=list(COLUMNS))
    check_rows(path, key=KEY, numbers=NUMBERS)
    return pd.read_csv(path, dtype={"version": str, "error": str}).reindex(columns=list(COLUMNS))


def keep(rows: Sequence[Mapping[str, Any]], path: Path = TABLE) -> None:
    """Put rows in place of earlier ones of the same task, windows, minutes and system."""
    both = pd.concat([read_table(path), pd.DataFrame(rows)]) if path.exists() else pd.DataFrame(rows)
    both = both.reindex(columns=list(COLUMNS)).drop_duplicates(list(KEY), keep="last")
    numbers = both.select_dtypes("float").columns
    both[numbers] = both[numbers].map(lambda number: float(f"{number:.5g}"))
    write_frame(both.sort_values(list(KEY)), path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the systems asked for on one task; `auto` first, for the others are compared with it."""
    asked = _parser().parse_args(arguments)
    loaded = Loaded(read_suites()[asked.task])
    field = contest(loaded, windows=asked.windows, minutes=asked.minutes)
    mine = ours(loaded.data, field)
    against = CellLosses.of(mine.outcomes)
    keep([row(field, "auto", mine, against)])
    for system in asked.system or SYSTEMS:
        try:
            line = row(field, system, theirs(system, field), against)
        except (Unavailable, TooSlow, ForetellError) as error:
            line = _begin(field, system) | {"error": " ".join(str(error).split())}
        print({key: value for key, value in line.items() if value == value}, flush=True)
        keep([line])
    return 0


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="benchmarks.accuracy.beside",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--task", required=True, help="one of benchmarks/accuracy/suites")
    parser.add_argument("--windows", type=int, help="so many of its last windows; default: all")
    parser.add_argument("--minutes", type=float, default=6.0, help="for each system")
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="default: all")
    return parser


if __name__ == "__main__":
    sys.exit(main())
