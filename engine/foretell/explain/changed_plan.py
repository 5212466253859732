"""A plan with a change: which cells are set to what, and what there is to say about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.columns import OTHER
from foretell.data.findings import Finding
from foretell.data.frequency import spell
from foretell.data.future_plan import FuturePlan
from foretell.errors import ForetellError
from foretell.explain.plan_columns import PlanColumn
from foretell.explain.plan_table import step_times

_LARGEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class ChangedPlan:
    """A plan, the cells that were set, and what was found on the way."""

    plan: FuturePlan
    touched: NDArray[np.bool_]  # [N, H] cells that a change set, also to what they held before
    findings: tuple[Finding, ...] = ()

    def set(
        self, column: PlanColumn, cells: NDArray[np.int64], values: NDArray[Any], *, by: str
    ) -> ChangedPlan:
        """This plan with `values` [R], numbers or texts, in the flat `cells` [R] of a column; messages call the change `by`.

        Raises ForetellError for a value that is missing where there was one, for a number that the grid cannot hold, and for one
        other than 0 and 1 in the open column.
        """
        old = self.plan.values(column.name)
        words = self.plan.words(column.name)
        coded, strange = (_numbers(values), []) if words is None else _codes(values, words)
        missing = np.isnan(coded) if words is None else coded == 0
        before = old.ravel()[cells]
        had = ~np.isnan(before) if words is None else np.nan_to_num(before) > 0
        self._refuse(
            missing & had,
            cells,
            f"{by} leaves {column.name!r} without a value",
            "Was it divided by 0, or reckoned with a value that is missing?",
        )
        if words is None:
            self._check_numbers(column, cells, coded, by)
        new = old.copy()
        new.ravel()[cells[~missing]] = coded[~missing].astype(np.float32)
        touched = self.touched.copy()
        touched.ravel()[cells[~missing]] = True
        found = [*self._still_missing(column, missing, by), *_unseen(column, strange, words, by)]
        if np.array_equal(new, old, equal_nan=True):
            found.append(
                Finding("warning", "unchanged", f"{by} sets what the plan holds already", len(cells))
            )
        return ChangedPlan(self.plan.changed(column.name, new), touched, (*self.findings, *found))

    @property
    def differs(self) -> bool:
        """Whether any cell holds another value than before all changes."""
        before = FuturePlan(self.plan.panel, self.plan.horizon)
        return any(
            not np.array_equal(values, before.values(column), equal_nan=True)
            for column, values in self.plan.changes.items()
        )

    def _check_numbers(
        self, column: PlanColumn, cells: NDArray[np.int64], numbers: NDArray[np.float64], by: str
    ) -> None:
        large = np.abs(np.nan_to_num(numbers, posinf=np.inf, neginf=-np.inf)) > _LARGEST
        self._refuse(
            large,
            cells,
            f"{by} makes {column.name!r} infinite, or larger than 3.4e38",
            "Look for a division by 0.",
        )
        if column.name == self.plan.panel.schema.open:
            odd = ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
            self._refuse(odd, cells, f"{by} sets the open column {column.name!r} to other than 0 and 1", "")

    def _refuse(self, wrong: NDArray[np.bool_], cells: NDArray[np.int64], what: str, way_out: str) -> None:
        """Raises ForetellError naming the first of the cells that are wrong."""
        if wrong.any():
            where = self.spelt(int(cells[wrong].min()))
            raise ForetellError(f"{what} for {where} ({int(wrong.sum()):,} such cells). {way_out}".strip())

    def _still_missing(self, column: PlanColumn, missing: NDArray[np.bool_], by: str) -> tuple[Finding, ...]:
        count = int(missing.sum())
        if not count:
            return ()
        message = f"{by}: {column.name!r} is missing in {count:,} of {len(missing):,} cells and stays so"
        return (Finding("note", "still_missing", message, count),)

    def spelt(self, cell: int) -> str:
        """An item and a time, for messages."""
        item, step = divmod(cell, self.plan.horizon)
        panel = self.plan.panel
        name = " / ".join(str(part) for part in panel.keys.iloc[item])
        return f"item {name!r} at {panel.frequency.spell(int(panel.origin[item]) + step)}"

    @property
    def span(self) -> str:
        """What the plan covers, for messages."""
        times, there = step_times(self.plan)
        first, last = (spell(moment) for moment in (times[there].min(), times[there].max()))
        return f"the plan runs from {first} to {last} for {len(self.plan.panel):,} items"


def untouched(plan: FuturePlan) -> ChangedPlan:
    """A plan as it stands."""
    return ChangedPlan(plan, np.zeros((len(plan.panel), plan.horizon), bool))


def _numbers(values: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(values, np.float64)


def _codes(values: NDArray[Any], words: tuple[str, ...]) -> tuple[NDArray[np.float64], list[str]]:
    """The code of each text, 0 where there is none and the last one for a text that has no column; and the texts of that kind."""
    labels, texts = pd.factorize(values)
    known = {word: k + 1.0 for k, word in enumerate(words)}
    codes = np.array([*(known.get(text, float(len(words))) for text in texts), 0.0])
    return codes[labels], [str(text) for text in texts if text not in known]


def _unseen(
    column: PlanColumn, strange: list[str], words: tuple[str, ...] | None, by: str
) -> tuple[Finding, ...]:
    """Texts that the model was not trained on: said, since they count as one."""
    if not strange or words is None:
        return ()
    message = (
        f"{by}: {strange[0]!r} is no value of {column.name!r} that the model has learned: it counts as {OTHER!r}, with all"
        f" others that have no column of their own (it has: {', '.join(words[:-1][:10])})"
    )
    return (Finding("warning", "unseen", message, len(strange)),)
