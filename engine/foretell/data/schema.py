"""`Schema`: what the arrays of a panel mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from foretell.data.frequency import Frequency
from foretell.errors import ForetellError

Ends = Literal["last", "own"]


@dataclass(frozen=True, slots=True)
class Schema:
    """What the arrays of a panel mean: the names of their columns and the vocabularies behind their codes.

    A text column of the related table stands as several 0/1 columns named `column=value`; a numeric column with missing
    values is followed by a 0/1 column named `column is missing`.
    """

    key: tuple[str, ...] = ("item_id",)  # the columns of `Panel.keys`: item_id, then dimensions
    timestamp: str = "timestamp"
    target: str = "target"
    frequency: Frequency = field(default_factory=lambda: Frequency("D"))
    seasons: tuple[int, ...] = (1,)  # seasonal periods in steps; the first is the one that MASE and naive use
    ends: Ends = "last"  # all series end at the last timestamp of the target, or each at its own
    known: tuple[str, ...] = ()  # [K] names of the columns of `Panel.known`
    past: tuple[str, ...] = ()  # [P]
    static_real: tuple[str, ...] = ()  # [R]
    static_cat: tuple[str, ...] = ()  # [C]
    open: str | None = None  # the column of `known` that is 0 where the item cannot sell
    # column -> values; code k is values[k - 1]
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    # column -> place -> method, as asked
    filling: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    # source column -> known, past, static: as the user's tables had it
    roles: Mapping[str, str] = field(default_factory=dict)
    holidays: tuple[str, ...] = ()  # country codes, or one `@column` of the metadata; they make known columns
    holiday_days: int = 1  # days before and after a holiday that have a column each
    timezone: str | None = None  # whose clock counts for times with an offset or a zone; None: their own

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """[C] number of codes of each static category, the unknown one (0) included."""
        return tuple(len(self.vocabularies[name]) + 1 for name in self.static_cat)

    def rule(self, name: str) -> dict[str, Any]:
        """The filling rule of a column of the panel: a 0/1 column of a text has that text's, in zeros and ones."""
        source = next((s for s in self.vocabularies if name.startswith(f"{s}=")), None)
        if source is None or name in self.filling:
            return dict(self.filling.get(name, {}))
        word = name.removeprefix(f"{source}=")
        rule = {}
        for position, method in self.filling.get(source, {}).items():
            if isinstance(method, Mapping):
                other = word == "other" and method["value"] not in self.vocabularies[source]
                method = {"value": float(word == method["value"] or other)}
            rule[position] = method
        return rule

    def indicated(self, name: str) -> int | None:
        """The position of the past column that `name` is the indicator of; None where it is none."""
        source = name.removesuffix(" is missing")
        return self.past.index(source) if source != name and source in self.past else None

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
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "frequency": asdict(self.frequency)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote; raises ForetellError for fields it does not know."""
        unknown = set(state) - {f.name for f in fields(cls)}
        if unknown:
            raise ForetellError(
                f"the schema has fields that this version does not know: {', '.join(sorted(unknown))}"
            )
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in state.items()}
        values["frequency"] = Frequency(**values["frequency"])
        values["vocabularies"] = {name: tuple(words) for name, words in values["vocabularies"].items()}
        return cls(**values)


def _absent(words: tuple[str, ...], known: tuple[str, ...]) -> list[str]:
    there = set(known)
    return [word for word in words if word not in there]
