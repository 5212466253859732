"""Candidates for an ensemble, each trained and judged on held-out windows within its share of the time.

A recipe that can go on from its own weights may be judged after a part of its steps (`Part`), and have the others later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.ensemble import Member
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.validation import ValidationWindows
from foretell.recipe.author_code import RecipeFailed
from foretell.recipe.protocols import Predictor, Recipe, abilities_of, resolved_of
from foretell.recipe.task import MOST_SEED, Run, Task
from foretell.system.time_limit import TimeUp, time_limit

logger = logging.getLogger(__name__)
# items forecast to see how fast it goes, before all others are; the first two warm up
CHUNKS = (2, 4, 16, 64)
NETWORK_CHUNKS = (8, 128)  # of networks, which forecast many items in the time of one
LATER = 15_485_863  # added to the seed of a training that goes on from weights


@dataclass(frozen=True, slots=True)
class TimeShares:
    """How far a candidate may go past its share of the time; shares of it, unless said otherwise."""

    slack: float = 0.15  # that forecasts may take where the training was late
    network_slack: float = 0.6  # the same of a network, which would have been trained for nothing
    # of the time that a network was trained when it was judged: with less it might become worse
    least_again: float = 0.8
    grace: float = 1.15  # after which a candidate is cut off
    tidying: float = 5.0  # seconds for what is cut off to put things away before it is told again
    unknown: float = 2.0  # what a candidate that was cut off should have had, for want of better knowledge
    # of the time of a whole training, below which it is not worth to go on from weights on other windows
    go_on: float = 0.05


SHARES = TimeShares()


class OverTime(Exception):
    """A member would take longer than its share."""

    def __init__(self, message: str, *, needed_seconds: float, at_least: bool = False) -> None:
        super().__init__(message)
        self.needed_seconds = needed_seconds  # the share that it should have had, by what was seen of it
        self.at_least = at_least  # it was cut off: it may have needed any more


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a member's training: so many of its steps, perhaps from the weights that it has been judged with."""

    whole: int  # steps of all its training
    begin: int  # steps that it has had
    end: int
    start: CandidateResult | None = None  # with the weights of its first `begin` steps
    seconds: float = 1.0  # share of the member's time that training may take; forecasting needs some too

    @property
    def steps(self) -> int:
        """Steps that are trained."""
        return max(1, self.end - self.begin)


@dataclass(frozen=True, slots=True, eq=False)
class CandidateResult:
    """A member that forecast the validation windows."""

    member: Member
    model: FittedModel  # trained on what lies before the first of them
    quantiles: Array  # [K, N, H, Q]
    bounded: Array  # the same, within reach of what was observed
    plausible: NDArray[np.bool_]  # [K, N] which forecasts are so by themselves
    fit_seconds: float
    predict_seconds: float
    item_seconds: float  # to forecast one item once
    # that training takes with all its steps, at the least; `fit_seconds` unless it had a part of them
    whole_seconds: float
    whole_steps: int | None = None  # of a member that can go on from its weights


def steps_of(recipe: Recipe, panel: Panel, task: Task) -> int | None:
    """Steps of all the training of a recipe that can go on from its weights; None of any other."""
    can = abilities_of(recipe)
    if not (can.warm_start and can.resolved):
        return None
    steps = getattr(resolved_of(recipe, panel, task), "max_steps", None)
    return steps if isinstance(steps, int) else None


def try_candidate(
    member: Member,
    validation: ValidationWindows,
    task: Task,
    run: Run,
    *,
    seconds: float,
    most: float,
    part: Part | None = None,
) -> CandidateResult:
    """Train a member on what lies before the validation windows and forecast them, within `seconds`.

    Raises OverTime where that, or forecasting all items within `most` seconds, cannot be done, and whatever the recipe
    raises. With a `part` it is trained so far alone.
    """
    began = time.perf_counter()
    network = abilities_of(member.recipe).time_limit
    with cut_off(seconds, slack=seconds * _slack(network)):
        model = _trained(member, validation.early, task, run, seconds=seconds, part=part)
        trained = time.perf_counter() - began
        pace = _Pace(len(validation.early), share=seconds, trained=trained, network=network, most=most)
        quantiles = _forecast_all(model, validation, pace)
    predicted = time.perf_counter() - began - trained
    bounded, plausible = validation.within_reach(quantiles)
    fresh = CandidateResult(
        member, model, quantiles, bounded, plausible, trained, predicted, pace.item_seconds, trained
    )
    return fresh if part is None else _after(part, fresh)


def _after(part: Part, fresh: CandidateResult) -> CandidateResult:
    """The result of a part of a member's training, with the time of what came before it."""
    whole, before = fresh.fit_seconds * part.whole / part.steps, part.start
    if before is None:
        return replace(fresh, whole_seconds=whole, whole_steps=part.whole)
    trained = before.fit_seconds + fresh.fit_seconds
    return replace(
        fresh,
        fit_seconds=trained,
        predict_seconds=before.predict_seconds + fresh.predict_seconds,
        whole_seconds=max(before.whole_seconds, trained),
        whole_steps=part.whole,
    )


def _trained(
    member: Member, panel: Panel, task: Task, run: Run, *, seconds: float, part: Part | None
) -> FittedModel:
    """The member trained within `seconds`, or a `part` of its training."""
    if part is None:
        return fit_model(member.recipe, panel, task, run_of(member, run, seconds))
    recipe = _with_steps(member.recipe, part.steps)
    start = None if part.start is None else part.start.model.predictor
    mine = run_of(member, run, seconds * part.seconds, later=start is not None)
    return fit_model(recipe, panel, task, mine, start=start)


def _with_steps(recipe: Recipe, steps: int) -> Recipe:
    changed: Recipe = replace(recipe, max_steps=steps)  # type: ignore[type-var]  # recipes are dataclasses
    return changed


def fit_within(
    member: Member, panel: Panel, task: Task, run: Run, seconds: float, *, start: Predictor | None = None
) -> FittedModel:
    """The member trained within `seconds`, from `start` on if given.

    OverTime where that cannot be done, and whatever the recipe raises.
    """
    with cut_off(seconds):
        mine = run_of(member, run, seconds, later=start is not None)
        return fit_model(member.recipe, panel, task, mine, start=start)


@contextmanager
def cut_off(seconds: float, *, slack: float = 0.0) -> Iterator[None]:
    """OverTime inside the block once `seconds`, a little grace and `slack` have passed."""
    try:
        with time_limit(SHARES.grace * seconds + slack, again=SHARES.tidying):
            yield
    except TimeUp as up:
        message = f"took longer than its share of {seconds:.0f} s"
        raise OverTime(message, needed_seconds=SHARES.unknown * seconds, at_least=True) from up


def run_of(member: Member, run: Run, seconds: float, *, later: bool = False) -> Run:
    """How a member is trained: for so long, from a seed of its own, without checkpoints.

    What goes on `later` draws other windows than it has learnt from.
    """
    seed = (run.seed + 7919 * member.repeat + (LATER if later else 0)) % (MOST_SEED + 1)
    return replace(run, seed=seed, out=None, resume=False, time_limit=max(seconds, 0.1))


def refit(
    result: CandidateResult, panel: Panel, task: Task, run: Run, *, seconds: float
) -> tuple[FittedModel, str]:
    """The member trained on the whole panel within `seconds`, or as it was judged and why.

    Where there is no time to begin again, one that can goes on from the weights that it was judged with.
    """
    member, start, note = result.member, None, ""
    needed = result.whole_seconds * (SHARES.least_again if abilities_of(member.recipe).time_limit else 1.0)
    if needed > seconds:
        if result.whole_steps is None or seconds < SHARES.go_on * result.whole_seconds:
            return result.model, "not trained on the validation windows: no time left"
        steps = max(1, round(result.whole_steps * seconds / result.whole_seconds))
        member = replace(member, recipe=_with_steps(member.recipe, steps))
        start, note = result.model.predictor, "trained on from the weights it was judged with"
    try:
        return fit_within(member, panel, task, run, seconds, start=start), note
    except Exception as error:  # what was trained before is better than nothing, and this is said
        logger.warning("%s could not be trained again: %s", result.member.label, error)
        return result.model, f"not trained on the validation windows: {reason(error)}"


def reason(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, RecipeFailed) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # a table has no room for the place
    text = str(error).strip().splitlines()
    if isinstance(error, (ForetellError, OverTime)) and text:
        return text[0]
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


class _Pace:
    """What forecasting an item takes, and whether that is too long."""

    def __init__(self, items: int, *, share: float, trained: float, network: bool, most: float) -> None:
        self.item_seconds = np.inf
        self._items, self._share, self._trained, self._most = items, share, trained, most
        self._network, self._began = network, time.perf_counter()

    def forecast(self, model: FittedModel, panel: Panel, levels: Sequence[float]) -> Array:
        """[N, H, Q] the forecast of `panel`, its time taken."""
        began = time.perf_counter()
        quantiles = model.forecast(panel, levels=levels).quantiles
        self.item_seconds = min(self.item_seconds, (time.perf_counter() - began) / max(len(panel), 1))
        return quantiles

    def check(self, left: int) -> None:
        """Raises OverTime when the `left` forecasts, or one of all items, would take too long."""
        needed, all_items = self.item_seconds * left, self.item_seconds * self._items
        whole, slack = time.perf_counter() - self._began + needed, _slack(self._network)
        if whole > max(self._share - self._trained, slack * self._share):
            raise OverTime(
                f"its validation forecasts would take {needed:.3g} s more, longer than its share of time",
                # a network that may train longer does so, and leaves the same part
                needed_seconds=whole / slack if self._network else self._trained + whole,
            )
        if all_items > self._most:
            raise OverTime(
                f"forecasting all {self._items} items would take about {all_items:.0f} s",
                needed_seconds=self._share * all_items / self._most,
            )


def _slack(network: bool) -> float:
    return SHARES.network_slack if network else SHARES.slack


def _forecast_all(model: FittedModel, validation: ValidationWindows, pace: _Pace) -> Array:
    """[K, N, H, Q] the forecasts of all windows; OverTime as soon as that can be foreseen."""
    count, n = validation.actual.shape[:2]
    network = abilities_of(model.recipe).time_limit
    edges = [0, *(edge for edge in np.cumsum(NETWORK_CHUNKS if network else CHUNKS) if edge < n), n]
    first, parts = validation.panels[0], []
    for begin, end in pairwise(edges):
        parts.append(pace.forecast(model, first.take(np.arange(begin, end)), validation.levels))
        if begin > 0 or end == n:
            pace.check((n - end) + n * (count - 1))
    others = [pace.forecast(model, panel, validation.levels) for panel in validation.panels[1:]]
    return np.stack([np.concatenate(parts), *others])
