"""`Schema`: what the arrays of a panel mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Final, Literal

from foretell.data.columns import OTHER, Column, columns_from_json
from foretell.data.frequency import Frequency
from foretell.data.time_zone_names import check_timezone
from foretell.errors import ForetellError

Ends = Literal["last", "own"]
Partial = Literal["drop", "keep"]
_COLUMNS: Final = ("known", "past", "static_real")  # the fields that hold `Column`s


@dataclass(frozen=True, slots=True)
class Schema:
    """What the arrays of a panel mean: their columns, and the vocabularies behind their codes."""

    key: tuple[str, ...] = ("item_id",)  # the columns of `Panel.keys`: item_id, then dimensions
    timestamp: str = "timestamp"
    target: str = "target"
    frequency: Frequency = field(default_factory=lambda: Frequency("D"))
    seasons: tuple[int, ...] = (1,)  # seasonal periods in steps; the first is the one that MASE and naive use
    ends: Ends = "last"  # all series end at the last timestamp of the target, or each at its own
    partial: Partial = "drop"  # steps at the ends whose finer times are not all there
    known: tuple[Column, ...] = ()  # [K] the columns of `Panel.known`
    past: tuple[Column, ...] = ()  # [P]
    static_real: tuple[Column, ...] = ()  # [R]
    static_cat: tuple[str, ...] = ()  # [C] their names, which are the user's
    open: str | None = None  # the user's column, among the known, that is 0 where the item cannot sell
    # column -> values; code k is values[k - 1]
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # column -> place -> method, as asked
    filling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # source column -> known, past, static: as the user's tables had it
    roles: Mapping[str, str] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()  # country codes, or one `@column` of the metadata; they make known columns
    holiday_days: int = 1  # days before and after a holiday that have a column each
    timezone: str | None = None  # the zone in which times with an offset or a zone are read; None: their own

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
        """This schema with the values of its static categories added, at the end, that `other` alone has."""
        grown = {
            name: (
                *self.vocabularies[name],
                *_absent(other.vocabularies.get(name, ()), self.vocabularies[name]),
            )
            for name in self.static_cat
        }
        return replace(self, vocabularies={**self.vocabularies, **grown})

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        made = {name: [column.to_json() for column in plain[name]] for name in _COLUMNS}
        return {**plain, **made, "frequency": asdict(self.frequency)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote, also in releases whose columns were names alone.

        Raises ForetellError for fields that it does not know.
        """
        unknown = set(state) - {f.name for f in fields(cls)}
        if unknown:
            raise ForetellError(
                f"the schema has fields that this version does not know: {', '.join(sorted(unknown))}"
            )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in state.items()}
        values.setdefault("partial", "keep")  # as in releases before there was a choice
        values["frequency"] = Frequency(**values["frequency"])
        check_timezone(values.get("timezone"))
        words = {name: tuple(words) for name, words in values["vocabularies"].items()}
        values["vocabularies"] = words
        values |= {name: columns_from_json(values[name], words, values["roles"]) for name in _COLUMNS}
        return cls(**values)


def _absent(words: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
    there = set(known)
    return [word for word in words if word not in there]
