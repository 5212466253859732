"""How accuracy grows with the amount of data: train on a share of the series, or on the end of every history.

    python -m benchmarks.accuracy.volume --task rossmann --task m3_monthly --recipe mqrnn --recipe ets
    python -m benchmarks.accuracy.volume --table

A share of the series: trained on so many of them, drawn at random, and scored on all, each with its whole history. A share
of the history: trained on, and forecasting from, the last so many observations of every series. All series with all of their
history are one measurement. What is measured already is not run again. `--table` writes VOLUME.md and VOLUME.svg from `volume.csv`.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

import foretell
from benchmarks.accuracy.measure import Loaded, parse_recipe
from benchmarks.accuracy.results_page import markdown
from benchmarks.accuracy.suites import BenchmarkTask, choose, read_suites
from benchmarks.committed_table import check_rows
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.evaluation.history import seasonal_error
from foretell.evaluation.metrics import score
from foretell.models.fitting import fit_model
from foretell.recipe.task import Run, Task
from foretell.system.atomic_files import write_bytes, write_text
from foretell.system.frame_writers import write_frame

HERE = Path(__file__).parent
RESULTS = HERE / "volume.csv"
KEY = ["task", "recipe", "of", "share", "seed"]
_MEASURED = ("items", "observations", "wQL", "MASE", "seconds", "fallbacks")
SHARES = {"series": (0.01, 0.03, 0.1, 0.3, 1.0), "history": (0.125, 0.25, 0.5)}
TASKS = ("rossmann", "m3_monthly")
RECIPES = ("mqrnn", "boosting", "ets", "seasonal_naive")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and not there yet, or write the table; 0, or 2 with a message."""
    parser = argparse.ArgumentParser(prog="benchmarks.accuracy.volume", description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append", help=f"default: {', '.join(TASKS)}")
    parser.add_argument("--recipe", action="append", help=f"default: {', '.join(RECIPES)}")
    parser.add_argument("--seed", action="append", type=int, help="default: 0")
    parser.add_argument(
        "--table", action="store_true", help="write VOLUME.md and VOLUME.svg from the rows kept"
    )
    asked = parser.parse_args(arguments)
    try:
        if asked.table:
            rows = joined(read(RESULTS))
            write_text(HERE / "VOLUME.md", table(rows))
            write_bytes(HERE / "VOLUME.svg", picture(rows))
            return 0
        for task in choose(read_suites(), [], asked.task or TASKS):
            for recipe in asked.recipe or RECIPES:
                for seed in asked.seed or [0]:
                    run(task, recipe, seed)
    except ForetellError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def read(path: Path) -> pd.DataFrame:
    """All rows. Raises ForetellError where a line is no row."""
    check_rows(path, key=KEY, numbers=("share", "seed", *_MEASURED))
    return pd.read_csv(path)


def run(task: BenchmarkTask, recipe: str, seed: int) -> None:
    """Measure one recipe at every share that is not kept yet."""
    loaded = Loaded(task)
    for of, shares in SHARES.items():
        for share in shares:
            key = {"task": task.name, "recipe": recipe, "of": of, "share": share, "seed": seed}
            if _kept(key):
                continue
            row = key | measure(loaded, recipe, of, share, seed)
            print(" ".join(f"{name}={value}" for name, value in row.items()), flush=True)
            rows = [read(RESULTS)] if RESULTS.exists() else []
            both = pd.concat([*rows, pd.DataFrame([row])], ignore_index=True)
            write_frame(both.sort_values(KEY), RESULTS)


def measure(loaded: Loaded, recipe: str, of: str, share: float, seed: int) -> dict[str, Any]:
    """wQL and MASE over all items of the last window, trained on a share of the data before it."""
    task = loaded.task
    whole = loaded.data.panel
    full = whole if of == "series" else shortened(loaded, share)
    early = full.until(task.horizon)
    training = early.take(drawn(len(early), share, seed)) if of == "series" else early
    began = time.perf_counter()
    model = fit_model(parse_recipe(recipe), training, Task(task.horizon, task.levels), Run(seed=seed))
    forecast = model.forecast(early)
    scores = score(
        full.actuals(task.horizon, task.horizon),
        forecast.mean,
        forecast.quantiles,
        forecast.levels,
        seasonal_error(
            whole.until(task.horizon)
        ),  # of the whole history, so that MASE means the same everywhere
    )
    return {
        "items": len(training),
        "observations": int((~np.isnan(training.target)).sum()),
        "wQL": round(scores.pooled["wQL"], 5),
        "MASE": round(scores.pooled["MASE"], 4),
        "seconds": round(time.perf_counter() - began, 1),
        "fallbacks": int(forecast.fallbacks.sum()),
    }


def drawn(items: int, share: float, seed: int) -> np.ndarray:
    """Positions of a random share of the items, at least one; a larger share holds the smaller ones of the same seed."""
    order = np.random.default_rng(seed).permutation(items)
    return np.sort(order[: max(1, round(share * items))])


def shortened(loaded: Loaded, share: float) -> Panel:
    """The panel with the last `share` of each history alone before the last window, one horizon at least."""
    tables = {key: value for key, value in loaded.tables.items() if key != "truth"}
    target = tables["target"]
    frame = target if isinstance(target, pd.DataFrame) else pd.read_parquet(target)
    frame = frame.sort_values("timestamp")
    groups = frame.groupby("item_id", observed=True)["timestamp"]
    from_end = groups.cumcount(ascending=False)
    history = groups.transform("size") - loaded.task.horizon
    keep = loaded.task.horizon + np.maximum(np.ceil(history * share), loaded.task.horizon)
    return foretell.Dataset(**tables | {"target": frame[from_end < keep]}).panel


def joined(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, and all series with their whole history, which are measured once, as the end of the other curve too."""
    whole = rows[(rows["of"] == "series") & (rows["share"] == 1)]
    return pd.concat([rows, whole.assign(of="history")], ignore_index=True).drop_duplicates(KEY)


def table(rows: pd.DataFrame) -> str:
    """Markdown: a table a task and kind of share, the median over seeds."""
    parts = [
        "# Accuracy and the amount of data",
        "Written by `python -m benchmarks.accuracy.volume --table` from `volume.csv`. wQL over all items of the last window,"
        " the median over seeds; lower is better. *Series*: trained on so large a share of them, scored on all, each with its"
        " whole history. *History*: trained on, and forecasting from, the last share of every history.",
        "![wQL against the amount of data](VOLUME.svg)",
    ]
    for (task, of), group in rows.groupby(["task", "of"], sort=True):
        wide = group.pivot_table(index="recipe", columns="share", values="wQL", aggfunc="median")
        header = ["wQL", *(f"{share:.3g} %" for share in 100 * wide.columns)]
        body = [
            [f"`{name}`", *(_short(value) for value in line)]
            for name, line in zip(wide.index, wide.to_numpy(), strict=True)
        ]
        parts += [f"## {task}: share of the {of}", markdown(header, body)]
    return "\n\n".join(parts) + "\n"


def picture(rows: pd.DataFrame) -> bytes:
    """An SVG: a panel a task and kind of share, a line a recipe, both axes logarithmic."""
    groups = list(rows.groupby(["task", "of"], sort=True))
    figure = Figure(figsize=(4.2 * len(groups), 3.6), layout="constrained")
    recipes = sorted(rows["recipe"].unique())
    for place, ((task, of), group) in enumerate(groups):
        axes = figure.add_subplot(1, len(groups), place + 1)
        for position, recipe in enumerate(recipes):
            line = group[group["recipe"] == recipe].groupby("share")["wQL"].median()
            axes.plot(100 * line.index, line, marker="o", color=f"C{position}", label=recipe)
        shares = sorted(group["share"].unique())
        axes.set(
            xscale="log",
            yscale="log",
            title=task,
            xlabel=f"% of the {of}",
            ylabel="wQL" if place == 0 else "",
        )
        axes.set_xticks([100 * share for share in shares], [f"{100 * share:.3g}" for share in shares])
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(ScalarFormatter())
        axes.grid(alpha=0.3, which="both")
    figure.axes[0].legend()
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _kept(key: dict[str, Any]) -> bool:
    if not RESULTS.exists():
        return False
    rows = read(RESULTS)
    return bool((rows[list(key)] == pd.Series(key)).all(axis=1).any())


def _short(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


if __name__ == "__main__":
    sys.exit(main())
