"""Domains, dataset types and schemas: which attributes each must have, and what a schema means for the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import regex

from foretell.data.frequency import Frequency
from foretell.service.amazon.errors import AmazonError, invalid_input

TARGET: Final = "TARGET_TIME_SERIES"
RELATED: Final = "RELATED_TIME_SERIES"
METADATA: Final = "ITEM_METADATA"
MOST_DIMENSIONS: Final = 10  # beside the item
_FREQUENCY: Final = regex.compile(r"(?P<multiple>\d*)(?P<unit>Y|M|W|D|H|min)")
# Of what stands before the unit, as CreateAutoPredictor documents it.
_MOST_MULTIPLE: Final[Mapping[str, int]] = {"Y": 1, "M": 11, "W": 4, "D": 6, "H": 23, "min": 59}
_ALIASES: Final[Mapping[str, str]] = {"Y": "YS", "M": "MS", "W": "W-MON", "D": "D", "H": "h", "min": "min"}


@dataclass(frozen=True, slots=True)
class Domain:
    """The names that a domain has for the item and the target."""

    item: str
    target: str


DOMAINS: Final[Mapping[str, Domain]] = {
    "RETAIL": Domain("item_id", "demand"),
    "CUSTOM": Domain("item_id", "target_value"),
    "INVENTORY_PLANNING": Domain("item_id", "demand"),
    "EC2_CAPACITY": Domain("instance_type", "number_of_instances"),
    "WORK_FORCE": Domain("workforce_type", "workforce_demand"),
    "WEB_TRAFFIC": Domain("item_id", "value"),
    "METRICS": Domain("metric_name", "metric_value"),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The attributes of a dataset by what they are, in the order of the schema."""

    domain: Domain
    kind: str
    types: Mapping[str, str]  # attribute -> type

    @property
    def names(self) -> tuple[str, ...]:
        """As the columns of a file without a header."""
        return tuple(self.types)

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Texts of the target beside the item: they are part of the key."""
        own = (self.domain.item, *self.geolocation)
        return (
            tuple(n for n, t in self.types.items() if t == "string" and n not in own)
            if self.kind == TARGET
            else ()
        )

    @property
    def geolocation(self) -> tuple[str, ...]:
        """Places, which are stored and not learnt from."""
        return tuple(name for name, kind in self.types.items() if kind == "geolocation")

    @property
    def numbers(self) -> tuple[str, ...]:
        """Whole numbers and others."""
        return tuple(name for name, kind in self.types.items() if kind in ("integer", "float"))


def columns_of(domain: str, kind: str, schema: Mapping[str, Any]) -> Columns:
    """What the attributes of a checked schema are."""
    types = {each["AttributeName"]: each["AttributeType"] for each in schema.get("Attributes", [])}
    return Columns(DOMAINS[domain], kind, types)


def check_schema(domain: str, kind: str, schema: Mapping[str, Any]) -> Columns:
    """Raises InvalidInputException for a schema that the domain and the type do not allow."""
    attributes: Sequence[Mapping[str, Any]] = schema.get("Attributes", [])
    if not attributes:
        raise invalid_input("The schema has no attributes.")
    for number, each in enumerate(attributes, start=1):
        if "AttributeName" not in each or "AttributeType" not in each:
            raise invalid_input(
                f"Attribute {number} of the schema must have an AttributeName and an AttributeType."
            )
    names = [each["AttributeName"] for each in attributes]
    if len(set(names)) < len(names):
        raise invalid_input(f"Attribute names of a schema must be unique: {_repeated(names)} is there twice.")
    columns = columns_of(domain, kind, schema)
    for name, types in _required(columns).items():
        if columns.types.get(name) not in types:
            wanted = " or ".join(types)
            raise invalid_input(
                f"The schema of a {kind} dataset of the {domain} domain must have the attribute {name} of type {wanted}."
            )
    _check_others(columns)
    return columns


def _required(columns: Columns) -> dict[str, tuple[str, ...]]:
    needed: dict[str, tuple[str, ...]] = {columns.domain.item: ("string",)}
    if columns.kind != METADATA:
        needed["timestamp"] = ("timestamp",)
    if columns.kind == TARGET:
        needed[columns.domain.target] = ("float", "integer")
    return needed


def _check_others(columns: Columns) -> None:
    stamps = [name for name, kind in columns.types.items() if kind == "timestamp"]
    if len(stamps) > (columns.kind != METADATA):
        raise invalid_input(f"The schema may not have a further attribute of type timestamp: {stamps[-1]}.")
    if len(columns.geolocation) > 1:
        raise invalid_input("The schema may have at most one attribute of type geolocation.")
    if columns.kind == METADATA and columns.geolocation:
        raise invalid_input("Item metadata may not have an attribute of type geolocation.")
    if columns.kind == TARGET:
        extra = [name for name in columns.numbers if name != columns.domain.target]
        if extra:
            raise invalid_input(
                f"A target time series has one number a row: {extra[0]} belongs into a related time series."
            )
        if len(columns.dimensions) > MOST_DIMENSIONS:
            raise invalid_input(f"A target time series has at most {MOST_DIMENSIONS} dimensions.")
    if columns.kind == RELATED and columns.domain.target in columns.types:
        raise invalid_input(f"A related time series may not have the target, {columns.domain.target}.")


def _repeated(names: Sequence[str]) -> str:
    return next(name for k, name in enumerate(names) if name in names[:k])


def frequency_alias(text: str, boundary: Mapping[str, Any] | None = None) -> str:
    """The alias of pandas for a frequency as Amazon spells it: 3D, W, 15min, H.

    Weeks begin on Mondays and years in January unless a time alignment boundary says otherwise. Raises
    InvalidInputException for a multiple that the service does not have.
    """
    parts = _FREQUENCY.fullmatch(text)
    assert parts is not None  # the service model's own check
    unit, multiple = parts["unit"], int(parts["multiple"] or 1)
    if not 1 <= multiple <= _MOST_MULTIPLE[unit]:
        raise invalid_input(
            f"The frequency {text} is not valid: {unit} takes a number from 1 to {_MOST_MULTIPLE[unit]}."
        )
    alias = _aligned(unit, boundary or {}) or _ALIASES[unit]
    return alias if multiple == 1 and unit != "min" else f"{multiple}{alias}"


def _aligned(unit: str, boundary: Mapping[str, Any]) -> str | None:
    if unit == "W" and "DayOfWeek" in boundary:
        return f"W-{boundary['DayOfWeek'][:3]}"
    if unit == "Y" and "Month" in boundary:
        return f"YS-{boundary['Month'][:3]}"
    return None


def check_boundary(boundary: Mapping[str, Any], frequency: str) -> None:
    """Raises InvalidInputException for a boundary that the frequency has no use for, or two parts that exclude each other."""
    unit = frequency.lstrip("0123456789")
    allowed = {"Y": {"Month"}, "M": {"DayOfMonth"}, "W": {"DayOfWeek"}, "D": {"Hour"}}.get(unit, set())
    given = set(boundary)
    if unit == "Y" and given == {"Month", "DayOfMonth"}:
        allowed = given
    if not given:
        raise invalid_input("TimeAlignmentBoundary must have a boundary.")
    if given - allowed:
        raise invalid_input(
            f"TimeAlignmentBoundary {', '.join(sorted(given))} is not valid for the frequency {frequency}."
        )


def check_not_finer(forecast: str, data: str | None) -> None:
    """Raises InvalidInputException for a forecast more frequent than its data."""
    if data is not None and _seconds(forecast) < _seconds(data):
        raise invalid_input(f"ForecastFrequency {forecast} must not be more frequent than the data, {data}.")


def _seconds(text: str) -> float:
    parts = _FREQUENCY.fullmatch(text)
    assert parts is not None
    units = {"Y": 31_536_000, "M": 2_592_000, "W": 604_800, "D": 86_400, "H": 3_600, "min": 60}
    return int(parts["multiple"] or 1) * units[parts["unit"]]


def parsed_frequency(text: str, boundary: Mapping[str, Any] | None = None) -> Frequency:
    """As `frequency_alias`; raises InvalidInputException also for an alignment that foretell's grid does not have."""
    try:
        return Frequency.parse(frequency_alias(text, boundary))
    except ValueError as error:
        raise AmazonError("InvalidInputException", str(error)) from error


def parsed_condition_value(kind: str, condition: Mapping[str, Any]) -> str | float | datetime:
    """The value of a condition as its attribute is typed; raises InvalidInputException for another one."""
    text, how = condition["AttributeValue"], condition["Condition"]
    if kind in ("string", "geolocation"):
        if how in ("LESS_THAN", "GREATER_THAN"):
            raise invalid_input(
                f"The condition {how} is not valid for {condition['AttributeName']}, which is a text."
            )
        return str(text)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None) if kind == "timestamp" else float(text)
    except ValueError as error:
        raise invalid_input(
            f"{condition['AttributeName']} is compared with {text}, which is no {kind}."
        ) from error
