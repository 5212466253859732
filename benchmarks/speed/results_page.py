"""`SPEED.md`: the results as tables, a part each."""

from __future__ import annotations

import math

import pandas as pd

INTRODUCTION = """# Speed, side by side

Written by `python -m benchmarks.speed` from `speed.csv`. Within a part everybody works on the same series with the same sizes, in
one run, taking turns; a figure is the median over the rounds. *Rate* is work a second. *Ratio* is foretell's rate over the row's: how
many times as fast foretell is. Where the clock is `cpu`, both are of processor seconds, which other work on the machine disturbs little;
wall seconds stand beside them. All run on as many threads as the column says. *At least* is what foretell sets out to reach. Where a row's work is less than the others', it is the rate that is
compared."""

_GROWTH = "growth"
_WAITED = 1.5  # wall over processor seconds of one thread, from which it waited for others
_BELOW = {  # what is to be said under the table of a part
    _GROWTH: "Seconds a unit of work, over those of the first row of the same kind, are the *growth*.",
    "prediction of many": """Both have two LSTM layers of 64 and forecast 24 hours from one window of each series. foretell reads more: 252 hours, six at a
time (the context, and the half as many beside it in which forks are trained), the calendar of each, and for each hour ahead the values
of eight earlier days and weeks; it makes 15 levels and the mean, of which nine and the mean are handed out. neuralforecast's network
reads 168 hours one by one and nothing else, and makes the nine levels.""",
    "training": """Both sides of deepar train the same network: what its forward and backward pass take (below, a training step) no feed
can save.""",
}


def render(rows: pd.DataFrame) -> str:
    """All parts and devices that have results."""
    parts = [INTRODUCTION]
    for part, group in rows.groupby(rows["part"].str.split(":").str[0], sort=False):
        parts.append(f"## {part[0].upper()}{part[1:]}")
        parts.append(_table(group))
        if part in _BELOW:
            parts.append(_BELOW[part])
    if not (rows["device"] != "cpu").any():
        parts.append(
            "## On a GPU\n\nNot measured: no machine with one was at hand. `python -m benchmarks.speed --device cuda` fills this in,"
            " with the share of a step spent outside kernels and the curve over batch sizes."
        )
    parts.append("Measured with " + "; ".join(sorted(set(rows["versions"]))) + ".")
    parts.append("Machine: " + "; ".join(sorted(set(rows["machine"]))) + ".")
    if ((rows["clock"] == "cpu") & (rows["seconds"] > _WAITED * rows["cpu_seconds"])).any():
        parts.append(
            "Other work ran on the machine beside some of this: wall seconds are above those of a quiet machine, and processor seconds"
            " somewhat (shared caches)."
        )
    return "\n\n".join(parts) + "\n"


def _table(group: pd.DataFrame) -> str:
    growing = bool(group["part"].str.startswith(_GROWTH).any())
    last = ["growth"] if growing else ["ratio", "at least"]
    header = ["case", "system", "device", "work", "CPU s", "wall s", "rate", *last, "threads", "note"]
    lines = [header, ["---"] * len(header)]
    for _, same in group.groupby(
        ["part", "case", "device"] if not growing else ["part", "device"], sort=False
    ):
        lines += [_line(row, same, growing=growing) for _, row in same.iterrows()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _line(row: pd.Series, same: pd.DataFrame, *, growing: bool) -> list[str]:
    kind = str(row["part"]).split(": ")[-1]
    case = f"{kind}, {row['case']}" if growing else str(row["case"])
    work = "" if math.isnan(row["work"]) else f"{row['work']:,.0f} {row['unit']}"
    ours = same[same["system"].str.startswith("foretell")]
    ratio = (_rate(ours.iloc[0]) / _rate(row)) if len(ours) and row["work"] > 0 else math.nan
    if growing:
        last = [_short(ratio)]
    else:
        peer = not str(row["system"]).startswith("foretell")
        last = [_short(ratio) if peer else "", f"{row['target']:.3g}" if peer and row["target"] > 0 else ""]
    return [
        case,
        str(row["system"]),
        str(row["device"]),
        work,
        _short(row["cpu_seconds"]),
        _short(row["seconds"]),
        _short(_rate(row)),
        *last,
        str(row["threads"]),
        str(row["note"]),
    ]


def _rate(row: pd.Series) -> float:
    seconds = row["cpu_seconds"] if row["clock"] == "cpu" else row["seconds"]
    return float(row["work"] / seconds) if seconds > 0 else math.nan


def _short(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
