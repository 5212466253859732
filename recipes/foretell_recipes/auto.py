"""Auto: a portfolio of recipes averaged with weights chosen on held-back windows (Caruana et al. 2004, ICML)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.candidates import CandidateResult, fit_within, reason, refit, try_candidate
from foretell.models.ensemble import Ensemble, Member, MemberReport, parse_members
from foretell.models.ensemble_weights import (
    EnsembleWeights,
    Floats,
    Grouping,
    ScoredCells,
    choose_shares,
    choose_weights,
)
from foretell.models.hyperparameter_search import make_search
from foretell.models.model import Model
from foretell.models.validation import ValidationWindows
from foretell.recipe.protocols import Abilities, HeldOut, State, abilities_of
from foretell.recipe.registry import installed_recipes, search_space
from foretell.recipe.task import Run, Task
from foretell.system.listener import tell
from foretell.system.time_budget import Budget, parse_seconds

logger = logging.getLogger(__name__)

JUDGING = 0.65  # share of the time in which members are judged; the rest trains those chosen on everything
QUICK = 0.45  # share of that time which is left to the recipes that keep no time limit
GENEROUS = 2  # a quick recipe may take this part of what the quick ones have left: few take so much, and the costly come last
BASELINES = ("seasonal_naive", "npts")
MANY = 50  # items from which members that learn from all of them are trained where none can be judged
ENOUGH = 2  # of these: boosted trees and a network
LEAST = 0.08  # share of the time below which a network is not worth beginning
FORECASTING = 0.2  # share of the time that one member's forecast of all items may take
RESERVE = 0.3  # share of the time that is kept for forecasting at most
SEARCHED = 2  # members whose settings are searched, the best ones
MARGIN = 1.3  # times what training took when a member was judged that it may take again
END = 0.97  # share of the time at which training should be over


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """An average of recipes, each with the weight it earns on windows before the origin, within a time limit."""

    name: ClassVar[str] = "auto"
    abilities: ClassVar[Abilities] = Abilities(time_limit=True, held_out=True, summary=True)
    time_limit: str = "10m"  # for training and one forecast: 90s, 10m, 1.5h; --time-limit goes before it
    # such as ets,mqrnn:hidden_size=96; default: all of foretell's recipes that are installed
    members: tuple[str, ...] | None = None
    trials: int = 4  # settings tried of the two best members that declare ranges, in the time that is left
    windows: int | None = None  # held back to choose weights; default: by the length of histories, at most 8

    def __post_init__(self) -> None:
        parse_seconds(self.time_limit, where="auto.time_limit")
        if self.trials < 0:
            raise ForetellError(f"auto.trials must be at least 0, got {self.trials}")
        if self.windows is not None and self.windows < 1:
            raise ForetellError(f"auto.windows must be at least 1, got {self.windows}")

    def fit(self, panel: Panel, task: Task, run: Run) -> Ensemble:
        """Judge the members on what lies before the origin, choose weights, and train those that have any on all of it."""
        if run.resume:
            raise ForetellError("auto keeps no checkpoints: train without resume")
        budget = Budget(run.time_limit or parse_seconds(self.time_limit))
        members = parse_members(self.members or default_members())
        members.sort(key=lambda member: abilities_of(member.recipe).time_limit)  # the quick ones first
        validation = ValidationWindows.of(panel, task, windows=self.windows, seed=run.seed)
        if validation is None:
            why = "equal weights: histories are too short for a validation window"
            return average_equally(members, panel, task, run, budget, why)
        results, failed = judge(members, validation, task, run, budget)
        if not results:
            why = "equal weights: no member forecast the validation windows in time"
            return average_equally(members, panel, task, run, budget, why, failed)
        further, vain = search(results, self.trials, validation, len(panel), task, run, budget)
        return train_chosen(results + further, failed + vain, validation, panel, task, run, budget)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> Ensemble:
        """The predictor whose `state` this is."""
        return Ensemble.load(schema, task, state, run)


def default_members() -> tuple[str, ...]:
    """The installed recipes that declare the ability `ensemble`, cheapest first: something is there when time is short."""
    installed = installed_recipes()
    for why in installed.failed.values():
        logger.warning("auto leaves a recipe out: %s", why)
    declared = {name: abilities_of(kind) for name, kind in installed.recipes.items()}
    return tuple(sorted((n for n, can in declared.items() if can.ensemble), key=lambda n: declared[n].cost))


def judge(
    members: Sequence[Member], validation: ValidationWindows, task: Task, run: Run, budget: Budget
) -> tuple[list[CandidateResult], list[MemberReport]]:
    """The members that forecast the validation windows in time, and why the others did not."""
    done: list[CandidateResult] = []
    failed: list[MemberReport] = []
    networks = sum(abilities_of(member.recipe).time_limit for member in members)
    for number, member in enumerate(members):
        network = abilities_of(member.recipe).time_limit
        pool = budget.left(JUDGING if network or networks == 0 else JUDGING * QUICK)
        left = len(members) - number - (0 if network else networks)
        share = pool / (left if network else min(left, GENEROUS))
        if network:
            share = max(share, min(LEAST * budget.limit, pool))
        if share <= (LEAST / 2 * budget.limit if network else 0):
            failed.append(MemberReport(member.label, note="not tried: no time left"))
            continue
        tell("judge", number, len(members), message=member.label)
        results = _tried(member, validation, task, run, budget, share)
        if isinstance(results, MemberReport):
            failed.append(results)
        else:
            done.append(results)
    return done, failed


def search(
    results: Sequence[CandidateResult],
    trials: int,
    validation: ValidationWindows,
    items: int,
    task: Task,
    run: Run,
    budget: Budget,
) -> tuple[list[CandidateResult], list[MemberReport]]:
    """Up to `trials` further members: the best ones with other settings, as long as enough time remains to train again."""
    cells = _cells(results, validation)
    order = np.argsort([cells.score(quantiles) for quantiles in cells.quantiles], kind="stable")
    bases = [results[m] for m in order if abilities_of(results[m].member.recipe).search][:SEARCHED]
    searches = (
        [make_search(search_space(type(a.member.recipe)), seed=run.seed) for a in bases] if trials else []
    )
    done: list[CandidateResult] = []
    failed: list[MemberReport] = []
    labels = {each.member.label for each in results}
    used = [results[int(m)] for m in np.flatnonzero(choose_shares(cells))]
    again = MARGIN * sum(a.fit_seconds for a in used) + _reserve(used, items, budget)
    for number in range(trials if bases else 0):
        base, proposals = bases[number % len(bases)], searches[number % len(bases)]
        seconds = MARGIN * (base.fit_seconds + base.predict_seconds) + 1
        if budget.left(END) < again + 2 * seconds:
            failed.append(MemberReport(f"{trials - number} more trials", note="not tried: no time left"))
            break
        member = _with(base.member, proposals.ask())
        if member.label in labels:
            proposals.tell(None)
            continue
        labels.add(member.label)
        trial = _tried(member, validation, task, run, budget, seconds)
        if isinstance(trial, MemberReport):
            failed.append(trial)
            proposals.tell(None)
        else:
            done.append(trial)
            cells = _cells([trial], validation)
            proposals.tell(cells.score(cells.quantiles[0]))
    return done, failed


def train_chosen(
    results: Sequence[CandidateResult],
    failed: Sequence[MemberReport],
    validation: ValidationWindows,
    panel: Panel,
    task: Task,
    run: Run,
    budget: Budget,
) -> Ensemble:
    """The members that earn a weight, trained on everything in the time left."""
    cells = _cells(results, validation)
    last = validation.panels[-1]
    weights = choose_weights(cells, {g: g.codes(last) for g in Grouping.candidates(last)})
    used = [int(m) for m in np.flatnonzero(weights.used())]
    mean = weights.of(panel).mean(0)
    models, seconds, notes = _trained_again([results[m] for m in used], mean[used], panel, task, run, budget)
    trials = [
        MemberReport(
            a.member.label, float(mean[m]), cells.score(cells.quantiles[m]), a.fit_seconds, a.predict_seconds
        )
        for m, a in enumerate(results)
    ]
    for place, m in enumerate(used):
        again = trials[m].fit_seconds + seconds[place]
        trials[m] = replace(trials[m], fit_seconds=again, note=notes[place])
    by_item = weights.of(last)
    average = np.einsum("cm,mcq->cq", by_item[cells.item], cells.quantiles)
    held = np.einsum("nm,mknhq->knhq", by_item, np.stack([a.quantiles for a in results])).astype(np.float32)
    windows = f"{len(validation.panels)} window{'s' if len(validation.panels) > 1 else ''} before the origin"
    remark = (
        f"weights chosen on {windows}, {validation.actual.shape[1]} items;"
        f" there the average has wQL {cells.score(average):.4f}"
    )
    labels = tuple(results[m].member.label for m in used)
    return Ensemble(
        models,
        labels,
        weights.only(used),
        (*trials, *failed),
        remark,
        task,
        HeldOut(held, validation.actual, validation.levels),
    )


def _trained_again(
    chosen: Sequence[CandidateResult], weights: Floats, panel: Panel, task: Task, run: Run, budget: Budget
) -> tuple[tuple[Model, ...], list[float], list[str]]:
    """The chosen members trained on everything; the seconds that took, and what is to be said of each.

    Networks come last, those that count most first: one that is trained again in full is worth more than several in part.
    One forecast of all items is reckoned with. Where there is time for all, they share all of it.
    """
    reserve = _reserve(chosen, len(panel), budget)
    network = [abilities_of(each.member.recipe).time_limit for each in chosen]
    models, seconds, notes = [each.model for each in chosen], [0.0] * len(chosen), [""] * len(chosen)
    order = sorted(range(len(chosen)), key=lambda m: (network[m], -weights[m]))
    for position, m in enumerate(order):
        before, left = budget.spent, max(budget.left(END) - reserve, 0.0)
        if network[m]:
            all_others = sum(chosen[other].fit_seconds for other in order[position:])
            left = min(left, chosen[m].fit_seconds * max(1.0, left / max(all_others, 1e-9)))
        models[m], notes[m] = refit(chosen[m], panel, task, run, seconds=left)
        seconds[m] = budget.spent - before
    return tuple(models), seconds, notes


def _tried(
    member: Member, validation: ValidationWindows, task: Task, run: Run, budget: Budget, seconds: float
) -> CandidateResult | MemberReport:
    """The member judged, or why it could not be."""
    before = budget.spent
    try:
        return try_candidate(member, validation, task, run, seconds=seconds, most=FORECASTING * budget.limit)
    except Exception as error:  # what cannot forecast these data is left out, and the summary says why
        logger.warning("auto: %s is left out: %s", member.label, reason(error))
        return MemberReport(member.label, fit_seconds=budget.spent - before, note=reason(error))


def _cells(results: Sequence[CandidateResult], validation: ValidationWindows) -> ScoredCells:
    return ScoredCells.of(
        np.stack([each.quantiles for each in results]), validation.actual, validation.levels
    )


def _reserve(results: Sequence[CandidateResult], items: int, budget: Budget) -> float:
    """Seconds kept for one forecast of all items."""
    return min(RESERVE * budget.limit, items * sum(each.item_seconds for each in results))


def _with(member: Member, settings: Mapping[str, Any]) -> Member:
    """A member with other settings, and a label that says which."""
    recipe = replace(member.recipe, **settings)  # type: ignore[type-var]  # recipes are dataclasses
    label = ":".join([member.label, *(f"{name}={value}" for name, value in settings.items())])
    return Member(label, recipe, member.repeat)


def average_equally(
    members: Sequence[Member],
    panel: Panel,
    task: Task,
    run: Run,
    budget: Budget,
    why: str,
    failed: Sequence[MemberReport] = (),
) -> Ensemble:
    """All members that can be trained, alike; of those that learn from all items two, if there are enough, and bare
    baselines only where nothing else can be."""
    models: list[Model] = []
    tried: dict[str, MemberReport] = {trial.member: trial for trial in failed}
    for number, member in enumerate(sorted(members, key=_rank)):
        if models and (note := _superfluous(member, models, panel)):
            tried[member.label] = MemberReport(member.label, note=note)
            continue
        share = budget.left(END) / (len(members) - number)
        try:
            model = fit_within(member, panel, task, run, share if models else max(share, budget.limit))
            model.forecast(panel.take(np.array([0])))  # to see that it can
            models.append(model)
            tried[member.label] = MemberReport(member.label, 1.0, fit_seconds=models[-1].fit_seconds)
        except Exception as error:  # as above
            logger.warning("auto: %s is left out: %s", member.label, reason(error))
            tried[member.label] = MemberReport(member.label, note=reason(error))
    if not models:
        reasons = "; ".join(f"{trial.member}: {trial.note}" for trial in tried.values())
        raise ForetellError(f"auto could train none of its members. {reasons}")
    labels = tuple(trial.member for trial in tried.values() if trial.weight)
    trials = tuple(replace(trial, weight=trial.weight / len(models)) for trial in tried.values())
    return Ensemble(
        tuple(models), labels, EnsembleWeights((1 / len(models),) * len(models)), trials, why, task
    )


def _rank(member: Member) -> int:
    """Quick recipes first, then those that learn from all items, then what is only there to be better than nothing."""
    return 2 if member.recipe.name in BASELINES else int(abilities_of(member.recipe).time_limit)


def _superfluous(member: Member, models: Sequence[Model], panel: Panel) -> str:
    """Why a member is not needed where `models` are there already; empty where it is."""
    if member.recipe.name in BASELINES:
        return "not tried: a baseline, and others can be trained"
    if not abilities_of(member.recipe).time_limit:
        return ""
    if int((panel.stop > 0).sum()) < MANY:
        return "not tried: too few items to learn from"
    if sum(abilities_of(model.recipe).time_limit for model in models) >= ENOUGH:
        return f"not tried: {ENOUGH} pooled members are enough where none can be judged"
    return ""
