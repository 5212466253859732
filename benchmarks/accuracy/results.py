"""`results.csv`: one row a (task, recipe, seed), the latest."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.accuracy.measure import SCORES, Row
from benchmarks.committed_table import check_rows
from foretell.system.frame_writers import write_frame

RESULTS = Path(__file__).parent / "results.csv"
_KEY = ["task", "recipe", "seed"]
_IDENTITY = [*_KEY, "version", "fingerprint", "setup"]
COLUMNS = [
    *_KEY,
    "fingerprint",
    *SCORES,
    "fit_seconds",
    "predict_seconds",
    "fallbacks",
    "version",
    "setup",
    "machine",
    "error",
]
_TEXTS = dict.fromkeys(["task", "recipe", "fingerprint", "version", "setup", "machine", "error"], "str")


def read_results(path: Path = RESULTS) -> pd.DataFrame:
    """All rows kept; none where there is no file yet. Raises ForetellError where a line is no row."""
    if not path.exists():
        return pd.DataFrame(columns=COLUMNS)
    check_rows(path, key=_KEY, numbers=("seed", *SCORES, "fit_seconds", "predict_seconds", "fallbacks"))
    return pd.read_csv(path, dtype={**_TEXTS, "fallbacks": "Int64"}).reindex(columns=COLUMNS)


def is_kept(rows: pd.DataFrame, identity: Row) -> bool:
    """Whether there is a row, a failed one too, of the same task, recipe, seed, version, data and settings."""
    same = pd.Series(True, rows.index)
    for column in _IDENTITY:
        same &= rows[column] == identity[column]
    return bool(same.any())


def keep(row: Row, path: Path = RESULTS) -> None:
    """Put a row in the results, in place of an earlier one of the same task, recipe and seed; one process at a time."""
    old = read_results(path)
    others = old[(old[_KEY] != pd.Series({key: row[key] for key in _KEY})).any(axis=1)]
    new = pd.DataFrame([row]).reindex(columns=COLUMNS).astype({"fallbacks": "Int64"})
    both = pd.concat([others, new], ignore_index=True) if len(others) else new
    numbers = both.select_dtypes("float").columns
    both[numbers] = both[numbers].map(lambda number: float(f"{number:.6g}"))
    write_frame(both.sort_values(_KEY), path)
