"""`Reading`: how the tables of a training were spelt, which a model remembers for tables of the same make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from foretell.errors import ForetellError

Aggregation = Literal["sum", "mean", "median", "min", "max", "first", "last"]
# a table: the number of a related one, or which of the others
Place = int | Literal["target", "items", "holidays"]
_MARKS: Final = (None, ".", ",", " ", "'")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesByTable:
    """What one column is called in each of the three tables, as far as it was said; None: a usual name."""

    target: str | None = None  # its name in the target table
    related: tuple[str | None, ...] = ()  # one for those related tables that have it, or one for each
    items: str | None = None  # its name in the table of items

    def of(self, place: Place) -> str | None:
        """The name in one of the tables."""
        if place == "target":
            return self.target
        if place == "items":
            return self.items
        if place == "holidays":  # which are foretell's own
            return None
        if len(self.related) == 1:
            return self.related[0]
        return self.related[place] if place < len(self.related) else None

    @property
    def said(self) -> set[str]:
        """All names."""
        return {name for name in (self.target, *self.related, self.items) if name is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the tables of a training were spelt, as far as its schema does not say it otherwise.

    Raises ForetellError for a format or marks that no reading has.
    """

    item_id: NamesByTable = field(default_factory=NamesByTable)  # the columns of the item
    timestamp: NamesByTable = field(default_factory=NamesByTable)  # those of the time
    target: str | None = None  # the target's
    date_format: str | None = None  # of dates in text that are not ISO
    decimal: str | None = None  # the decimal mark of numbers in text; None: a point
    thousands: str | None = None  # the mark between thousands there
    aggregation: Mapping[str, Aggregation] = field(default_factory=dict)  # of repeated rows, by column
    partitions: bool = False  # folders named column=value are columns

    def __post_init__(self) -> None:
        check_marks(self.decimal, self.thousands)
        check_date_format(self.date_format)


def names_by_table(argument: str, given: Any, *, related: int, items: bool) -> NamesByTable:
    """What an argument says of a column's name: one name for the target, or names by table.

    There are so many `related` tables, of which a list names each, and a text those that have it; the metadata (`items`) have no time.
    Raises ForetellError for anything else.
    """
    if given is None or isinstance(given, str):
        return NamesByTable(target=given)
    tables = ("target", "related", "items") if items else ("target", "related")
    if not isinstance(given, Mapping) or not set(given) <= set(tables):
        spelt = ", ".join(map(repr, tables))
        raise ForetellError(
            f"{argument} must be the name of a column, or names by table ({spelt}), got {given!r}"
        )
    listed = given.get("related")
    each = tuple(listed) if isinstance(listed, (list, tuple)) else () if listed is None else (listed,)
    odd = [name for name in (given.get("target"), *each, given.get("items")) if not _is_name(name)]
    if odd:
        raise ForetellError(f"{argument} must be names of columns, got {odd[0]!r} in {given!r}")
    if len(each) > 1 and len(each) != related:
        raise ForetellError(
            f"{argument}={{'related': ...}} names {len(each)} columns, and there are {related} related tables. Give one name for"
            " those that have it, or one for each in their order."
        )
    return NamesByTable(target=given.get("target"), related=each, items=given.get("items"))


def _is_name(name: object) -> bool:
    return name is None or isinstance(name, str)


def check_marks(decimal: str | None, thousands: str | None) -> None:
    """Raises ForetellError for marks that no number in text has."""
    if decimal not in (None, ".", ","):
        raise ForetellError(f"decimal must be '.' or ',', got {decimal!r}")
    mark = decimal or "."
    if thousands not in _MARKS or thousands == mark:
        raise ForetellError(
            "thousands must be another mark than decimal, one of '.', ',', ' ' and \"'\", got"
            f" {thousands!r} with decimal {mark!r}"
        )


def check_date_format(form: str | None) -> None:
    """Raises ForetellError for a format of dates that cannot be read by."""
    if form is None:
        return
    if not isinstance(form, str) or "%" not in form:
        raise ForetellError(f"date_format must be spelt as strptime does, such as '%d.%m.%Y', got {form!r}")
    zoned = next((part for part in ("%z", "%Z") if part in form), None)
    if zoned is not None:
        raise ForetellError(
            f"date_format={form!r} has {zoned}: an offset or a zone is read in ISO times only (2024-02-01T23:30+01:00). Write"
            " the times so, or leave the offset out of the column."
        )
    parts = set(re.findall(r"%-?([A-Za-z])", form))
    if ("G" in parts) != ("V" in parts) or ("V" in parts and parts & set("wmdj")):
        raise ForetellError(
            f"date_format={form!r}: the year %G, the week %V and the day %u of ISO weeks go together. Write '%G-W%V-%u'."
        )
    if parts & {"W", "U"} and "u" in parts:
        raise ForetellError(
            f"date_format={form!r}: the day of a week %W or %U is %w, from 0 for Sunday. Write '%Y-W%W-%w', or ISO weeks as"
            " '%G-W%V-%u'."
        )
