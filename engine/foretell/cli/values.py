"""Option texts as values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from foretell.errors import ForetellError
from foretell.recipe.levels import check_levels

T = TypeVar("T")


def required(option: str, value: T | None, meaning: str) -> T:
    """`value`; raises ForetellError saying what the option means where it was not given."""
    if value is None:
        raise ForetellError(f"{option} is missing: {meaning}. Give it on the command line or in --config.")
    return value


def names(text: str | None) -> list[str]:
    """A comma-separated list of names."""
    return [part.strip() for part in text.split(",") if part.strip()] if text else []


def some_names(option: str, texts: Iterable[str]) -> list[str]:
    """The names of lists separated by commas; raises ForetellError for a list that was given and names nothing.

    An empty variable of a script is a mistake, and does not stand for all that there is.
    """
    found = []
    for text in texts:
        listed = names(text)
        if not listed:
            raise ForetellError(
                f"{option} takes names separated by commas, got {text!r}. Leave it out for all."
            )
        found += listed
    return found


def numbers(option: str, text: str | None) -> list[float]:
    """A comma-separated list of numbers; raises ForetellError naming the option and the part that is none."""
    values = []
    for part in [part.strip() for part in text.split(",")] if text else []:
        try:
            values.append(float(part))
        except ValueError as error:
            raise ForetellError(f"{option} takes numbers separated by commas, got {part!r}") from error
    return values


def level_list(text: str) -> tuple[float, ...]:
    """The levels of `--levels`; raises ForetellError for what is no number between 0 and 1."""
    return check_levels(numbers("--levels", text))


def whole_numbers(option: str, text: str | None) -> list[int]:
    """A comma-separated list of whole numbers; raises ForetellError naming the option and what is none."""
    values = numbers(option, text)
    strange = [value for value in values if not value.is_integer()]
    if strange:
        raise ForetellError(f"{option} takes whole numbers, got {strange[0]}")
    return [int(value) for value in values]


def pairs(option: str, texts: Iterable[str]) -> dict[str, str]:
    """`name=value` texts as a dictionary; raises ForetellError for a text without its `=`."""
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ForetellError(f"{option} takes NAME=VALUE, got {text!r}")
        values[name.strip()] = value.strip()
    return values


def nested(option: str, texts: Iterable[str], *, example: str) -> dict[str, dict[str, str]]:
    """`outer.inner=value` texts as a dictionary of dictionaries; raises ForetellError, with the example, for other texts."""
    values: dict[str, dict[str, str]] = {}
    for name, value in pairs(option, texts).items():
        outer, dot, inner = name.partition(".")
        if not dot or not outer or not inner:
            raise ForetellError(
                f"{option} takes two names joined by a dot before '=', such as {example}, got {name!r}"
            )
        values.setdefault(outer, {})[inner] = value
    return values


def parse_filling(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rules of `--filling` by column: `price.future=previous`, `price.future=3.5`, `tag.future.value=none` (a text).

    Raises ForetellError for a text that names no column and place.
    """
    rules: dict[str, dict[str, Any]] = {}
    for name, method in pairs("--filling", texts).items():
        column, dot, place = name.removesuffix(".value").rpartition(".")
        if not dot or not column:
            raise ForetellError(
                f"--filling takes COLUMN.PLACE=METHOD, such as target.middle=zero, got {name!r}"
            )
        value = _number(method)
        rules.setdefault(column, {})[place] = {"value": value} if name.endswith(".value") else value
    return rules


def spelt_filling(rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The texts of `--filling` that `parse_filling` reads back to these rules."""
    spelt = []
    for column, rule in rules.items():
        for place, method in rule.items():
            value = method["value"] if isinstance(method, Mapping) else method
            text = isinstance(method, Mapping) and isinstance(value, str)
            spelt.append(f"{column}.{place}{'.value' if text else ''}={value}")
    return spelt


def _number(text: str) -> float | str:
    """The number that a text spells, else the text."""
    try:
        number = float(text)
    except ValueError:
        return text
    return text if math.isnan(number) else number  # nan is a method
