"""Auto: recipes averaged with weights chosen on held-out windows (Caruana et al. 2004, ICML)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.data.plausible_range import Extent
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.candidates import CandidateResult, fit_within, refit
from foretell.models.ensemble import Ensemble, Member, MemberReport, parse_members
from foretell.models.ensemble_weights import EnsembleWeights, Grouping, ScoredCells, choose_weights, trusted
from foretell.models.fitted_model import FittedModel
from foretell.models.validation import ValidationWindows
from foretell.recipe.hyperparameters import Count
from foretell.recipe.protocols import Abilities, HeldOut, State, abilities_of
from foretell.recipe.registry import installed_recipes, make_recipe
from foretell.recipe.task import Run, Task
from foretell.system.time_budget import Budget, parse_seconds
from foretell.system.typed import Within
from foretell_recipes.auto_judging import SHARES, Judging, cells_of, keeps_time, left_out, reserve_of

logger = logging.getLogger(__name__)

BASELINES = ("seasonal_naive", "npts")
MANY_ITEMS = 50  # from which members that learn from all of them are trained where none can be judged
ENOUGH_POOLED = 2  # of these: boosted trees and a network


@dataclass(frozen=True, slots=True, kw_only=True)
class Auto:
    """An average of recipes, each with the weight it earns on windows before the origin, within a time limit."""

    name: ClassVar[str] = "auto"
    abilities: ClassVar[Abilities] = Abilities(
        time_limit=True, held_out=True, summary=True, family="ensembles"
    )
    time_limit: str = "10m"  # for training and one forecast: 90s, 10m, 1.5h; --time-limit goes before it
    # such as ets,mqrnn:hidden_size=96; default: all installed recipes that declare the ability `ensemble`
    members: tuple[str, ...] | None = None
    trials: Annotated[int, Within(0, 10_000)] = (
        4  # settings tried of the two best members that declare ranges, in the time that is left
    )
    windows: Count | None = None  # held out to choose weights; default: by the length of histories, at most 8
    # local folder of pretrained weights, with which `chronos` is a member too; default: it is none
    chronos_folder: str = ""
    chronos_trained_on: str = ""  # what these weights were trained on, as far as you know; reports show it

    def __post_init__(self) -> None:
        parse_seconds(self.time_limit, where="auto.time_limit")

    def fit(self, panel: Panel, task: Task, run: Run) -> Ensemble:
        """Judge the members on what lies before the origin, choose weights, and train those that have any on all of it."""
        if run.resume:
            raise ForetellError("auto keeps no checkpoints: train without resume=")
        budget = Budget(run.time_limit or parse_seconds(self.time_limit))
        members = self._members()
        members.sort(key=lambda member: keeps_time(member.recipe))  # the quick ones first
        fit = _Fit(panel, task, run, budget)
        part = self.windows is None
        validation = ValidationWindows.of(panel, task, windows=self.windows, seed=run.seed, part=part)
        if validation is None:
            return fit.equally(members, "equal weights: histories are too short for a validation window")
        judging = Judging(validation, task, run, budget)
        results, failed = judging.judge(members)
        if not results:
            why = "equal weights: no member forecast the validation windows in time"
            return fit.equally(members, why, failed)
        further, vain = judging.search(results, self.trials, len(panel))
        return fit.chosen(results + further, failed + vain, validation)

    def _members(self) -> list[Member]:
        """Those asked for or the default ones, and `chronos` where its weights are given; ForetellError where these cannot be read."""
        members = parse_members(self.members or default_members())
        if self.chronos_folder:
            from foretell_recipes.chronos_weights import Weights

            # what was asked for is not left out for a mistyped path
            Weights.of(self.chronos_folder, where="auto.chronos_folder")
            given = {"folder": self.chronos_folder, "trained_on": self.chronos_trained_on}
            members.append(Member("chronos", make_recipe("chronos", given)))
        return members

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


@dataclass(frozen=True, slots=True)
class _Fit:
    """Trains the members that count on the whole panel, within the budget."""

    panel: Panel
    task: Task
    run: Run
    budget: Budget

    def chosen(
        self,
        results: Sequence[CandidateResult],
        failed: Sequence[MemberReport],
        validation: ValidationWindows,
    ) -> Ensemble:
        """The members that earn a weight, trained on everything in the time left."""
        cells, last = cells_of(results, validation), validation.panels[-1]
        weights = choose_weights(cells, {g: g.codes(last) for g in Grouping.candidates(last)})
        used = [int(m) for m in np.flatnonzero(weights.used())]
        mean = weights.of(self.panel).mean(0)
        models, seconds, notes = self._again([results[m] for m in used], mean[used])
        trials = [
            MemberReport(
                a.member.label, float(mean[m]), cells.score(q), a.fit_seconds, a.predict_seconds, _strange(a)
            )
            for m, (a, q) in enumerate(zip(results, cells.quantiles, strict=True))
        ]
        for place, m in enumerate(used):
            again = trials[m].fit_seconds + seconds[place]
            said = "; ".join(filter(None, (notes[place], trials[m].note)))
            trials[m] = replace(trials[m], fit_seconds=again, note=said)
        by_item = weights.of(last)
        return Ensemble(
            models,
            tuple(results[m].member.label for m in used),
            weights.only(used),
            (*trials, *failed),
            _how_chosen(cells, by_item, validation),
            self.task,
            Extent.of(self.panel),
            _held_out(results, by_item, validation),
        )

    def _again(
        self, chosen: Sequence[CandidateResult], weights: Floats
    ) -> tuple[tuple[FittedModel, ...], list[float], list[str]]:
        """The chosen members trained on everything; the seconds that took, and what is to be said of each.

        Networks and trees come last, those that count most first. One forecast of all items is reckoned with. Where there is
        time for all, they share all of it; where there is not, networks go on from the weights that they were judged with.
        """
        reserve = reserve_of(chosen, len(self.panel), self.budget)
        network = [keeps_time(each.member.recipe) for each in chosen]
        models, seconds, notes = [each.model for each in chosen], [0.0] * len(chosen), [""] * len(chosen)
        order = sorted(range(len(chosen)), key=lambda m: (network[m], -weights[m]))
        for position, m in enumerate(order):
            before, left = self.budget.spent, max(self.budget.left(SHARES.end) - reserve, 0.0)
            if network[m]:
                rest = sum(chosen[other].whole_seconds for other in order[position:])
                part = left / max(rest, 1e-9)
                # what cannot go on from its weights takes all of its time or none
                least = 0.0 if chosen[m].whole_steps is not None else 1.0
                left = min(left, chosen[m].whole_seconds * max(least, part))
            models[m], notes[m] = refit(chosen[m], self.panel, self.task, self.run, seconds=left)
            seconds[m] = self.budget.spent - before
        return tuple(models), seconds, notes

    def equally(self, members: Sequence[Member], why: str, failed: Sequence[MemberReport] = ()) -> Ensemble:
        """All members that can be trained, with equal weights.

        Of those that learn from all items two, if there are enough, and bare baselines only where nothing else can be.
        Raises ForetellError where none can be trained.
        """
        models: list[FittedModel] = []
        tried: dict[str, MemberReport] = {report.member: report for report in failed}
        judged = {report.member: report for report in failed}
        for number, member in enumerate(sorted(members, key=_rank)):
            if models and (note := _superfluous(member, models, self.panel)):
                tried[member.label] = MemberReport(member.label, note=note)
                continue
            share = self.budget.left(SHARES.end) / (len(members) - number)
            try:
                models.append(self._trained(member, share if models else max(share, self.budget.limit)))
                tried[member.label] = MemberReport(member.label, 1.0, fit_seconds=models[-1].fit_seconds)
            except Exception as error:  # as above
                tried[member.label] = left_out(member, error)
        if not models:
            reasons = "; ".join(f"{report.member}: {report.note}" for report in tried.values())
            raise ForetellError(f"auto could train none of its members. {reasons}")
        labels = tuple(report.member for report in tried.values() if report.weight)
        reports = []
        for label, report in tried.items():
            before = judged.get(label, MemberReport(label))  # time enough to be judged is what counts
            weight = report.weight / len(models)
            reports.append(
                replace(report, weight=weight, needed_seconds=before.needed_seconds, at_least=before.at_least)
            )
        weights = EnsembleWeights((1 / len(models),) * len(models))
        return Ensemble(tuple(models), labels, weights, tuple(reports), why, self.task, Extent.of(self.panel))

    def _trained(self, member: Member, seconds: float) -> FittedModel:
        model = fit_within(member, self.panel, self.task, self.run, seconds)
        model.forecast(self.panel.take(np.array([0])))  # to see that it can
        return model


def _how_chosen(cells: ScoredCells, weights: Floats, validation: ValidationWindows) -> str:
    """How the weights [N, M] of the validation's items were chosen, and what the average scores there."""
    (count, items, horizon), steps = validation.actual.shape, validation.steps
    part = "" if steps == horizon else f", the first {steps} of {horizon} steps"
    return (
        f"weights chosen on {count} window{'s' if count > 1 else ''} before the origin{part}, {items} items;"
        f" there the average has wQL {cells.score(cells.average(weights[cells.item])):.4f}"
    )


def _held_out(
    results: Sequence[CandidateResult], weights: Floats, validation: ValidationWindows
) -> HeldOut | None:
    """The validation windows as the average, by weights [N, M], forecast them; None where they are a part of the horizon."""
    if validation.steps < validation.actual.shape[2]:
        return None
    plausible = np.stack([each.plausible for each in results], axis=-1)  # [K, N, M]
    table = trusted(np.broadcast_to(weights, plausible.shape), plausible)
    quantiles = np.einsum("knm,mknhq->knhq", table, np.stack([a.bounded for a in results]))
    return HeldOut(quantiles.astype(np.float32), validation.actual, validation.levels, validation.items)


def _strange(result: CandidateResult) -> str:
    """What is to be said of forecasts that are not plausible; mostly nothing."""
    count = int((~result.plausible).sum())
    return (
        f"{count} of {result.plausible.size} forecasts implausible: no part of the average" if count else ""
    )


def _rank(member: Member) -> int:
    """Quick recipes first, then those that learn from all items, then what is only there to be better than nothing."""
    return 2 if member.recipe.name in BASELINES else int(keeps_time(member.recipe))


def _superfluous(member: Member, models: Sequence[FittedModel], panel: Panel) -> str:
    """Why a member is not needed where `models` are there already; empty where it is."""
    if member.recipe.name in BASELINES:
        return "not tried: a baseline, and others can be trained"
    if not keeps_time(member.recipe):
        return ""
    if int((panel.stop > 0).sum()) < MANY_ITEMS:
        return "not tried: too few items to learn from"
    if sum(keeps_time(model.recipe) for model in models) >= ENOUGH_POOLED:
        return f"not tried: {ENOUGH_POOLED} pooled members are enough where none can be judged"
    return ""
