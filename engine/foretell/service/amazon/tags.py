"""Tags of a resource: at most 200, keys told apart by case, none that begins with `aws:`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foretell.service.amazon.errors import invalid_input, limit_exceeded


def new_tags(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """As a mapping; raises InvalidInputException for a key that is there twice or begins with `aws:`."""
    found: dict[str, str] = {}
    for tag in given:
        key = tag["Key"]
        if key.casefold().startswith("aws:"):
            raise invalid_input("Tag keys that begin with aws: are reserved for system use.")
        if key in found:
            raise invalid_input("Tag keys must be unique: one is given twice.")
        found[key] = tag["Value"]
    return found


def merged_tags(there: Mapping[str, str], new: Mapping[str, str], most: int) -> dict[str, str]:
    """What a resource has afterwards; raises LimitExceededException for more than `most`."""
    found = {**there, **new}
    if len(found) > most:
        raise limit_exceeded(f"A resource has at most {most} tags; it would have {len(found)}.")
    return found


def listed_tags(tags: Mapping[str, str]) -> list[dict[str, Any]]:
    """As ListTagsForResource answers them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]
