"""botocore's own description of `forecast` and `forecastquery`, read from the installed package: shapes and operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

SERVICES: Final = ("forecast", "forecastquery")


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: its name, the service that it belongs to and the shapes of what goes in and out."""

    service: str
    name: str
    input: str
    output: str | None  # None: an empty body
    errors: tuple[str, ...]  # that the model lists for it
    shapes: Mapping[str, Mapping[str, Any]]  # of its service, by name


@cache
def _described(service: str) -> Mapping[str, Any]:
    from botocore.loaders import Loader

    # No folder but botocore's own: ~/.aws/models of whoever runs the server must not change what it accepts.
    loader = Loader(include_default_search_paths=False, extra_search_paths=[Loader.BUILTIN_DATA_PATH])
    return cast(Mapping[str, Any], loader.load_service_model(service, "service-2"))


@cache
def operations() -> Mapping[str, Operation]:
    """All operations by their target, such as "AmazonForecast.CreateDataset"."""
    found = {}
    for service in SERVICES:
        described = _described(service)
        prefix = described["metadata"]["targetPrefix"]
        for name, each in described["operations"].items():
            output = each.get("output", {}).get("shape")
            errors = tuple(error["shape"] for error in each.get("errors", []))
            found[f"{prefix}.{name}"] = Operation(
                service, name, each["input"]["shape"], output, errors, described["shapes"]
            )
    return found


def operation(name: str) -> Operation:
    """The operation of that name, of either service."""
    return next(each for each in operations().values() if each.name == name)


def members(name: str, shape: str) -> tuple[str, ...]:
    """The members of a structure of the service that has the operation `name`."""
    return tuple(operation(name).shapes[shape]["members"])
