"""Pages of lists: the rows asked for, and the token of those that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import AmazonError

DEFAULT_SIZE: Final = 100


def question_of(context: Context, call: str, request: Mapping[str, Any]) -> list[Any]:
    """What a token is bound to: the call, the region and all of the request but the page."""
    rest = {name: value for name, value in request.items() if name not in ("NextToken", "MaxResults")}
    return [call, context.place.prefix, rest]


def position_of(context: Context, call: str, request: Mapping[str, Any]) -> list[Any] | None:
    """Where the page begins; raises InvalidNextToken for a token of another question."""
    token = request.get("NextToken")
    if token is None:
        return None
    return context.installation.tokens.read(question_of(context, call, request), token)


def token_of(context: Context, call: str, request: Mapping[str, Any], position: list[Any]) -> str:
    """The token of what follows `position`."""
    return context.installation.tokens.make(question_of(context, call, request), position)


def page_of(
    context: Context, call: str, request: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], str | None]:
    """A page of rows that are all at hand, newest first, each with its EvaluationTime, and the token of the next page."""
    after = position_of(context, call, request)
    if after is not None and len(after) != 1:
        raise AmazonError("InvalidNextTokenException", "The token is not valid for this operation.")
    left = [each for each in rows if after is None or each["EvaluationTime"] < after[0]]
    size = request.get("MaxResults", DEFAULT_SIZE)
    found = left[:size]
    if len(left) <= size:
        return found, None
    return found, token_of(context, call, request, [found[-1]["EvaluationTime"]])
