"""`Schema`: what the arrays of a panel mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal

from foretell.data.columns import OTHER, Column, columns_of_names
from foretell.data.frequency import Frequency
from foretell.data.gap_filling import Role, parse_rule
from foretell.data.reading import Reading
from foretell.data.time_zone_names import check_timezone
from foretell.errors import ForetellError
from foretell.system.typed import typed

Ends = Literal["last", "own"]
Partial = Literal["drop", "keep"]
_COLUMNS: Final = ("known", "past", "static_real")  # the fields that hold `Column`s
_ALWAYS: Final = (*_COLUMNS, "frequency", "vocabularies", "roles")  # fields that every release has written
MOST_STEPS: Final = 1_000_000  # of a seasonal period


@dataclass(frozen=True, slots=True)
class Schema:
    """What the arrays of a panel mean: their columns, and the vocabularies behind their codes.

    Example:
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")
        >>> data.schema.key, data.schema.seasons
        (('item_id',), (7,))
    """

    key: tuple[str, ...] = ("item_id",)  # the columns of `Panel.keys`: item_id, then dimensions
    timestamp: str = "timestamp"  # the column of the time in forecasts
    target: str = "target"  # what is forecast, as figures call it
    frequency: Frequency = field(default_factory=lambda: Frequency("D"))  # the grid of time
    seasons: tuple[int, ...] = (1,)  # seasonal periods in steps; the first is the one that MASE and naive use
    ends: Ends = "last"  # all series end at the last timestamp of the target, or each at its own
    partial: Partial = "drop"  # steps at the ends whose finer times are not all there
    known: tuple[Column, ...] = ()  # [K] the columns of `Panel.known`
    past: tuple[Column, ...] = ()  # [P] those of `Panel.past`
    static_real: tuple[Column, ...] = ()  # [R] those of `Panel.static_real`
    static_cat: tuple[str, ...] = ()  # [C] their names, which are the user's
    open: str | None = None  # the user's column, among the known, that is 0 where the item cannot sell
    # column -> values; code k is values[k - 1]
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # text covariate -> the values that were merged into "other"; absent where they are not kept. It says nothing of the arrays
    merged: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)
    # column -> place -> method, as asked
    filling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # source column -> known, past, static: as the user's tables had it
    roles: Mapping[str, str] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()  # country codes, or one `@column` of the metadata; they make known columns
    holiday_days: int = 1  # days before and after a holiday that have a column each
    timezone: str | None = None  # the zone in which times with an offset or a zone are read; None: their own
    # how the tables were spelt: names of columns, the format of dates, marks. It says nothing of the arrays
    reading: Reading = field(default_factory=Reading, compare=False)

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """[C] number of codes of each static category, the unknown one (0) included."""
        return tuple(len(self.vocabularies[name]) + 1 for name in self.static_cat)

    @property
    def open_position(self) -> int | None:
        """Which column of `Panel.known` is 0 where the item cannot sell; None where there is none."""
        return None if self.open is None else self.known.index(Column(self.open))

    def rule(self, column: Column) -> dict[str, Any]:
        """The filling rule of a column: that of its source, a value of a text as 0 or 1; none for an indicator."""
        rule = {} if column.indicator else dict(self.filling.get(column.source, {}))
        if column.value is None:
            return rule
        return {position: self._coded(method, column) for position, method in rule.items()}

    def _coded(self, method: Any, column: Column) -> Any:
        """A filling method of a text, for the 0/1 column of one of its values."""
        if not isinstance(method, Mapping):
            return method
        words, word = self.vocabularies[column.source], method["value"]
        return {"value": float(column.value == (word if word in words else OTHER))}

    def indicated(self, column: Column) -> int | None:
        """Which past column an indicator among them tells of; None for a column that is no indicator."""
        return self.past.index(Column(column.source)) if column.indicator else None

    def extended(self, other: Schema) -> Schema:
        """This schema with the values of its static categories added, at the end, that `other` alone has; read as that."""
        grown = {
            name: (
                *self.vocabularies[name],
                *_absent(other.vocabularies.get(name, ()), self.vocabularies[name]),
            )
            for name in self.static_cat
        }
        return replace(self, vocabularies={**self.vocabularies, **grown}, reading=other.reading)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        made = {name: [column.to_json() for column in plain[name]] for name in _COLUMNS}
        return {**plain, **made, "frequency": asdict(self.frequency), "reading": asdict(self.reading)}

    @classmethod
    def from_json(cls, state: Any) -> Schema:
        """The schema that `to_json` wrote, also in releases whose columns were names alone.

        Raises ForetellError for anything else: fields that are missing, unknown, of another type or out of range, and columns
        that do not fit together.
        """
        if not isinstance(state, dict):
            raise ForetellError("the schema must be an object")
        lacking = [name for name in _ALWAYS if name not in state]
        if lacking:
            raise ForetellError(f"the schema has no field {lacking[0]!r}")
        words = typed(dict[str, tuple[str, ...]], state["vocabularies"], "schema.vocabularies")
        roles = typed(dict[str, str], state["roles"], "schema.roles")
        said = {name: typed(tuple[str | Column, ...], state[name], f"schema.{name}") for name in _COLUMNS}
        made = {
            name: [each.to_json() for each in columns_of_names(these, words, roles)]
            for name, these in said.items()
        }
        before = {"partial": "keep"}  # as in releases before there was a choice
        schema = typed(cls, {**before, **state, **made}, "schema")
        check_schema(schema)
        return schema


def _absent(words: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
    there = set(known)
    return [word for word in words if word not in there]


def check_schema(schema: Schema) -> None:
    """Raises ForetellError for a schema whose parts do not fit together, as only a damaged file has it."""
    faults = {
        "the key must begin with item_id and name no column twice": schema.key[:1] != ("item_id",)
        or len(set(schema.key)) < len(schema.key),
        f"seasons must be whole numbers from 1 to {MOST_STEPS:,}": not schema.seasons
        or not all(1 <= season <= MOST_STEPS for season in schema.seasons),
        "a static category has no vocabulary": not set(schema.static_cat) <= set(schema.vocabularies),
        "the open column is not known": schema.open is not None and Column(schema.open) not in schema.known,
        "roles must be known, past or static": not set(schema.roles.values()) <= {"known", "past", "static"},
        "an indicator has no column": any(
            column.indicator and Column(column.source) not in schema.past for column in schema.past
        ),
        "a filled text has no vocabulary": any(
            column.value is not None
            and column.source in schema.filling
            and column.source not in schema.vocabularies
            for column in (*schema.known, *schema.past)
        ),
        "holiday_days must be from 0 to 366": not 0 <= schema.holiday_days <= 366,
    }
    wrong = [fault for fault, found in faults.items() if found]
    if wrong:
        raise ForetellError(f"the schema does not fit together: {wrong[0]}")
    check_timezone(schema.timezone)
    texts = {column.source for column in (*schema.known, *schema.past) if column.value is not None}
    for column, rule in schema.filling.items():
        role: Role = "target" if column == "target" else "known"
        parse_rule(column, rule, role, text=column in texts)
