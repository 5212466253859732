"""The one error that a user meets, and the interruption that they cause themselves."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any


class ForetellError(ValueError):
    """Something the user can put right; the message says what, expected, got and the way out.

    It is a ValueError. The reference has an index of all of them.

    Example:
        >>> foretell.make_recipe("mqrn")
        Traceback (most recent call last):
            ...
        foretell.errors.ForetellError: no recipe 'mqrn'. Did you mean 'mqrnn'? ...
    """

    findings: tuple[Any, ...] = ()  # of a tolerant reading: what it had found before this ended it


class Interrupted(KeyboardInterrupt):
    """An action was cancelled, by its token or by Ctrl-C in a training; the message says what is kept and where.

    It is a KeyboardInterrupt and no Exception: code that goes on where a recipe fails must end here.

    Example:
        >>> token = foretell.CancelToken()
        >>> token.cancel()
        >>> try:
        ...     with foretell.listening(cancel=token):
        ...         pass
        ... except foretell.Interrupted as stop:
        ...     print(stop)
        cancelled
    """

    predictor: object = None  # a `recipe.protocols.Predictor` (a higher floor) with the best weights so far, where there is one


def nearest(name: str, choices: Iterable[str]) -> str:
    """A sentence offering the closest of `choices` to `name`, with a leading space, or '' when none is close."""
    spelt = {choice.casefold(): choice for choice in reversed(list(choices))}
    close = get_close_matches(name.casefold(), list(spelt), n=1)
    return f" Did you mean {spelt[close[0]]!r}?" if close else ""
