"""Back-test recipes on public data and keep a table of what was measured.

    python -m benchmarks.accuracy --task rossmann --recipe mqrnn --seed 0 --seed 1

The data are read from the folder FORETELL_DATA (default: ../shared/data beside the repository). Each result is one row of
`benchmarks/accuracy/results.csv`; `--table` prints that file as Markdown.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import foretell
from foretell.metrics import weighted_quantile_loss

HERE = Path(__file__).parent
RESULTS = HERE / "results.csv"
LEVELS = {"nine": tuple(round(0.1 * k, 1) for k in range(1, 10))}
BASELINE = "historical_quantiles"  # of the task rossmann_cold; no recipe
READING = ("freq", "known", "past", "open", "ends", "season", "filling")
SCORES = ("wQL", "wQL[0.1]", "wQL[0.5]", "wQL[0.9]", "RMSE", "WAPE", "MASE", "coverage[0.1]", "coverage[0.9]")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("--task", action="append", help="one of tasks.toml, or several; default: all")
    parser.add_argument(
        "--recipe", action="append", help="a recipe, perhaps with settings: ets:covariates=none"
    )
    parser.add_argument("--seed", action="append", type=int, help="default: 0")
    parser.add_argument(
        "--back", type=int, default=0, help="end the data so many steps earlier, to choose defaults by"
    )
    parser.add_argument("--dry", action="store_true", help="print the scores without keeping them")
    parser.add_argument("--table", action="store_true", help="only print the results kept, as Markdown")
    asked = parser.parse_args()
    if asked.table:
        print(table(pd.read_csv(RESULTS)))
        return
    tasks = tomllib.loads((HERE / "tasks.toml").read_text())
    for name in asked.task or tasks:
        for recipe in asked.recipe or tasks[name]["recipes"]:
            for seed in asked.seed or [0]:
                row = measure(name, tasks[name], recipe, seed, asked.back)
                print(" ".join(f"{key}={_short(value)}" for key, value in row.items()), flush=True)
                if not asked.dry and not asked.back:
                    keep(row)


def measure(name: str, task: dict[str, Any], spoken: str, seed: int, back: int) -> dict[str, Any]:
    """One row: the scores of one recipe with one seed on one task."""
    tables = read(task, data_folder())
    if spoken == BASELINE:
        return {"task": name, "recipe": spoken, "seed": seed} | baseline(tables, task) | surroundings()
    truth = tables.pop("truth", None)
    data = foretell.Dataset(**_shortened(tables, task, back))
    levels = LEVELS.get(task["levels"]) if isinstance(task["levels"], str) else tuple(task["levels"])
    recipe_name, _, settings = spoken.partition(":")
    recipe = foretell.make_recipe(recipe_name, dict(pair.split("=") for pair in settings.split(",") if pair))
    facts = {"task": name, "recipe": spoken, "seed": seed, "fingerprint": data.fingerprint[:12]}
    if truth is not None:
        return facts | cold(data, recipe, task, truth, levels, seed) | surroundings()
    report = foretell.backtest(
        data,
        horizon=task["horizon"],
        recipes=[recipe],
        levels=levels,
        windows=task.get("windows", 1),
        seed=seed,
    )
    scores = report.scores if task.get("skip_last") else report.leaderboard
    if task.get("skip_last"):
        scores = scores[scores["window"] != scores["window"].max()]
    measured = {score: float(scores[score].mean()) for score in SCORES if score in scores}
    times = report.leaderboard.iloc[0][["fit_seconds", "predict_seconds", "fallbacks"]].to_dict()
    return facts | measured | times | surroundings()


def cold(
    data: Any, recipe: Any, task: dict[str, Any], truth: pd.DataFrame, levels: tuple[float, ...], seed: int
) -> dict[str, Any]:
    """Forecast the items that the target table lacks; the score is theirs alone."""
    model = foretell.train(data, recipe=recipe, horizon=task["horizon"], levels=levels, seed=seed)
    began = time.perf_counter()
    frame = model.predict(items=sorted(truth["item_id"].unique())).to_frame()
    seconds = time.perf_counter() - began
    both = truth.merge(frame, on=["item_id", "timestamp"], validate="one_to_one")
    assert len(both) == len(truth), "every cold item and step must be forecast"
    return {"wQL": pooled_loss(both, levels), "fit_seconds": model.fit_seconds, "predict_seconds": seconds}


def baseline(tables: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """What cold start is judged by: the other stores' quantiles by StoreType, weekday, Promo and Open."""
    levels = LEVELS[task["levels"]]
    frame = importlib.import_module("benchmarks.accuracy.loaders").historical_quantiles(tables, levels)
    both = tables["truth"].merge(frame, on=["item_id", "timestamp"], validate="one_to_one")
    return {"wQL": pooled_loss(both, levels)}


def pooled_loss(both: pd.DataFrame, levels: tuple[float, ...]) -> float:
    """wQL of a table that has the truth as `target` beside the quantiles p10, p20, ..."""
    losses = weighted_quantile_loss(_rows(both, ["target"])[..., 0], _rows(both, _names(levels)), levels)
    return float(np.mean(losses))


def keep(row: dict[str, Any]) -> None:
    """Put a row in the results, in place of an earlier one of the same task, recipe and seed."""
    key = ["task", "recipe", "seed"]
    rows = pd.DataFrame([row])
    if RESULTS.exists():
        rows = pd.concat([pd.read_csv(RESULTS), rows]).drop_duplicates(key, keep="last")
    rows.sort_values(key).to_csv(RESULTS, index=False, float_format="%.5g")


def table(rows: pd.DataFrame) -> str:
    """Medians over seeds, as Markdown."""
    columns = [c for c in (*SCORES, "fit_seconds", "predict_seconds", "fallbacks") if c in rows]
    medians = rows.groupby(["task", "recipe"])[columns].median()
    medians.insert(0, "seeds", rows.groupby(["task", "recipe"])["seed"].nunique())
    shown = medians.reset_index().astype(object).map(_short)
    lines = [shown.columns.tolist(), ["---"] * len(shown.columns), *shown.values.tolist()]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def read(task: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments of `foretell.Dataset`."""
    options = {key: task[key] for key in READING if key in task}
    if "loader" in task:
        return options | getattr(importlib.import_module("benchmarks.accuracy.loaders"), task["loader"])(
            folder
        )
    tables = {
        "target": folder / task["target"],
        "related": [folder / path for path in task.get("related", [])],
    }
    return options | tables | ({"items": folder / task["items"]} if "items" in task else {})


def data_folder() -> Path:
    folder = Path(os.environ.get("FORETELL_DATA", HERE.parents[2] / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(f"the data are not in {folder}: set FORETELL_DATA to their folder")
    return folder


def surroundings() -> dict[str, str]:
    return {"version": foretell.__version__, "machine": f"{os.cpu_count()} cores, {platform.machine()}"}


def _shortened(tables: dict[str, Any], task: dict[str, Any], back: int) -> dict[str, Any]:
    """The tables without the last `back` steps of each item's target."""
    if not back:
        return tables
    target = (
        tables["target"] if isinstance(tables["target"], pd.DataFrame) else pd.read_parquet(tables["target"])
    )
    target = target.sort_values("timestamp")
    return tables | {"target": target.groupby("item_id", observed=True).head(-back)}


def _rows(frame: pd.DataFrame, columns: list[str]) -> np.ndarray:
    return frame[columns].to_numpy(float)[
        None
    ]  # [1, rows, columns]: pooled, so which item a row is of does not matter


def _names(levels: tuple[float, ...]) -> list[str]:
    return [f"p{level * 100:.10g}" for level in levels]


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
