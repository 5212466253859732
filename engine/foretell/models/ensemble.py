"""Several recipes as one: each judged on windows before the origin, within its share of the time, and averaged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.findings import Finding
from foretell.data.panel import Panel
from foretell.data.plausible_range import JUDGED, Extent, PlausibleRange
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.ensemble_weights import EnsembleWeights, combine, trusted
from foretell.models.fitted_model import FittedModel, state_of
from foretell.models.saved_model import check_settings
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.levels import check_levels
from foretell.recipe.protocols import HeldOut, Recipe, State, Summary
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.recipe.variants import Variants
from foretell.system.time_budget import spell_seconds
from foretell.system.typed import typed

logger = logging.getLogger(__name__)
_MARGIN = 1.2  # on a time limit that would have been enough: machines are not equally fast at all times


@dataclass(frozen=True, slots=True)
class Member:
    """A recipe in a portfolio."""

    label: str
    recipe: Recipe
    repeat: int = 0  # how many like it stand before it; they train from other seeds


@dataclass(frozen=True, slots=True)
class MemberReport:
    """What came of one member."""

    member: str
    weight: float = 0.0
    score: float | None = None  # wQL on the validation windows
    fit_seconds: float = 0.0  # all its training
    predict_seconds: float = 0.0  # its validation forecasts
    note: str = ""  # what became of it, where it has no weight or was not trained on everything
    needed_seconds: float | None = (
        None  # time limit of all with which it would have been judged; None where time was no reason
    )
    at_least: bool = False  # that is a lower bound: it was cut off, or not tried


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Fitted members and what each counts; a predictor."""

    members: tuple[FittedModel, ...]
    labels: tuple[str, ...]
    weights: EnsembleWeights
    trials: tuple[MemberReport, ...]  # of all members that were tried, those without weight too
    remark: str  # how the weights were come by
    task: Task
    extent: Extent | None = None  # of what it was trained on; None of a model saved before there was any
    held: HeldOut | None = None  # what the average forecast for the validation windows; not kept when saved

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """The weighted average of the members' quantiles, level by level, and of their means.

        A member does not count for an item that it forecasts far outside of what was observed. Where all do so, the average is
        kept within reach, and counted as a fallback.
        """
        asked = check_levels((*levels, *JUDGED))
        parts = [model.forecast(panel, levels=asked) for model in self.members]
        return self._averaged(panel, parts, asked).only(levels)

    def predict_variants(self, variants: Variants, *, levels: Sequence[float]) -> Forecast:
        """The same average of what the members forecast of each variant."""
        asked = check_levels((*levels, *JUDGED))
        parts = [model.forecast_variants(variants, levels=asked) for model in self.members]
        return self._averaged(variants.panel, parts, asked).only(levels)

    def _averaged(self, panel: Panel, parts: Sequence[Forecast], asked: tuple[float, ...]) -> Forecast:
        reach = PlausibleRange.of_items(panel, self.task.horizon, self.extent or Extent.of(panel))
        good = np.stack([reach.holds(part.quantiles, asked, part.mean) for part in parts], axis=1)
        used = self.weights.of(panel) > 0
        weights = trusted(self.weights.of(panel), good)
        failed = np.stack([part.fallbacks for part in parts], axis=1)
        forecast = Forecast.build(
            panel,
            asked,
            combine([reach.bounded(p.quantiles, asked, good[:, m]) for m, p in enumerate(parts)], weights),
            combine([reach.bounded_mean(p.mean, good[:, m]) for m, p in enumerate(parts)], weights),
            fallbacks=np.any(failed & good & used, axis=1) | ~np.any(good & used, axis=1),
        )
        return replace(forecast, findings=tuple(_doubted(self.labels, used & ~good, panel)))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Which members were left out for lack of time, and how much would be enough."""
        late = [trial.member for trial in self.trials if trial.needed_seconds is not None]
        enough = enough_time(self.trials)
        if enough is None:
            return ()
        message = (
            f"{len(late)} member{'s' if len(late) > 1 else ''} of auto had too little time to be judged"
            f" ({', '.join(late)}): time_limit={enough[0]!r} {enough[1]}"
        )
        return (Finding("warning", "late_members", message, len(late)),)

    def state(self) -> State:
        """Each member's state under its number, the weights and the trials."""
        facts: list[dict[str, Any]] = []
        arrays: dict[str, NDArray[Any]] = {}
        for number, model in enumerate(self.members):
            inner, mine = state_of(model)
            facts.append(
                {
                    "recipe": model.recipe.name,
                    "settings": settings_of(model.recipe),
                    "resolved": settings_of(model.resolved),
                    "seed": model.seed,
                    "floor": model.floor,
                    "fit_seconds": model.fit_seconds,
                    "state": inner,
                }
            )
            arrays |= {f"{number}.{name}": array for name, array in mine.items()}
        return {
            "members": facts,
            "labels": list(self.labels),
            "weights": self.weights.to_json(),
            "trials": [asdict(trial) for trial in self.trials],
            "remark": self.remark,
            "extent": None if self.extent is None else list(self.extent),
        }, arrays

    @classmethod
    def load(cls, schema: Schema, task: Task, state: State, run: Run) -> Ensemble:
        """The predictor whose `state` this is."""
        said, arrays = typed(_SavedEnsemble, state[0]), state[1]
        weights = EnsembleWeights.from_json(said.weights)
        if not len(said.members) == len(said.labels) == len(weights.common):
            raise ForetellError("members, labels and weights of the ensemble are of different numbers")
        members = tuple(
            _load_member(entry, _under(f"{number}.", arrays), schema, task, run)
            for number, entry in enumerate(said.members)
        )
        extent = None if said.extent is None else Extent(*said.extent)
        return cls(members, said.labels, weights, said.trials, said.remark, task, extent)

    def held_out(self) -> HeldOut | None:
        """The validation windows as the average of the members forecast them, before those were trained on everything."""
        return self.held

    def summary(self) -> Summary:
        """The members' weights, scores and times, and the weights by group where there are such."""
        rows = [
            {
                "member": t.member,
                "weight": t.weight,
                "validation wQL": t.score,
                "training s": t.fit_seconds,
                "forecasting s": t.predict_seconds,
                "remark": t.note,
            }
            for t in sorted(self.trials, key=lambda t: -t.weight)
        ]
        enough = enough_time(self.trials)
        time = "" if enough is None else f"; a time limit of {enough[0]} {enough[1]}"
        tables: dict[str, list[dict[str, Any]]] = {f"Members ({self.remark}{time})": rows}
        grouping, groups = self.weights.grouping, self.weights.groups
        if grouping is not None and groups:
            tables[f"Weights by {grouping.by}"] = [
                {"group": _spoken(code, grouping.by, grouping.bounds, self.members[0].schema)}
                | dict(zip(self.labels, weights, strict=True))
                for code, weights in groups.items()
            ]
        for label, member in zip(self.labels, self.members, strict=True):
            tables |= {
                f"{title} ({label})": [dict(row) for row in rows] for title, rows in member.summary().items()
            }
        return tables


def enough_time(reports: Iterable[MemberReport]) -> tuple[str, str] | None:
    """The time limit with which all members would be judged, such as 12m, and what is known of it; None where it was enough."""
    needed = [report for report in reports if report.needed_seconds is not None]
    if not needed:
        return None
    limit = spell_seconds(_MARGIN * max(report.needed_seconds or 0.0 for report in needed))
    known = not any(report.at_least for report in needed)
    return limit, "would be enough for all" if known else "is the least that all need"


def _doubted(labels: Sequence[str], where: NDArray[np.bool_], panel: Panel) -> Iterator[Finding]:
    """What is to be said of members whose forecasts are not plausible for some items, `where` [N, M]."""
    for label, items in zip(labels, where.T, strict=True):
        count = int(items.sum())
        if count:
            yield Finding(
                "warning",
                "implausible",
                f"member {label}: far outside of what was observed of them lie its forecasts of {count} of {len(items)} items, first"
                f" {' / '.join(map(str, panel.keys.iloc[int(np.argmax(items))]))!r}; there it does not count",
                count,
            )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedMember:
    recipe: str
    settings: Mapping[str, Any]
    resolved: Mapping[str, Any]
    seed: int
    floor: float | None
    fit_seconds: float
    state: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedEnsemble:
    members: tuple[_SavedMember, ...]
    labels: tuple[str, ...]
    weights: Mapping[str, Any]
    trials: tuple[MemberReport, ...]
    remark: str
    extent: tuple[float, float] | None = None  # None in a model written before there was any


def _load_member(
    entry: _SavedMember, arrays: dict[str, NDArray[Any]], schema: Schema, task: Task, run: Run
) -> FittedModel:
    check_settings(entry.settings)
    check_settings(entry.resolved)
    resolved = make_recipe(entry.recipe, entry.resolved)
    predictor = resolved.load(schema, task, (dict(entry.state), arrays), replace(run, seed=entry.seed))
    return FittedModel(
        recipe=make_recipe(entry.recipe, entry.settings),
        resolved=resolved,
        seed=entry.seed,
        task=task,
        schema=schema,
        predictor=predictor,
        floor=entry.floor,
        fit_seconds=entry.fit_seconds,
    )


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
