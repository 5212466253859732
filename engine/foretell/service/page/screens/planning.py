"""What the screens that go on from a forecast share: which forecast, and what its items and plan have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from foretell.service import catalogue
from foretell.service.asking import Server
from foretell.service.catalogue import Resource


@dataclass(frozen=True, slots=True)
class Plan:
    """A forecast, and what can be asked of it."""

    forecast: Resource
    others: Sequence[Resource]  # the newest forecasts
    known: Sequence[str]  # columns that are known ahead
    groups: Sequence[str]  # columns by which items are grouped
    first: str  # step
    last: str


def plan_of(server: Server, identifier: str | None) -> Plan | None:
    """The plan of a forecast, by default of the newest; None where there is none."""
    from foretell.recipe.item_groups import columns_of_items
    from foretell.service.page.item_pictures import panel_at

    with server.database.read() as connection:
        others = catalogue.find(connection, "forecasts", limit=20, state="ACTIVE").resources
        if identifier is None and not others:
            return None
        found = others[0] if identifier is None else catalogue.ready(connection, "forecasts", identifier)
    panel = panel_at(str(server.home.folder("dataset_versions", found.links["version_id"])))
    known = sorted(name for name, role in panel.schema.roles.items() if role == "known")
    groups = [
        name
        for name in columns_of_items(panel.keys, panel)
        if name in panel.schema.static_cat or name in panel.keys.columns[1:]
    ]
    origin, spell = int(panel.origin.min()), panel.frequency.spell
    horizon = int(found.result["horizon"])
    return Plan(found, others, known, groups, spell(origin), spell(origin + horizon - 1))


def made_from(connection: Connection, kind: str, forecast: Resource) -> list[Resource]:
    """What was made of a kind from a forecast, newest first."""
    return list(catalogue.find(connection, kind, limit=20, forecast_id=forecast.id).resources)


def number(value: Any) -> float:
    """A number of a result; NaN where it is not defined."""
    return float("nan") if value is None else float(value)
