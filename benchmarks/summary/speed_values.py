"""What `speed/speed.csv` and `speed/ingest.csv` say, as texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from benchmarks.accuracy.results_page import markdown
from foretell.errors import ForetellError

PEERS: Final = {  # name of a figure -> part, beginning of its case, whom foretell is so many times as fast as
    "accuracy_times": ("time to accuracy", "M4 hourly", "GluonTS DeepAREstimator"),
    "feed_times": ("feed", "context", "GluonTS loader"),
    "training_times": ("training", "deepar", "GluonTS DeepAREstimator"),
    "training_autogluon_times": ("training", "deepar", "AutoGluon DeepAR"),
    "paths_times": ("prediction", "deepar", "GluonTS DeepAREstimator"),
    "paths_autogluon_times": ("prediction", "deepar", "AutoGluon DeepAR"),
    "many_times": ("prediction of many", "mqrnn", "neuralforecast LSTM"),
    "evaluator_times": ("evaluator", "28 steps", "gluonts.ev"),
    "ets_times": ("local models", "ets", "statsforecast"),
    "arima_times": ("local models", "arima", "statsforecast"),
}
_WHAT: Final = {
    "accuracy_times": "`mqrnn` trained on M4 hourly up to the wQL of GluonTS' DeepAR with its defaults",
    "feed_times": "`deepar` makes its batches; GluonTS' loader",
    "training_times": "`deepar` trains; GluonTS' with the same sizes",
    "training_autogluon_times": "`deepar` trains; AutoGluon's with the same sizes",
    "paths_times": "`deepar` draws sample paths; GluonTS'",
    "paths_autogluon_times": "`deepar` draws sample paths; AutoGluon's",
    "many_times": "`mqrnn` forecasts many series; neuralforecast's LSTM",
    "evaluator_times": "all scores of many forecasts; `gluonts.ev`",
    "ets_times": "`ets`; statsforecast called directly",
    "arima_times": "`arima`; statsforecast called directly",
}


def of_peers(rows: pd.DataFrame) -> dict[str, str]:
    """How many times as fast foretell is as each peer on a CPU, by the work done a second of the clock that was read."""
    rows = rows[rows["device"] == "cpu"]
    found = {name: _times(rows, *where) for name, where in PEERS.items()}
    lines = [[_WHAT[name], times] for name, times in found.items()]
    machines = "; ".join(sorted(set(rows["machine"])))
    return {
        **found,
        "speed_table": markdown(["work; beside", "times as fast"], lines),
        "speed_machine": machines,
    }


def of_growth(rows: pd.DataFrame) -> dict[str, str]:
    """What a series costs in a forecast of a million, over its cost in a forecast of ten thousand."""
    forecast = rows[rows["part"] == "growth: series forecast"]
    rate = _rate(forecast)
    return {"growth": f"{rate.iloc[0] / rate.iloc[-1]:.2f}", "growth_most": f"{forecast['work'].max():,.0f}"}


def of_ingest(rows: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Large panels: a row a piece of work."""
    lines = [
        [
            row["case"],
            row["work"],
            f"{float(row['rows']):,.0f}",
            f"{float(row['items']):,.0f}",
            _seconds(row),
            _memory(row),
        ]
        for row in rows
        if row["case"] in ("parquet", "csv", "billion")
    ]
    head = ["table", "work", "rows", "items", "seconds", "anonymous memory, MB"]
    by = {(row["case"], row["work"]): row for row in rows}
    return {
        "ingest_table": markdown(head, lines),
        "parquet_seconds": _seconds(by["parquet", "ingest"]),
        "parquet_rows": f"{float(by['parquet', 'ingest']['rows']) / 1e6:,.0f} million",
    }


def _times(rows: pd.DataFrame, part: str, case: str, system: str) -> str:
    """foretell's rate over the peer's. Raises ForetellError where one of the two was not measured."""
    same = rows[(rows["part"] == part) & rows["case"].str.startswith(case) & (rows["device"] == "cpu")]
    ours, theirs = same[same["system"].str.startswith("foretell")], same[same["system"] == system]
    if ours.empty or theirs.empty:
        raise ForetellError(f"speed.csv has no row of {system} and foretell for {part!r}, {case!r}")
    times = float(_rate(ours).iloc[0] / _rate(theirs).iloc[0])
    return f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def _rate(rows: pd.DataFrame) -> pd.Series:
    clock = rows["cpu_seconds"].where(rows["clock"] == "cpu", rows["seconds"])
    return rows["work"] / clock


def _seconds(row: Mapping[str, str]) -> str:
    seconds = float(row["seconds"])
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"


def _memory(row: Mapping[str, str]) -> str:
    return f"{float(row['peak_anonymous_mb']):,.0f}"
