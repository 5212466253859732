"""`Options`: how a data set's tables are to be read, checked as far as that goes without the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast, get_args

import numpy as np

from foretell.data.frequency import Frequency
from foretell.data.gap_filling import parse_rule
from foretell.data.reading import Aggregation, NamesByTable, Reading, check_date_format, check_marks
from foretell.data.schema import MOST_STEPS, Ends, Partial, Schema
from foretell.data.time_zone_names import check_timezone
from foretell.errors import ForetellError, nearest
from foretell.ingest.keyed_rows import METHODS
from foretell.ingest.unseen import COMMONEST
from foretell.system.whole_numbers import as_whole, whole_number

_MOST_VALUES: Final = 10_000  # of a text column that an option may ask for


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the tables are to be read; see `Dataset` for what each means."""

    frequency: Frequency  # any where it is open
    open_frequency: bool = False  # it is to be found in the target table
    anchored: bool = True  # the day or month that its steps begin at was asked for by name: W-FRI, not W
    item_id: NamesByTable = field(default_factory=NamesByTable)
    timestamp: NamesByTable = field(default_factory=NamesByTable)
    target: str | None = None
    dimensions: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    open: str | None = None
    categorical: tuple[str, ...] = ()  # columns whose numbers are codes
    numeric: tuple[str, ...] = ()  # columns of text that hold numbers
    text_values: int | None = None  # values of a text column that get a column; None: by the data
    seasons: tuple[int, ...] = (1,)  # none: the frequency's, where it is open
    ends: Ends = "last"
    partial: Partial = "drop"
    aggregation: Mapping[str, str] = field(default_factory=dict)
    filling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # the target's under "target"
    strict: bool = False
    tolerant: bool = False  # rows that cannot be read are a finding rather than the end
    holidays: tuple[str, ...] = ()  # country codes, or one `@column` of the metadata
    holiday_days: int = 1  # days before and after a holiday that have a column each
    ahead: int = 0  # steps past the end that known covariates must reach where they can
    timezone: str | None = None  # the zone in which times with an offset or a zone are read; None: their own
    date_format: str | None = None  # of dates in text that are not ISO
    decimal: str | None = None  # the decimal mark of numbers in text: . (None) or ,
    thousands: str | None = None  # the mark between thousands there; None: there is none
    partitions: bool = False  # folders named column=value are columns
    schema: Schema | None = None  # a model's: its columns and vocabularies are reproduced
    # how the tables of a training were spelt, whose names of columns come before the usual ones
    remembered: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        """Raises ForetellError for options that contradict each other or are spelt wrongly."""
        if self.ends not in get_args(Ends):
            raise ForetellError(f"ends must be 'last' or 'own', got {self.ends!r}")
        if self.partial not in get_args(Partial):
            raise ForetellError(f"partial must be 'drop' or 'keep', got {self.partial!r}")
        both = set(self.known) & set(self.past)
        if both:
            raise ForetellError(
                f"column {min(both)!r} is declared both known and past. Keep it in one of the two."
            )
        if self.open is not None and self.open in self.past:
            raise ForetellError(
                f"the open column {self.open!r} must be known ahead, but it is declared past."
            )
        _check_kinds(self)
        if self.text_values is not None:
            asked = whole_number("text_values", self.text_values, least=COMMONEST, most=_MOST_VALUES)
            object.__setattr__(self, "text_values", asked)
        check_marks(self.decimal, self.thousands)
        check_timezone(self.timezone)
        check_date_format(self.date_format)
        _check_aggregation(self.aggregation)

    @property
    def mark(self) -> str:
        """The decimal mark of numbers in text."""
        return self.decimal or "."

    def at(self, frequency: Frequency) -> Options:
        """These options with the frequency that was found, where it was open."""
        seasons = self.seasons or frequency.seasons
        return replace(self, frequency=frequency, open_frequency=False, anchored=True, seasons=seasons)

    def reading(self) -> Reading:
        """What a model remembers of them beside its schema."""
        return Reading(
            item_id=self.item_id,
            timestamp=self.timestamp,
            target=self.target,
            date_format=self.date_format,
            decimal=self.decimal,
            thousands=self.thousands,
            aggregation={column: cast("Aggregation", way) for column, way in self.aggregation.items()},
            partitions=self.partitions,
        )


def _check_kinds(options: Options) -> None:
    """Raises ForetellError for a column that is declared to be two things."""
    both = set(options.categorical) & set(options.numeric)
    if both:
        raise ForetellError(
            f"column {min(both)!r} is declared both categorical and numeric. Keep it in one of the two."
        )
    if options.open in options.categorical:
        raise ForetellError(
            f"the open column {options.open!r} must be 0 or 1, but it is declared categorical. Leave that out."
        )


def column_names(argument: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetitions; raises ForetellError, naming the argument, for what is no list of names."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ForetellError(f"{argument} must be a list of column names, got {names!r}")
    return tuple(dict.fromkeys(names))


def season_lengths(season: int | Sequence[int] | None, frequency: Frequency | None) -> tuple[int, ...]:
    """The seasonal periods in steps, by default the frequency's; raises ForetellError for what is no number of steps."""
    if season is None:
        return () if frequency is None else frequency.seasons
    given = list(season) if isinstance(season, (Sequence, np.ndarray)) else [season]
    seasons = [period for each in given if (period := as_whole(each)) is not None]
    if not seasons or len(seasons) < len(given) or not all(1 <= period <= MOST_STEPS for period in seasons):
        raise ForetellError(
            f"season must be a whole number of steps from 1 to {MOST_STEPS:,}, or a list of such, got {season!r}"
        )
    return tuple(seasons)


def filling_rules(
    asked: Mapping[str, Mapping[str, Any]] | None, target: str | None
) -> dict[str, Mapping[str, Any]]:
    """The rules by column, the target's under "target"; raises ForetellError where that one is wrong.

    The others are checked when it is known what kind of column they fill.
    """
    rules = {("target" if column == target else column): rule for column, rule in (asked or {}).items()}
    if "target" in rules:
        rules["target"] = parse_rule("target", rules["target"], "target")
    return rules


def _check_aggregation(asked: Mapping[str, str]) -> None:
    for column, method in asked.items():
        if method not in METHODS:
            raise ForetellError(
                f"aggregation= of {column!r}: no method {method!r}.{nearest(str(method), METHODS)}"
                f" There are: {', '.join(METHODS)}."
            )
