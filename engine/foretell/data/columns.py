"""`Column`: what a numeric column of the panel stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

OTHER: Final = "other"  # the value of the column for all texts outside of a vocabulary
_MISSING: Final = " is missing"


@dataclass(frozen=True, slots=True)
class Column:
    """A numeric column of the panel, and the column of the user's table that it comes from.

    A number is one column. A text is one 0/1 column for each value. A number with missing values is followed by an
    indicator, which is 1 where it is missing. Names are for people: two columns may have the same one.
    """

    name: str  # for people
    source: str = ""  # the user's column; default: the one of the same name
    value: str | None = (
        None  # of a text: the value where this column is 1; "other" for all that have no column
    )
    indicator: bool = False  # whether this column is 1 where the source is missing

    def __post_init__(self) -> None:
        if not self.source:
            object.__setattr__(self, "source", self.name)

    @classmethod
    def of_value(cls, source: str, value: str) -> Column:
        """The 0/1 column of one value of the text column `source`."""
        return cls(f"{source}={value}", source, value)

    @classmethod
    def missing(cls, source: str) -> Column:
        """The indicator of the numeric column `source`."""
        return cls(source + _MISSING, source, indicator=True)

    def to_json(self) -> dict[str, Any]:
        """The fields that are not at their default, as plain JSON types."""
        plain = asdict(Column(self.name))
        return {k: v for k, v in asdict(self).items() if k == "name" or v != plain[k]}


def columns(*names: str) -> tuple[Column, ...]:
    """Plain numeric columns, each of its own name."""
    return tuple(map(Column, names))


def names_of(these: Iterable[Column]) -> tuple[str, ...]:
    """The names of columns, in order."""
    return tuple(column.name for column in these)


def columns_of_names(
    these: Sequence[Column | str], vocabularies: Mapping[str, Sequence[str]], sources: Iterable[str]
) -> tuple[Column, ...]:
    """`these` columns, or those that names alone meant, as older files have them.

    `sources` are the names of the user's columns.
    """
    known, names = set(sources), {name for name in these if isinstance(name, str)}
    return tuple(
        _of_name(each, names, vocabularies, known) if isinstance(each, str) else each for each in these
    )


def _of_name(
    name: str, names: set[str], vocabularies: Mapping[str, Sequence[str]], sources: set[str]
) -> Column:
    """What a name meant before there were columns: `text=value`, `number is missing`, or a number."""
    if name in sources:
        return Column(name)
    number = name.removesuffix(_MISSING)
    if number != name and number in names:
        return Column.missing(number)
    for text, words in vocabularies.items():
        value = name.removeprefix(f"{text}=")
        if value != name and value in (*words, OTHER):
            return Column.of_value(text, value)
    return Column(name)
