"""The gate of a pipeline: what is wrong with data, or with a back-test, so that no forecast may go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from foretell.checks.check import check
from foretell.data.panel import Panel
from foretell.workflows.pipeline_state import Kept
from foretell.workflows.pipeline_text import Gate

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset


class Stopped(Exception):
    """A gate has stopped a run: the last good forecast stays."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How many rows a target table has, by step."""

    begin: int  # ordinal of the first step
    counts: NDArray[np.int64]  # [steps] observed values of all items

    @property
    def end(self) -> int:
        """The ordinal after the last step."""
        return self.begin + len(self.counts)

    def between(self, begin: int, end: int) -> int:
        """Rows of the steps from `begin` on, before `end`."""
        low, high = (min(max(each - self.begin, 0), len(self.counts)) for each in (begin, end))
        return int(self.counts[low:high].sum())


def rows_of(panel: Panel) -> Rows:
    """The rows that were read, without those that a filling made up."""
    lengths = np.diff(panel.offsets)
    ordinals = np.repeat(panel.start - panel.offsets[:-1], lengths) + np.arange(panel.offsets[-1])
    seen = np.isfinite(panel.target)
    if panel.filled is not None:
        seen &= panel.filled == 0
    begin, end = int(panel.start.min()), int((panel.start + lengths).max())
    return Rows(begin, np.bincount(ordinals[seen] - begin, minlength=end - begin))


def accepted(panel: Panel) -> dict[str, Any]:
    """Fields of `Kept` about data that passed."""
    rows = rows_of(panel)
    steps = min(max(panel.season, 1), len(rows.counts))
    latest = rows.between(rows.end - steps, rows.end)
    return {"end": rows.end, "rows": int(rows.counts.sum()), "rate": latest / steps, "window": steps}


def judge_data(gate: Gate, data: Dataset, kept: Kept, *, horizon: int) -> None:
    """Raises Stopped for errors that the check finds, and for rows that are lost, of what there was and of what is new."""
    wrong = check(data, horizon=horizon).errors
    if len(wrong) > gate.max_errors:
        raise Stopped(
            f"the data have {len(wrong)} errors, max_errors is {gate.max_errors}: {wrong[0].message}"
        )
    if kept.end is None or kept.rows is None or kept.rate is None:
        return
    rows = rows_of(data.panel)
    if rows.end < kept.end:
        spelt = data.panel.frequency.spell
        raise Stopped(f"the data end {spelt(rows.end - 1)}, and ended {spelt(kept.end - 1)} at the last run")
    _judge_rows(gate, "what the last run had", rows.between(rows.begin, kept.end), kept.rows)
    _judge_rows(
        gate, "what is new", rows.between(kept.end, rows.end), round(kept.rate * (rows.end - kept.end))
    )


def _judge_rows(gate: Gate, which: str, there: int, expected: int) -> None:
    lost = 1 - there / expected if expected else 0.0
    if lost > gate.max_rows_lost:
        raise Stopped(
            f"of {which}, {lost:.1%} of the rows are lost ({there:,} where there should be {expected:,}), max_rows_lost is"
            f" {gate.max_rows_lost:g}"
        )


def judge_score(gate: Gate, wql: float, kept: Kept) -> None:
    """Raises Stopped where a back-test is too much worse than the last accepted one."""
    if gate.max_wql_ratio is None or kept.wql is None:
        return
    if not wql <= gate.max_wql_ratio * kept.wql:  # also for a wQL that is no number
        raise Stopped(
            f"the back-test has a wQL of {wql:.4g}, the last accepted one {kept.wql:.4g}; max_wql_ratio is {gate.max_wql_ratio:g}"
        )
