"""Options that a trained model has fixed: data read for it may repeat them, and not ask for others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foretell.data.findings import Findings
from foretell.data.gap_filling import Role, parse_rule
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.ingest.options import Options


def following(options: Options, schema: Schema, *, ahead: int = 0) -> Options:
    """The options with everything that a model's schema fixes; raises ForetellError where the two do not fit.

    Known covariates then reach `ahead` steps past the end, where their tables do.
    """
    asked = options.frequency if options.anchored else options.frequency.alias.partition("-")[0]
    if not schema.frequency.fits(asked):
        raise ForetellError(
            f"the model was trained at frequency {schema.frequency.alias!r}, these data are read at"
            f" {options.frequency.alias!r}. Give freq={schema.frequency.alias!r}."
        )
    if schema.key[1:] != options.dimensions:
        raise ForetellError(
            f"the model's items are keyed by {', '.join(schema.key)}, these data by"
            f" {', '.join(('item_id', *options.dimensions))}."
            f" {f'Give dimensions={list(schema.key[1:])}.' if schema.key[1:] else 'Leave dimensions= out.'}"
        )
    _check_options(options, schema)
    return replace(
        options,
        frequency=schema.frequency,
        seasons=schema.seasons,
        ends=schema.ends,
        partial=schema.partial,
        filling=schema.filling,
        open=schema.open,
        timezone=options.timezone or schema.timezone,
        schema=schema,
        holidays=schema.holidays,
        holiday_days=schema.holiday_days,
        ahead=ahead,
    )


def remembering(options: Options, schema: Schema) -> Options:
    """The options with what they leave out as the tables of a model's training were spelt; what they say wins."""
    reading = schema.reading
    decimal = options.decimal or (None if reading.decimal == options.thousands else reading.decimal)
    thousands = options.thousands or (None if reading.thousands == options.decimal else reading.thousands)
    return replace(
        options,
        dimensions=options.dimensions or schema.key[1:],
        date_format=options.date_format or reading.date_format,
        decimal=decimal,
        thousands=thousands,
        aggregation=options.aggregation or reading.aggregation,
        partitions=options.partitions or reading.partitions,
        remembered=reading,
    )


def report_otherwise(options: Options, findings: Findings) -> None:
    """Warn of options that are read by, though a model's training had others; to ask for them is allowed."""
    schema = options.schema
    if schema is None:
        return
    had, ways = schema.reading.aggregation, options.aggregation
    other = [name for name, way in ways.items() if had.get(name, way) != way]
    if other:
        name = other[0]
        findings.warn(
            "read_otherwise",
            f"repeated rows of {name!r} become one by {ways[name]}, in the model's training it was {had[name]}",
            len(other),
        )
    if options.timezone != schema.timezone:
        findings.warn(
            "read_otherwise",
            f"times are read in the zone {options.timezone}, in the model's training it was"
            f" {schema.timezone or 'the own one of each'}",
        )


def check_fixed(name: str, asked: object, fixed: object) -> None:
    """Raises ForetellError where data read for a model ask for another value of an option than it was trained with."""
    if asked != fixed:
        raise ForetellError(
            f"the model was trained with {name} {_spelt(fixed)}, these data ask for {_spelt(asked)}. Leave {name}= out: a"
            " model remembers its own; or train again."
        )


def _check_options(options: Options, schema: Schema) -> None:
    """Raises ForetellError naming the first option that asks for another reading than that of a model's training.

    What was left out has the value of a default, and asks for nothing.
    """
    wanted = (options.holidays, options.holiday_days)
    if options.holidays and wanted != (schema.holidays, schema.holiday_days):
        raise ForetellError(
            f"the model was trained with {_holidays(schema.holidays, schema.holiday_days)}, these data ask for"
            f" {_holidays(*wanted)}. Leave holidays= out: a model remembers its own."
        )
    if options.seasons not in (options.frequency.seasons, schema.frequency.seasons):
        check_fixed("season", options.seasons, schema.seasons)
    if options.ends != "last":
        check_fixed("ends", options.ends, schema.ends)
    if options.partial != "drop":
        check_fixed("partial", options.partial, schema.partial)
    if options.open is not None:
        check_fixed("open", options.open, schema.open)
    for role, names in (("known", options.known), ("past", options.past)):
        _check_roles(role, names, schema)
    _check_kinds(options, schema)
    for column, rule in options.filling.items():
        _check_filling(column, rule, schema)


def _check_roles(role: str, names: Sequence[str], schema: Schema) -> None:
    for name in names:
        had = schema.roles.get(name)
        if had != role:
            was = "without that column" if had is None else f"with it as {had}"
            raise ForetellError(
                f"{name!r} is declared {role}, but the model was trained {was}. Leave {role}= out: a model remembers its"
                " columns; or train again."
            )


def _check_kinds(options: Options, schema: Schema) -> None:
    for argument, names, text in (
        ("categorical", options.categorical, True),
        ("numeric", options.numeric, False),
    ):
        for name in names:
            if name in schema.roles and (name in schema.vocabularies) != text:
                raise ForetellError(
                    f"{name!r} is declared {argument}, but the model was trained with it as {'numbers' if text else 'text'}."
                    f" Leave {argument}= out: a model remembers its columns; or train again."
                )


def _check_filling(column: str, rule: Mapping[str, Any], schema: Schema) -> None:
    """`rule` is that of the target, or as it was asked for of a column of the model's."""
    fixed = schema.filling.get(column, {})
    if column != "target" and column in schema.roles:
        role: Role = "known" if schema.roles[column] == "known" else "past"
        rule = parse_rule(column, rule, role, text=column in schema.vocabularies)
    if dict(rule) != dict(fixed):
        had = f"with {_spelt_rule(fixed)}" if fixed else "without one"
        raise ForetellError(
            f"these data ask for a filling of {column!r} ({_spelt_rule(rule)}), the model was trained {had}. Leave filling="
            " out: a model remembers its own; or train again with it."
        )


def _spelt_rule(rule: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{place} {method['value'] if isinstance(method, Mapping) else method}"
        for place, method in rule.items()
    )


def _spelt(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _holidays(holidays: Sequence[str], days: int) -> str:
    return f"the holidays {', '.join(holidays)} ({days} days before and after)" if holidays else "no holidays"
