"""Items whose rows end within the last step of the table, or begin within a step, where the table itself does not.

One shop that reported two days of the last week has a week of two days there. The table decides which steps are left out
(`partial_steps`); of such items it is said. Whether times are missing is a matter of chance: of the times that lacked before.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from foretell.data.frequency import spell
from foretell.ingest.context import IngestContext
from foretell.ingest.item_metadata import match
from foretell.ingest.keyed_rows import KeyedRows, KeySpans, spell_key
from foretell.ingest.partial_steps import CYCLES, Level, finest_level, foremost
from foretell.system.sql_text import integer

_MOST: Final = 5000  # items that are looked at, the first by key
_CHANCE: Final = 0.005  # that so many times in a row lack, from which they are missing
_LONGEST: Final = 366  # times of a step


def report_partial_items(context: IngestContext, rows: KeyedRows, spans: KeySpans) -> None:
    """Warn of items that end within the table's last whole step, and note those that begin within a step."""
    level = None if context.frequency.unit == "step" else finest_level(context.frequency)
    have = spans.seen[:, 0] > 0
    if level is None or context.options.ends == "own" or spans.off == 0 or have.sum() < 2:
        return
    first, last = int(spans.first[have, 0].min()), int(spans.last[have, 0].max())
    within = f"v0 IS NOT NULL AND step BETWEEN {integer(first)} AND {integer(last)}"
    time = f"CAST({level.sql} AS BIGINT)"
    found = context.store.frame(
        f"SELECT {', '.join([*rows.keys, f'min({time}) AS low', f'max({time}) AS high'])} FROM {rows.view}"
        f" WHERE {within} GROUP BY {', '.join(rows.keys)} ORDER BY {', '.join(rows.keys)}"
    )
    found = found[found[rows.keys].notna().all(axis=1)]
    low, high = found["low"].to_numpy(np.int64), found["high"].to_numpy(np.int64)
    begin, end = int(low.min()), int(high.max())
    steps = context.frequency.ordinals(level.moments(high))
    late = (steps == last) & (high < end)
    early = (low > begin) & (
        context.frequency.ordinals(level.moments(low - 1)) == context.frequency.ordinals(level.moments(low))
    )
    chosen = np.flatnonzero(late | early)[:_MOST]
    if not len(chosen):
        return
    some = found.iloc[chosen]
    shares = _shares(context, rows, some, level, time=time, within=within)
    missing = _missing(context, high[chosen], shares, level, direction=1, edge=end) & late[chosen]
    opened = _missing(context, low[chosen], shares, level, direction=-1, edge=begin) & early[chosen]
    _report(context, rows, some, level, ended=missing, opened=opened, end=end, last=last)


def _shares(
    context: IngestContext, rows: KeyedRows, some: pd.DataFrame, level: Level, *, time: str, within: str
) -> NDArray[np.float64]:
    """[G, cycle] in which share of the turns of the cycle each item has rows at each time; 0 where it has too few turns."""
    context.store.register("edged", pa.table({part: pa.array(some[part], pa.string()) for part in rows.keys}))
    on = " AND ".join(f"r.{part} = e.{part}" for part in rows.keys)
    keys, cycle = ", ".join(f"r.{part}" for part in rows.keys), integer(level.cycle)
    times = f"SELECT DISTINCT {keys}, {time} AS t FROM {rows.view} r JOIN edged e ON {on} WHERE {within}"
    frame = context.store.frame(
        f"SELECT {', '.join(rows.keys)}, ((t % {cycle}) + {cycle}) % {cycle} AS slot, count(*) AS n FROM ({times})"
        f" GROUP BY {', '.join(rows.keys)}, slot"
    )
    count = np.zeros((len(some), level.cycle))
    where = match(frame[rows.keys], some[rows.keys].reset_index(drop=True))
    count[where, frame["slot"].to_numpy(np.int64)] = frame["n"].to_numpy(np.float64)
    low, high = some["low"].to_numpy(np.int64), some["high"].to_numpy(np.int64)
    slot = np.arange(level.cycle)
    turns = (high[:, None] - slot) // level.cycle - (low[:, None] - 1 - slot) // level.cycle
    shares = count / (turns + 1)  # one more than there were: what was always there may lack once
    return np.where((high - low + 1 >= CYCLES * level.cycle)[:, None], shares, 0.0)


def _missing(
    context: IngestContext,
    time: NDArray[np.int64],
    shares: NDArray[np.float64],
    level: Level,
    *,
    direction: int,
    edge: int,
) -> NDArray[np.bool_]:
    """[G] whether the times of the step behind (or before) `time`, as far as the table goes, lack by no chance."""
    frequency, chance = context.frequency, np.ones(len(time))
    step = frequency.ordinals(level.moments(time))
    for k in range(1, _LONGEST + 1):
        beside = time + direction * k
        same = (frequency.ordinals(level.moments(beside)) == step) & (direction * (edge - beside) >= 0)
        if not same.any():
            break
        share = np.take_along_axis(shares, (beside % level.cycle)[:, None], axis=1)[:, 0]
        chance *= np.where(same, 1 - share, 1.0)
    return np.asarray(chance < _CHANCE)


def _report(
    context: IngestContext,
    rows: KeyedRows,
    some: pd.DataFrame,
    level: Level,
    *,
    ended: NDArray[np.bool_],
    opened: NDArray[np.bool_],
    end: int,
    last: int,
) -> None:
    keys = some[rows.keys].set_axis(list(rows.key), axis=1)

    def told(time: int) -> str:
        return spell(level.moments(np.array([time]))[0])

    if ended.any():
        item, count = foremost(keys, ended), int(ended.sum())
        context.findings.warn(
            "partial_items",
            f"{count:,} items of {rows.table.label} end within the last step, {context.frequency.spell(last)}, first"
            f" {spell_key(rows.key, list(keys.iloc[item]))}: its rows end {told(int(some['high'].iloc[item]))}, those of others"
            f" {told(end)}. Its value there is of a part of the step.",
            count,
        )
    if opened.any():
        item, count = foremost(keys, opened), int(opened.sum())
        context.findings.note(
            "partial_items",
            f"{count:,} items of {rows.table.label} begin within a step, first {spell_key(rows.key, list(keys.iloc[item]))}:"
            f" its rows begin {told(int(some['low'].iloc[item]))}. Its first value is of a part of the step.",
            count,
        )
