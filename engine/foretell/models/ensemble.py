"""Several recipes as one: each judged on windows before the origin, within its share of the time, and averaged."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.ensemble_weights import EnsembleWeights, combine
from foretell.models.model import Model, state_of
from foretell.models.saved_model import check_settings
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import HeldOut, Recipe, State, Summary
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.system.typed import typed

logger = logging.getLogger(__name__)


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


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """Fitted members and what each counts; a predictor."""

    members: tuple[Model, ...]
    labels: tuple[str, ...]
    weights: EnsembleWeights
    trials: tuple[MemberReport, ...]  # of all members that were tried, those without weight too
    remark: str  # how the weights were come by
    task: Task
    held: HeldOut | None = None  # what the average forecast for the validation windows; not kept when saved

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """The weighted average of the members' quantiles, level by level, and of their means."""
        wanted = tuple(levels)
        parts = [model.forecast(panel, levels=wanted) for model in self.members]
        weights = self.weights.of(panel)
        fallbacks = np.any([part.fallbacks & (weights[:, m] > 0) for m, part in enumerate(parts)], axis=0)
        return Forecast.build(
            panel,
            wanted,
            combine([part.quantiles for part in parts], weights),
            combine([part.mean for part in parts], weights),
            fallbacks=fallbacks,
        )

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
        return cls(members, said.labels, weights, said.trials, said.remark, task)

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


def _load_member(
    entry: _SavedMember, arrays: dict[str, NDArray[Any]], schema: Schema, task: Task, run: Run
) -> Model:
    check_settings(entry.settings)
    check_settings(entry.resolved)
    resolved = make_recipe(entry.recipe, entry.resolved)
    predictor = resolved.load(schema, task, (dict(entry.state), arrays), replace(run, seed=entry.seed))
    return Model(
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
