"""Whether a related column is known ahead or past only: as declared, or guessed from how far it goes and what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.gap_filling import fills
from foretell.errors import ForetellError
from foretell.ingest.context import IngestContext
from foretell.ingest.related_tables import Joined
from foretell.ingest.store import Store

_ENOUGH_ITEMS: Final = 2  # from which on "the same for all items" says something


@dataclass(frozen=True, slots=True)
class _Guesses:
    """The columns that nobody declared, by why they count as what."""

    ahead: list[str] = field(default_factory=list)  # known: they go on
    common: list[str] = field(default_factory=list)  # past: they go on, but are one number for all items
    ending: list[str] = field(default_factory=list)  # past: they do not go on

    def report(self, findings: Findings) -> None:
        """A note for each reason, with all its columns."""
        if self.ahead:
            go = "it goes" if len(self.ahead) == 1 else "they go"
            why = f"{go} on after the target's end for every item"
            findings.note("known", f"{_counting(self.ahead, 'known')}, and {why}", len(self.ahead))
        if self.ending:
            go = "it does" if len(self.ending) == 1 else "they do"
            why = f"{go} not go on after the target's end for every item"
            findings.note("past", f"{_counting(self.ending, 'past')}, and {why}", len(self.ending))
        if self.common:
            go, planned = ("it goes", "it is") if len(self.common) == 1 else ("they go", "they are")
            why = (
                f"the same number for all items at a time, as a market price is, though {go} on after the target's end:"
                f" known={self.common!r} if {planned} planned"
            )
            findings.note("past", f"{_counting(self.common, 'past')}, and {why}", len(self.common))

    def refuse(self) -> None:
        """Raises ForetellError where anything was guessed."""
        past = [*self.common, *self.ending]
        columns = [*self.ahead, *past]
        if columns:
            roles = {"known": self.ahead, "past": past}
            guessed = ", ".join(f"{role}={names!r}" for role, names in roles.items() if names)
            are = "is" if len(columns) == 1 else "are"
            raise ForetellError(
                f"{_listed(columns)} {are} declared neither known nor past, and strict=True guesses nothing. Declare"
                f" {'it' if len(columns) == 1 else 'them'}; without strict= the guess would be: {guessed}."
            )


def choose_roles(context: IngestContext, tables: Sequence[Joined], ends: NDArray[np.int64]) -> dict[str, str]:
    """Each column as known or past: as declared, otherwise known if it goes on after the target's end for every item.

    A column with a filling of the future goes on by that. A number that is the same for all items at a time, such as a market
    price, is past even where it goes on, unless it is a flag of 0 and 1. `ends` [N] is the step behind the last one of each
    item's rows. Raises ForetellError where the reading is strict and a column is not declared.
    """
    options, guesses = context.options, _Guesses()
    declared = {*options.known, *options.past, options.open}
    roles: dict[str, str] = {}
    for table in tables:
        columns = table.rows.columns
        undeclared = [c for c in columns if c not in declared]
        going = {c for c in undeclared if (table.reach(c) >= ends).all()}
        filled = {c for c in undeclared if _filled_ahead(options.filling.get(c))}
        common = _common_numbers(
            context.store, table, [c for c in undeclared if c in going and c not in filled]
        )
        ahead = (going | filled).difference(common)
        guesses.common.extend(common)
        guesses.ahead.extend(c for c in undeclared if c in ahead)
        guesses.ending.extend(c for c in undeclared if c not in going and c not in filled)
        known = {*options.known, options.open, *guesses.ahead}
        roles |= {c: "known" if c in known else "past" for c in columns}
    if options.strict:
        guesses.refuse()
    guesses.report(context.findings)
    return roles


def _filled_ahead(rule: object) -> bool:
    return isinstance(rule, Mapping) and fills(rule, "future")


def _common_numbers(store: Store, table: Joined, columns: Sequence[str]) -> list[str]:
    """Those of `columns` that are a number, not only 0 and 1, that differs from time to time and never between items.

    What is seen of a single item says nothing, nor do times of one item; a key that all items share is the same for all.
    """
    rows = table.rows
    numbers = [c for c in columns if c not in rows.texts and rows.table.kinds[c] == "number"]
    if not numbers or len(table.group) < _ENOUGH_ITEMS:
        return []
    one_key = len(np.unique(table.group)) == 1
    several = 1 if one_key else 2  # values of a time that show all items alike
    inner, outer = [], []
    for value in map(rows.value, numbers):
        inner.append(
            f"min({value}) AS low_{value}, max({value}) AS high_{value}, count({value}) AS n_{value}"
        )
        at = f"FILTER (WHERE n_{value} >= {several})"
        outer.append(
            f"bool_and(low_{value} = high_{value}) {at} AND min(low_{value}) {at} < max(high_{value}) {at}"
            f" AND NOT bool_and(low_{value} IN (0, 1) AND high_{value} IN (0, 1)) FILTER (WHERE n_{value} > 0)"
        )
    found = store.rows(
        f"SELECT {', '.join(outer)} FROM (SELECT {', '.join(inner)} FROM {rows.view} GROUP BY moment)"
    )[0]
    return [column for column, common in zip(numbers, found, strict=True) if common]


def _counting(columns: Sequence[str], role: str) -> str:
    return f"{_listed(columns)} {'counts' if len(columns) == 1 else 'count'} as {role}: not declared"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns))
