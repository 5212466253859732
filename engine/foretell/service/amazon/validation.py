"""Requests and answers held to the service model, in the wording that AWS has for it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import regex

from foretell.service.amazon.errors import AmazonError, serialization, validation
from foretell.service.amazon.model import Operation

MOST_NAMED: Final = 20  # violations that one answer lists
_SHOWN: Final = 300  # characters of a value that a message repeats


@dataclass(frozen=True, slots=True)
class Unenforced:
    """A pattern of the model that is not enforced as it stands, and why."""

    pattern: str | None  # enforced in its place; None: none
    reason: str


# (structure, member), or (shape,). All other patterns hold for the whole text.
EXCEPTIONS: Final[Mapping[tuple[str, ...], Unenforced]] = {
    ("S3Config", "RoleArn"): Unenforced(
        None, "its shape is Arn, whose pattern wants :forecast: in it, which no role of IAM has"
    ),
    ("EncryptionConfig", "RoleArn"): Unenforced(
        None, "its shape is Arn, whose pattern wants :forecast: in it, which no role of IAM has"
    ),
    ("Filter", "Value"): Unenforced(None, "its shape is Arn, and the service's own example is ACTIVE"),
    ("DescribePredictorResponse", "PredictorArn"): Unenforced(None, "its shape is Name, and it is an ARN"),
    ("ForecastSummary", "PredictorArn"): Unenforced(None, "its shape is String, which has no colon"),
    ("ForecastSummary", "DatasetGroupArn"): Unenforced(None, "its shape is String, which has no colon"),
    ("Statistics", "Min"): Unenforced(None, "its shape is String, which has no point and no minus"),
    ("Statistics", "Max"): Unenforced(None, "its shape is String, which has no point and no minus"),
    ("Frequency",): Unenforced(
        r"([1-9]\d?)?(Y|M|W|D|H|min)",
        "the pattern, whose ^ and $ belong to its first and last choice alone, has no 3D, which the service accepts",
    ),
    ("Format",): Unenforced(r"CSV|PARQUET", "the pattern's ^ and $ belong to one choice each"),
}


def checked_request(operation: Operation, value: Any) -> dict[str, Any]:
    """What a caller sent, without the members that the model does not know.

    Raises AmazonError: SerializationException where a type is another, ValidationException for all else that the model
    refuses, every violation in one message.
    """
    walker = _Walker(operation.shapes)
    if value is None:
        value = {}
    found = walker.read(operation.input, value, "", ())
    if walker.violations:
        raise _refused(walker.violations)
    assert isinstance(found, dict)
    return found


def wrong_in_answer(operation: Operation, value: Any) -> list[str]:
    """What of an answer the model does not have, as messages; none for a good one."""
    if operation.output is None:
        return [] if value is None else [f"{operation.name} answers an empty body, got {value!r}"]
    walker = _Walker(operation.shapes, answer=True)
    try:
        walker.read(operation.output, value, "", ())
    except AmazonError as error:
        return [error.message]
    return walker.violations


def _refused(violations: list[str]) -> AmazonError:
    count = len(violations)
    noun = "error" if count == 1 else "errors"
    return validation(f"{count} validation {noun} detected: {'; '.join(violations[:MOST_NAMED])}")


@cache
def _compiled(pattern: str) -> regex.Pattern[str]:
    return regex.compile(pattern)


class _Walker:
    """Goes through a value beside its shape and gathers what the model refuses."""

    def __init__(self, shapes: Mapping[str, Mapping[str, Any]], *, answer: bool = False) -> None:
        self._shapes, self._answer = shapes, answer
        self.violations: list[str] = []

    def read(self, name: str, value: Any, path: str, place: tuple[str, ...]) -> Any:
        """`value` as the shape has it; `place` is the structure and the member that it stands in."""
        shape = self._shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return self._structure(name, shape, value, path)
        if kind == "list":
            return self._list(shape, value, path)
        if kind == "map":
            return self._map(shape, value, path)
        found = _scalar(kind, value)
        self._check_scalar(name, shape, found, path, place)
        return found

    def _structure(self, name: str, shape: Mapping[str, Any], value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mistyped(value, "a structure")
        if self._answer:
            self.violations += [
                f"{path or name} has no member {key!r}" for key in value.keys() - shape["members"]
            ]
        for member in shape.get("required", []):
            if value.get(member) is None:
                self._violated(None, _joined(path, member), "Member must not be null")
        found = {}
        for member, of in shape["members"].items():
            if value.get(member) is not None:
                found[member] = self.read(of["shape"], value[member], _joined(path, member), (name, member))
            elif self._answer and member in value:
                self.violations.append(f"{_joined(path, member)} is null: leave it out")
        return found

    def _list(self, shape: Mapping[str, Any], value: Any, path: str) -> list[Any]:
        if not isinstance(value, list):
            raise _mistyped(value, "a list")
        self._check_length(shape, value, path)
        inside = shape["member"]["shape"]
        return [self._item(inside, each, f"{path}.{k}.member") for k, each in enumerate(value, start=1)]

    def _item(self, inside: str, value: Any, path: str) -> Any:
        if value is None:
            self._violated(None, path, "Member must not be null")
            return None
        return self.read(inside, value, path, ())

    def _map(self, shape: Mapping[str, Any], value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mistyped(value, "a map")
        self._check_length(shape, value, path)
        key, inside = shape["key"]["shape"], shape["value"]["shape"]
        if self._shapes[inside]["type"] != "string":
            return {k: self._item(inside, v, f"{path}.{k}.member") for k, v in value.items()}
        texts = {k: _scalar("string", v) for k, v in value.items()}
        for what, of, parts in (("keys", key, list(texts)), ("value", inside, list(texts.values()))):
            refused = [
                c for c in _constraints(self._shapes[of], self._pattern(of, ())) if not all(map(c.met, parts))
            ]
            if refused:
                self._violated(
                    value, path, f"Map {what} must satisfy constraint: [{', '.join(map(str, refused))}]"
                )
        return texts

    def _check_scalar(
        self, name: str, shape: Mapping[str, Any], value: Any, path: str, place: tuple[str, ...]
    ) -> None:
        for constraint in _constraints(shape, self._pattern(name, place)):
            if not constraint.met(value):
                self._violated(value, path, str(constraint), hidden=bool(shape.get("sensitive")))

    def _pattern(self, name: str, place: tuple[str, ...]) -> str | None:
        """The pattern to enforce, or None."""
        exception = EXCEPTIONS.get(place) or EXCEPTIONS.get((name,))
        if exception is not None:
            return exception.pattern
        pattern = self._shapes[name].get("pattern")
        return None if pattern is None else str(pattern)

    def _check_length(self, shape: Mapping[str, Any], value: Any, path: str) -> None:
        for constraint in _constraints({"type": "string", **_bounds(shape)}, None):
            if not constraint.met(value):
                self._violated(value, path, str(constraint))

    def _violated(self, value: Any, path: str, constraint: str, *, hidden: bool = False) -> None:
        shown = "Value" if hidden else f"Value {_spelt(value)}"
        self.violations.append(f"{shown} at '{path}' failed to satisfy constraint: {constraint}")


def _bounds(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {key: shape[key] for key in ("min", "max") if key in shape}


@dataclass(frozen=True, slots=True)
class _Constraint:
    said: str
    kind: str
    bound: Any

    def __str__(self) -> str:
        return self.said

    def met(self, value: Any) -> bool:
        size = value if isinstance(value, (int, float)) else len(value)
        if self.kind == "most":
            return bool(size <= self.bound)
        if self.kind == "least":
            return bool(size >= self.bound)
        if self.kind == "enum":
            return value in self.bound
        return _compiled(self.bound).fullmatch(value) is not None


def _constraints(shape: Mapping[str, Any], pattern: str | None) -> Iterator[_Constraint]:
    """In the order in which AWS names them."""
    what = "length" if shape["type"] == "string" else "value"
    if "max" in shape:
        yield _Constraint(
            f"Member must have {what} less than or equal to {shape['max']}", "most", shape["max"]
        )
    if "min" in shape:
        yield _Constraint(
            f"Member must have {what} greater than or equal to {shape['min']}", "least", shape["min"]
        )
    if "enum" in shape:
        choices = ", ".join(shape["enum"])
        yield _Constraint(f"Member must satisfy enum value set: [{choices}]", "enum", tuple(shape["enum"]))
    if pattern is not None:
        said = shape.get("pattern", pattern)
        yield _Constraint(f"Member must satisfy regular expression pattern: {said}", "pattern", pattern)


def _scalar(kind: str, value: Any) -> Any:
    """`value` of that kind; raises AmazonError for another."""
    if kind == "string" and isinstance(value, str):
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if kind in ("double", "timestamp") and math.isfinite(value):
            return float(value)
        if kind in ("integer", "long") and value == int(value):
            return _whole(kind, int(value))
    raise _mistyped(value, {"string": "a string", "boolean": "a boolean"}.get(kind, f"a number ({kind})"))


def _whole(kind: str, value: int) -> int:
    bits = 31 if kind == "integer" else 63
    if not -(1 << bits) <= value < 1 << bits:
        raise serialization(f"{value} does not fit into {kind}")
    return value


def _mistyped(value: Any, wanted: str) -> AmazonError:
    if isinstance(value, bool):
        got = "TRUE_VALUE" if value else "FALSE_VALUE"
    elif isinstance(value, str):
        got = "STRING_VALUE"
    elif isinstance(value, (int, float)):
        got = "NUMBER_VALUE"
    else:
        got = "START_ARRAY" if isinstance(value, list) else "START_OBJECT"
    return serialization(f"{got} can not be converted to {wanted}")


def _joined(path: str, member: str) -> str:
    name = member[0].lower() + member[1:]
    return f"{path}.{name}" if path else name


def _spelt(value: Any) -> str:
    """A value as AWS's messages have it."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text[:_SHOWN]}'"
