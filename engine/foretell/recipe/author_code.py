"""Calls of a recipe's own code: what it raises becomes one message with the place in its author's file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import walk_tb

from foretell.errors import ForetellError
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Predictor, Recipe
from foretell.recipe.task import Run

logger = logging.getLogger(__name__)


class RecipeFailed(ForetellError):
    """The code of a recipe raised what is no ForetellError; `said` is that with its place, `__cause__` the error."""

    said: str = ""


@contextmanager
def author_code(recipe: Recipe, doing: str) -> Iterator[None]:
    """Around a recipe's own code: what it raises becomes RecipeFailed, but for a ForetellError; the cause is kept."""
    try:
        yield
    except ForetellError:
        raise
    except (Exception, SystemExit) as error:
        where = _place(error, type(recipe).__module__.partition(".")[0])
        if isinstance(error, SystemExit):
            said = f"it called sys.exit({'' if error.code is None else error.code!r}){where}"
        else:
            said = f"{type(error).__name__}: {error}{where}"
        raise failed(recipe.name, doing, said) from error


def failed(recipe: str, doing: str, said: str) -> RecipeFailed:
    """The error of the recipe of that name, which `doing` something failed."""
    error = RecipeFailed(f"recipe {recipe!r} failed while {doing}: {said}")
    error.said = said
    return error


def _place(error: BaseException, package: str) -> str:
    """The innermost file and line of the author's package where an error passed, in brackets; else nothing."""
    place = ""
    for frame, line in walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            place = f" ({Path(frame.f_code.co_filename).name}, line {line})"
    return place


def note_the_cpu(recipe: Recipe, run: Run) -> None:
    """Says that a recipe that knows no other device than the CPU is trained there, where another was asked for."""
    if run.device not in ("auto", "cpu"):
        logger.warning("%s runs on the CPU: device=%r is for networks", recipe.name, run.device)


def expect_predictor(recipe: Recipe, made: object, method: str) -> Predictor:
    """`made` by a recipe's `fit`; ForetellError where it is no predictor."""
    if isinstance(made, Predictor) and not isinstance(made, type):
        return made
    raise ForetellError(
        f"{recipe.name}: {method} must return a predictor, with predict(panel, *, levels) and state(), got {_spoken(made)}"
    )


def expect_forecast(recipe: Recipe, made: object) -> Forecast:
    """`made` by a predictor's `predict`; ForetellError where it is no Forecast."""
    if isinstance(made, Forecast):
        return made
    raise ForetellError(
        f"{recipe.name}: predict: expected a Forecast (Forecast.build makes one), got {_spoken(made)}"
    )


def _spoken(made: object) -> str:
    if made is None:
        return "None"
    return f"the class {made.__name__}" if isinstance(made, type) else f"a {type(made).__name__}"
