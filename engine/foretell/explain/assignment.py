"""`column = expression where condition`: a change as a text, parsed into a tree that is checked against a list.

Nothing of the text reaches the SQL that runs but columns that were looked up, and literals that were checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from foretell.errors import ForetellError
from foretell.explain.plan_columns import PlanColumn, changeable
from foretell.explain.sql_terms import Terms
from foretell.explain.sql_tree import parse_update
from foretell.system.plain_text import printable

LONGEST: Final = 2_000  # characters of a change
_SHOWN: Final = 100  # characters of one in a message


@dataclass(frozen=True, slots=True)
class Assignment:
    """A change of a plan: which column gets what, and where."""

    text: str  # as it was written
    column: PlanColumn
    value: str  # SQL of the new value
    condition: str  # SQL of the rows that get it
    reads: tuple[PlanColumn, ...]  # the columns that both name
    times: tuple[np.datetime64 | float, ...]  # that the time is compared with
    texts: Mapping[str, tuple[str, ...]]  # column -> the texts that it is compared with


def parse_assignment(text: str, columns: Mapping[str, PlanColumn]) -> Assignment:
    """The assignment that `text` spells, over `columns` by name.

    Raises ForetellError, with the text, for one that is too long or no single assignment, for whatever is not on the list, and for
    columns that are not there or cannot be changed.
    """
    if len(text) > LONGEST:
        raise ForetellError(
            f"change {shortened(text)} has {len(text):,} characters, more than {LONGEST:,}. Write it as several."
        )
    try:
        name, value, condition = parse_update(text)
        column, terms = changeable(name, columns), Terms(columns)
        new = terms.value_of(value, column)
        where = "true" if condition is None else terms.condition_of(condition)
    except RecursionError:
        raise ForetellError(f"change {shortened(text)} is nested too deeply. Write it as several.") from None
    except ForetellError as error:
        raise ForetellError(f"change {shortened(text)}: {error}") from error
    texts = {name: tuple(words) for name, words in terms.texts.items()}
    return Assignment(text, column, new.sql, where, tuple(terms.read.values()), tuple(terms.times), texts)


def shortened(text: str) -> str:
    """A change for a message."""
    plain = printable(" ".join(text.split()))
    return repr(plain if len(plain) <= _SHOWN else plain[: _SHOWN - 3] + "...")
