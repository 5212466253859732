"""MONITOR.md: what was measured of `foretell monitor`, from the committed tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from benchmarks.committed_table import check_rows
from benchmarks.monitoring.rates import WITHIN

RATES: Final = "rates.csv"
MODELS: Final = "favorita_models.csv"
WAYS: Final = "favorita_ways.csv"
NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    RATES: ("histories", "retrain", "watch", "found", "found_by_wql", "found_at_last", "delay", "naive"),
    MODELS: ("runs", "wQL", "wQL after", "wQL of the next"),
    WAYS: ("trainings", "runs", "wQL"),
}
KEY: Final[dict[str, tuple[str, ...]]] = {
    RATES: ("world", "histories"),
    MODELS: ("trained", "runs"),
    WAYS: ("trained", "runs"),
}
MOST, LEAST = 0.05, 0.80  # asked: `retrain` without drift, a rise found in time
_ABOUT: Final[dict[str, str]] = {
    "weekly": "a run of 28 days each week, eight windows of back-test",
    "end to end": "a run of 28 days every 28 days",
    "few shocks": "weekly; items have less in common",
    "strong shocks": "weekly; items have twice as much in common",
    "slow shocks": "weekly; what items have in common fades slowly",
    "three windows": "weekly; three windows of back-test",
    "one window": "weekly; one window, joined by the first runs",
    "no back-test": "weekly; the first runs count as usual",
    "26 windows": "weekly; two years of back-test",
}


def read(path: Path) -> pd.DataFrame:
    """A committed table; raises ForetellError for a line that is no row."""
    check_rows(path, key=KEY[path.name], numbers=NUMBERS[path.name])
    return pd.read_csv(path, keep_default_na=True)


def page(folder: Path) -> str:
    """The whole page."""
    there = all((folder / name).is_file() for name in (MODELS, WAYS))
    past = _favorita(read(folder / MODELS), read(folder / WAYS)) if there else ""
    return _TOP + _rates(read(folder / RATES)) + past


_TOP: Final = """# What `foretell monitor` finds, and how often it is wrong

`python -m benchmarks.monitoring rates` and `python -m benchmarks.monitoring favorita` measure it; this page is made of their tables.
"""


def _rates(table: pd.DataFrame) -> str:
    rows = [
        [
            f"**{row['world']}**: {_ABOUT[row['world']]}",
            _percent(row["naive"]),
            _percent(row["retrain"]),
            _percent(row["watch"]),
            _percent(row["found"]),
            _percent(row["found_by_wql"]),
            _percent(row["found_at_last"]),
            "-" if pd.isna(row["delay"]) else f"{row['delay']:.0f}",
        ]
        for _, row in table.iterrows()
    ]
    count = int(table["histories"].max())
    heads = (
        "history",
        "cells counted",
        "`retrain` without drift",
        "`watch` or more without drift",
        f"found within {WITHIN} runs",
        "by wQL alone",
        "found at last",
        "runs until found",
    )
    return (
        f"\n## Made-up histories\n\n{count} histories each of a back-test and 26 runs, of 200 items whose errors share shocks from"
        " day to day (`simulated.py`). *Cells counted* is the share of quiet runs that a test at 5 % calls unusual if it takes cells"
        " for independent. A history counts as `retrain` if the verdict is that at any time of its 26 runs. Each is drawn once"
        " more with errors that grow by a fifth from a run between the 10th and the 19th on, and wQL with them; *found* is `retrain` by any of the three"
        " tests. The seeds are others than those that the tests were chosen on. The standard error of a share of 5 % is 1.5 %.\n\n"
        + _table(heads, rows)
        + _short_of(table)
    )


def _short_of(table: pd.DataFrame) -> str:
    """Which histories fail what is asked: few false alarms, and that a rise is found soon."""
    loud = [
        f"{row['world']} ({_percent(row['retrain'])})" for _, row in table.iterrows() if row["retrain"] > MOST
    ]
    blind = [
        f"{row['world']} ({_percent(row['found'])})" for _, row in table.iterrows() if row["found"] < LEAST
    ]
    return (
        f"\nAsked were at most {_percent(MOST)} called `retrain` without drift, and {_percent(LEAST)} of the rises found within"
        f" {WITHIN} runs.\n\n- **Too many false alarms**: {', '.join(loud) or 'none'}. Shocks that stay for weeks look like drift, and"
        " eight windows are too few to learn that they go away again.\n- **Found too late**: "
        f"{', '.join(blind) or 'none'}. What items have in common hides a rise by a fifth until more blocks are there, and with few"
        " windows it is not known what is usual.\n"
    )


def _favorita(models: pd.DataFrame, ways: pd.DataFrame) -> str:
    told = [
        [
            str(row["trained"]),
            "never" if pd.isna(row["given up"]) else str(row["given up"]),
            f"{row['runs']:.0f}",
            "" if pd.isna(row["why"]) else str(row["why"]),
            f"{row['wQL']:.4f}",
            _number(row["wQL after"]),
            _number(row["wQL of the next"]),
        ]
        for _, row in models.iterrows()
    ]
    first = float(ways["wQL"].iloc[0])
    beside = [
        [
            str(row["trained"]),
            f"{row['trainings']:.0f}",
            f"{row['runs']:.0f}",
            f"{row['wQL']:.4f}",
            f"{100 * (row['wQL'] / first - 1):+.1f} %",
        ]
        for _, row in ways.iterrows()
    ]
    heads = (
        "trained",
        "`retrain` on",
        "runs",
        "why, in the last block",
        "wQL",
        "wQL after that",
        "its successor's",
    )
    return (
        "\n## Favorita's receipts\n\nDaily receipts of 51 stores; `lightgbm` (50,000 rows), a run of 28 days every fourth Monday from 2015 on, a back-test"
        " of the year before each training. Each model is watched until it is to be trained again.\n\n"
        + _table(heads, told)
        + "\nOver all runs:\n\n"
        + _table(("trained", "trainings", "runs", "wQL", "against the first row"), beside)
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _percent(share: float) -> str:
    return "-" if pd.isna(share) else f"{100 * share:.1f} %"


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.4f}"
