"""The columns that a change may name, and the errors for those that it may not set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from foretell.data.future_plan import FuturePlan
from foretell.errors import ForetellError, nearest
from foretell.system.plain_text import printable

Kind = Literal["number", "text", "time", "truth"]
Role = Literal["known", "past", "static", "key", "time", "target"]


@dataclass(frozen=True, slots=True)
class PlanColumn:
    """A column that a change names."""

    name: str  # as the plan calls it
    role: Role
    kind: Kind
    alias: str  # in the table that SQL reads


_WHY_NOT: Final[Mapping[Role, str]] = {
    "past": "is known only once it has happened, so that no forecast looks at its future. To plan it, train with it among known=",
    "static": "is metadata of the items. A change sets what is known ahead of the steps to forecast",
    "key": "is part of the items' key. A change sets what is known ahead of the steps to forecast",
    "time": "is the time. A change sets what is known ahead at some times",
    "target": "is what is forecast. A change sets what is known ahead",
}


def plan_columns(plan: FuturePlan, names: Mapping[str, str]) -> dict[str, PlanColumn]:
    """Every column that a change may name, by its names: `names` are others for the key's parts and the timestamp."""
    schema = plan.panel.schema
    dated: Kind = "number" if schema.frequency.unit == "step" else "time"
    kinds: list[tuple[str, Role, Kind]] = [
        *((name, "key", "text") for name in schema.key),
        (schema.timestamp, "time", dated),
        *((name, "known", "number" if plan.words(name) is None else "text") for name in plan.columns),
        *((name, "static", "text") for name in schema.static_cat),
        *((each.source, "static", "number") for each in schema.static_real if not each.indicator),
        *((name, "past", "number") for name in dict.fromkeys(each.source for each in schema.past)),
        (schema.target, "target", "number"),
    ]
    found: dict[str, PlanColumn] = {}
    for name, role, kind in kinds:
        found.setdefault(name, PlanColumn(name, role, kind, f"c{len(found)}"))
    for other, name in names.items():
        found.setdefault(other, found[name])
    return found


def changeable(name: str, columns: Mapping[str, PlanColumn]) -> PlanColumn:
    """The known column of that name; raises ForetellError, with the reason, for any other."""
    column = find_column(name, columns)
    if column.role != "known":
        raise ForetellError(f"{column.name!r} {_WHY_NOT[column.role]}. {_listed(columns)}")
    return column


def find_column(name: str, columns: Mapping[str, PlanColumn]) -> PlanColumn:
    """The column of that name, or the only one that differs by capitals; raises ForetellError with the nearest for another."""
    alike = [each for each in columns if each.lower() == name.lower()]
    if name in columns or len(alike) == 1:
        return columns[name if name in columns else alike[0]]
    raise ForetellError(
        f"there is no column {printable(name)!r}.{nearest(name, columns)} There are: {', '.join(columns)}."
    )


def _listed(columns: Mapping[str, PlanColumn]) -> str:
    known = list(dict.fromkeys(each.name for each in columns.values() if each.role == "known"))
    return f"Known ahead: {', '.join(known)}." if known else "No column of these data is known ahead."
