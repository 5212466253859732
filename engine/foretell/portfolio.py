"""Several recipes as one: each judged on windows before the origin, within its share of the time, and averaged."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.ensemble import Weights, combine
from foretell.errors import ForetellError
from foretell.forecast import Forecast
from foretell.local import TimeUp, time_limit
from foretell.model import Model, fit_model
from foretell.panel import Array, Panel, Schema
from foretell.recipe import Recipe, State, Summary, keeps_time_limit, make_recipe, settings_of
from foretell.task import Run, Task

logger = logging.getLogger(__name__)

FORECASTS = 1000  # items times windows that members are judged on, at most
CELLS = 2_000_000  # numbers in one member's validation forecasts, at most
WINDOWS = 8  # validation windows, at most
FEW_ITEMS = 32  # items times windows that there should be, if histories are long enough
FIRST_CHUNKS = (
    2,
    16,
    64,
)  # items forecast to see how fast it goes, before all others are; the first two warm up
TRAINING_SHARE = 0.85  # of a network's time; the rest is for preparing and for its forecasts
SLACK = 0.15  # of its share that the forecasts of a member may take whose training was late
GRACE = 1.25  # times its share that a member may take before it is cut off


class TooSlow(Exception):
    """A member would take longer than its share."""


@dataclass(frozen=True, slots=True)
class Member:
    """A recipe in a portfolio."""

    label: str
    recipe: Recipe
    repeat: int = 0  # how many like it stand before it; they train from other seeds


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one member."""

    member: str
    weight: float = 0.0
    score: float | None = None  # wQL on the validation windows
    fit_seconds: float = 0.0  # all its training
    predict_seconds: float = 0.0  # its validation forecasts
    note: str = ""  # what became of it, where it has no weight or was not trained on everything


@dataclass(frozen=True, slots=True, eq=False)
class Audition:
    """A member that forecast the validation windows."""

    member: Member
    model: Model  # trained on what lies before the first of them
    quantiles: Array  # [K, N, H, Q]
    fit_seconds: float
    predict_seconds: float
    item_seconds: float  # to forecast one item once


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """The last windows before the origin, held back to judge members on."""

    early: Panel  # all items as they stood before the first window
    stands: tuple[Panel, ...]  # [K] a sample of the items at the origin of each window, earliest first
    actual: Array  # [K, N, H]
    levels: tuple[float, ...]

    @classmethod
    def of(cls, panel: Panel, task: Task, *, windows: int | None, seed: int) -> Validation | None:
        """`windows` of them (default: by the length of the histories), or None where histories are too short for one."""
        count = count_windows(panel, task.horizon, windows)
        if count == 0:
            return None
        levels = tuple(sorted({*task.levels, 0.1, 0.5, 0.9}))
        early = panel.before(count * task.horizon)
        candidates = np.flatnonzero(early.stop > 0)
        most = min(FORECASTS // count, CELLS // (count * task.horizon * len(levels)))
        chosen = np.sort(np.random.default_rng(seed).permutation(candidates)[: max(1, most)])
        sample = panel.take(chosen)
        back = [(count - k) * task.horizon for k in range(count)]
        ahead = np.arange(task.horizon)
        actual = np.stack(
            [sample.target_at(np.arange(len(chosen)), (sample.origin - b)[:, None] + ahead) for b in back]
        )
        if not np.isfinite(actual).any():
            return None
        return cls(early, tuple(sample.before(b) for b in back), actual, levels)


@dataclass(frozen=True, slots=True, eq=False)
class Portfolio:
    """Fitted members and what each counts; a predictor."""

    members: tuple[Model, ...]
    labels: tuple[str, ...]
    weights: Weights
    trials: tuple[Trial, ...]  # of all members that were tried, those without weight too
    remark: str  # how the weights were come by
    task: Task

    def predict(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """The weighted average of the members' quantiles, level by level, and of their means."""
        wanted = tuple(levels or self.task.levels)
        parts = [model.forecast(panel, levels=wanted) for model in self.members]
        weights = self.weights.of(panel)
        fallbacks = np.any([part.fallbacks & (weights[:, m] > 0) for m, part in enumerate(parts)], axis=0)
        return Forecast.build(
            panel, wanted, combine([part.quantiles for part in parts], weights),
            combine([part.mean for part in parts], weights), fallbacks=fallbacks,
        )  # fmt: skip

    def state(self) -> State:
        """Each member's state under its number, the weights and the trials."""
        facts: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for number, model in enumerate(self.members):
            inner, mine = model.predictor.state()
            facts.append(
                {
                    "recipe": model.recipe.name, "settings": settings_of(model.recipe), "floor": model.floor,
                    "fit_seconds": model.fit_seconds, "state": inner,
                }
            )  # fmt: skip
            arrays |= {f"{number}.{name}": array for name, array in mine.items()}
        return {
            "members": facts, "labels": list(self.labels), "weights": self.weights.to_json(),
            "trials": [asdict(trial) for trial in self.trials], "remark": self.remark,
        }, arrays  # fmt: skip

    @classmethod
    def load(cls, schema: Schema, task: Task, state: State, run: Run) -> Portfolio:
        """The predictor whose `state` this is."""
        facts, arrays = state
        members = tuple(
            _load_member(entry, _under(f"{number}.", arrays), schema, task, run)
            for number, entry in enumerate(facts["members"])
        )
        trials = tuple(Trial(**trial) for trial in facts["trials"])
        weights = Weights.from_json(facts["weights"])
        return cls(members, tuple(facts["labels"]), weights, trials, facts["remark"], task)

    def summary(self) -> Summary:
        """The members' weights, scores and times, and the weights by group where there are such."""
        rows = [
            {
                "member": t.member, "weight": t.weight, "validation wQL": t.score, "training s": t.fit_seconds,
                "forecasting s": t.predict_seconds, "remark": t.note,
            }
            for t in sorted(self.trials, key=lambda t: -t.weight)
        ]  # fmt: skip
        tables: dict[str, list[dict[str, Any]]] = {f"Members ({self.remark})": rows}
        grouping, groups = self.weights.grouping, self.weights.groups
        if grouping is not None and groups:
            tables[f"Weights by {grouping.by}"] = [
                {"group": _spoken(code, grouping.by, grouping.bounds, self.members[0].schema)}
                | dict(zip(self.labels, weights, strict=True))
                for code, weights in groups.items()
            ]
        return tables


def parse_members(texts: Sequence[str]) -> list[Member]:
    """Members from `name` or `name:setting=value:setting=value`; one that stands there again trains from another seed."""
    seen: Counter[str] = Counter()
    members = []
    for text in texts:
        name, *settings = (part.strip() for part in text.split(":"))
        strange = [part for part in settings if "=" not in part]
        if strange:
            raise ForetellError(
                f"a member is a recipe's name, perhaps with settings, such as 'mqrnn:hidden_size=96': got {text!r}"
            )
        recipe = make_recipe(name, dict(part.split("=", 1) for part in settings))
        label = text if seen[text] == 0 else f"{text} #{seen[text] + 1}"
        members.append(Member(label, recipe, seen[text]))
        seen[text] += 1
    return members


def count_windows(panel: Panel, horizon: int, wanted: int | None) -> int:
    """How many windows before the origin can be held back, `wanted` of them if that is given; 0 for short histories.

    Any one window may be odd, and of few items one says little: hence more where items are few, up to a quarter of the
    typical history, and two where that leaves most of it. Raises ForetellError where `wanted` leave nothing to train on.
    """
    stop = panel.stop[panel.stop > 0]
    room = int(np.median(stop)) // horizon if len(stop) else 0
    if wanted is not None:
        if wanted > max(room - 2, 0):
            raise ForetellError(
                f"{wanted} validation windows of {horizon} steps leave less than two horizons to train on: the typical"
                f" history has {int(np.median(stop)) if len(stop) else 0} steps. Ask for at most {max(room - 2, 0)}."
            )
        return wanted
    if room < 3:
        return 0
    quarter = max(1, room // 4)
    return int(np.clip(-(-FEW_ITEMS // len(stop)), min(2, quarter), min(WINDOWS, quarter)))


def audition(
    member: Member, validation: Validation, task: Task, run: Run, *, seconds: float, most: float
) -> Audition:
    """Train a member on what lies before the validation windows and forecast them, within `seconds`.

    Raises TooSlow where that, or forecasting all items within `most` seconds, cannot be done, and whatever the recipe
    raises.
    """
    began = time.perf_counter()
    try:
        with time_limit(GRACE * seconds):
            model = fit_model(
                member.recipe, validation.early, task, run_of(member, run, seconds * TRAINING_SHARE)
            )
            trained = time.perf_counter() - began
            quantiles, pace = _forecast_all(
                model, validation, deadline=began + seconds, slack=SLACK * seconds, most=most
            )
    except TimeUp as up:
        raise TooSlow(f"took longer than its share of {seconds:.0f} s") from up
    predicted = time.perf_counter() - began - trained
    return Audition(member, model, quantiles, trained, predicted, pace)


def run_of(member: Member, run: Run, seconds: float) -> Run:
    """How a member is trained: for so long, from a seed of its own, without checkpoints."""
    return replace(
        run, seed=run.seed + 7919 * member.repeat, out=None, resume=False, time_limit=max(seconds, 0.1)
    )


def refit(audition: Audition, panel: Panel, task: Task, run: Run, *, seconds: float) -> tuple[Model, str]:
    """The member trained on the whole panel within `seconds`, or as it was judged and why."""
    needed = audition.fit_seconds * (0.5 if keeps_time_limit(audition.member.recipe) else 1.0)
    if needed > seconds:
        return audition.model, "not trained on the validation windows: no time left"
    try:
        with time_limit(GRACE * seconds):
            limited = run_of(audition.member, run, seconds * TRAINING_SHARE)
            return fit_model(audition.member.recipe, panel, task, limited), ""
    except TimeUp:
        return audition.model, "not trained on the validation windows: that took too long"
    except (
        Exception
    ) as error:  # it could be trained before: what is there is better than nothing, and this is said
        logger.warning("%s could not be trained again: %s", audition.member.label, error)
        return audition.model, f"not trained on the validation windows: {reason(error)}"


def reason(error: Exception) -> str:
    """An error in one line."""
    text = str(error).strip().splitlines()
    if isinstance(error, (ForetellError, TooSlow)) and text:
        return text[0]
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _forecast_all(
    model: Model, validation: Validation, *, deadline: float, slack: float, most: float
) -> tuple[Array, float]:
    """[K, N, H, Q] the forecasts of all windows, and the seconds an item takes; TooSlow as soon as that is foreseeable."""
    count, n = validation.actual.shape[:2]
    edges = [0, *(edge for edge in np.cumsum(FIRST_CHUNKS) if edge < n), n]
    pace, parts, first = np.inf, [], validation.stands[0]
    for begin, end in pairwise(edges):
        began = time.perf_counter()
        parts.append(model.forecast(first.take(np.arange(begin, end)), levels=validation.levels).quantiles)
        now = time.perf_counter()
        pace = min(pace, (now - began) / (end - begin))
        if begin > 0 or end == n:
            left = (n - end) + n * (count - 1)
            _check_pace(pace, left, max(deadline - now, slack), len(validation.early), most)
    others = [model.forecast(stand, levels=validation.levels).quantiles for stand in validation.stands[1:]]
    return np.stack([np.concatenate(parts), *others]), pace


def _check_pace(pace: float, left: int, seconds: float, items: int, most: float) -> None:
    if pace * left > seconds:
        raise TooSlow(
            f"its validation forecasts would take {pace * left:.3g} s more, and its share of time is used up"
        )
    if pace * items > most:
        raise TooSlow(f"forecasting all {items} items would take about {pace * items:.0f} s")


def _load_member(
    entry: Mapping[str, Any], arrays: dict[str, NDArray[Any]], schema: Schema, task: Task, run: Run
) -> Model:
    recipe = make_recipe(entry["recipe"], entry["settings"])
    predictor = recipe.load(schema, task, (entry["state"], arrays), run)
    return Model(
        recipe=recipe, task=task, schema=schema, predictor=predictor, floor=entry["floor"],
        fit_seconds=entry["fit_seconds"],
    )  # fmt: skip


def _under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _spoken(code: int, by: str, bounds: Sequence[float] | None, schema: Schema) -> str:
    """A group in words."""
    if bounds is None:
        return str(schema.vocabularies[by][code - 1])
    unit = "zeros" if by == "intermittency" else "steps"
    edges = [f"{bound:.0%}" if unit == "zeros" else f"{bound:.0f}" for bound in bounds]
    if code == 0:
        return f"below {edges[0]} {unit}"
    return (
        f"{edges[-1]} {unit} or more" if code == len(bounds) else f"{edges[code - 1]} to {edges[code]} {unit}"
    )
