"""Auto: recipes averaged with weights chosen on held-out windows (Caruana et al. 2004, ICML)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from foretell.data.arrays import Floats
from foretell.data.panel import Panel
from foretell.data.plausible_range import Extent
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.candidates import CandidateResult, OverTime, fit_within, reason, refit, try_candidate
from foretell.models.ensemble import Ensemble, Member, MemberReport, parse_members
from foretell.models.ensemble_weights import (
    EnsembleWeights,
    Grouping,
    ScoredCells,
    choose_shares,
    choose_weights,
    trusted,
)
from foretell.models.fitted_model import FittedModel
from foretell.models.hyperparameter_search import Search, make_search
from foretell.models.validation import ValidationWindows
from foretell.recipe.hyperparameters import Count
from foretell.recipe.protocols import Abilities, HeldOut, Recipe, State, abilities_of
from foretell.recipe.registry import installed_recipes, make_recipe, search_space
from foretell.recipe.task import Run, Task
from foretell.system.listener import tell
from foretell.system.time_budget import Budget, parse_seconds
from foretell.system.typed import Within

logger = logging.getLogger(__name__)

BASELINES = ("seasonal_naive", "npts")
MANY_ITEMS = 50  # from which members that learn from all of them are trained where none can be judged
ENOUGH_POOLED = 2  # of these: boosted trees and a network
NO_TIME = "not tried: no time left"
SEARCHED = 2  # members whose settings are searched, the best ones


@dataclass(frozen=True, slots=True)
class _TimeShares:
    """How `auto` spends its time: shares of its limit, unless said otherwise."""

    judging: float = 0.65  # in which members are judged; the rest trains those chosen on everything
    quick: float = 0.45  # of the judging, which is left to the recipes that keep no time limit
    # a quick recipe may take this part of what the quick ones have left: few take so much, and the costly come last
    generous: int = 2
    least: float = 0.08  # below which a network is not worth beginning
    forecasting: float = 0.2  # that one member's forecast of all items may take
    reserve: float = 0.3  # kept for forecasting, at most
    margin: float = 1.3  # times what training took when a member was judged that it may take again
    end: float = 0.97  # at which training should be over


SHARES = _TimeShares()


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
        members.sort(key=lambda member: _keeps_time(member.recipe))  # the quick ones first
        fit = _Fit(panel, task, run, budget)
        validation = ValidationWindows.of(panel, task, windows=self.windows, seed=run.seed)
        if validation is None:
            return fit.equally(members, "equal weights: histories are too short for a validation window")
        judging = _Judging(validation, task, run, budget)
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
class _Judging:
    """Tries members on the validation windows, within the budget."""

    validation: ValidationWindows
    task: Task
    run: Run
    budget: Budget

    def judge(self, members: Sequence[Member]) -> tuple[list[CandidateResult], list[MemberReport]]:
        """The members that forecast the validation windows in time, and why the others did not."""
        done: list[CandidateResult] = []
        failed: list[MemberReport] = []
        quick = 0.0  # seconds that the quick ones before should have had, those cut off too
        for number, member in enumerate(members):
            waiting = members[number:]
            share = self._share(waiting)
            if share <= (SHARES.least / 2 * self.budget.limit if _keeps_time(member.recipe) else 0):
                failed.append(
                    MemberReport(
                        member.label, note=NO_TIME, needed_seconds=2 * self.budget.limit, at_least=True
                    )
                )
                continue
            tell("judge", number, len(members), message=member.label)
            result, before = self._try(member, share), quick
            if not _keeps_time(member.recipe):
                quick += _cost(result)
            if isinstance(result, MemberReport) and result.needed_seconds is not None:
                result = replace(result, needed_seconds=_limit(before, result.needed_seconds, waiting))
            _sort_in(result, done, failed)
        tell("judge", len(members), len(members))
        return done, failed

    def _share(self, waiting: Sequence[Member]) -> float:
        """Seconds that the first of the `waiting` members may take; the quick ones come first."""
        networks = sum(_keeps_time(member.recipe) for member in waiting)
        if not _keeps_time(waiting[0].recipe):
            pool = self.budget.left(SHARES.judging * (SHARES.quick if networks else 1))
            return pool / min(len(waiting) - networks, SHARES.generous)
        pool = self.budget.left(SHARES.judging)
        return max(pool / len(waiting), min(SHARES.least * self.budget.limit, pool))

    def search(
        self, results: Sequence[CandidateResult], trials: int, items: int
    ) -> tuple[list[CandidateResult], list[MemberReport]]:
        """Up to `trials` further members: the best ones with other settings.

        It ends early enough that those that count, of `items` items, can be trained again.
        """
        done: list[CandidateResult] = []
        failed: list[MemberReport] = []
        proposals = self._proposals(results) if trials else []
        labels, again = {each.member.label for each in results}, self._seconds_again(results, items)
        for number in range(trials if proposals else 0):
            base, search = proposals[number % len(proposals)]
            seconds = SHARES.margin * (base.fit_seconds + base.predict_seconds) + 1
            if self.budget.left(SHARES.end) < again + 2 * seconds:
                failed.append(MemberReport(f"{trials - number} more trials", note=NO_TIME))
                break
            member = _with(base.member, search.ask())
            if member.label in labels:
                search.tell(None)
                continue
            labels.add(member.label)
            result = self._try(member, seconds)
            search.tell(None if isinstance(result, MemberReport) else self._score(result))
            _sort_in(result, done, failed)
        return done, failed

    def _proposals(self, results: Sequence[CandidateResult]) -> list[tuple[CandidateResult, Search]]:
        """The best members that declare ranges, each with a search of these."""
        order = np.argsort([self._score(result) for result in results], kind="stable")
        bases = [results[m] for m in order if abilities_of(results[m].member.recipe).search][:SEARCHED]
        spaces = [search_space(type(base.member.recipe)) for base in bases]
        searches = [make_search(space, seed=self.run.seed) for space in spaces]
        return list(zip(bases, searches, strict=True))

    def _seconds_again(self, results: Sequence[CandidateResult], items: int) -> float:
        """What the members that would count now take to be trained again and to forecast all items."""
        shares = choose_shares(_cells(results, self.validation))
        used = [results[int(m)] for m in np.flatnonzero(shares)]
        return SHARES.margin * sum(a.fit_seconds for a in used) + _reserve(used, items, self.budget)

    def _score(self, result: CandidateResult) -> float:
        cells = _cells([result], self.validation)
        return cells.score(cells.quantiles[0])

    def _try(self, member: Member, seconds: float) -> CandidateResult | MemberReport:
        """The member judged, or why it could not be."""
        before, most = self.budget.spent, SHARES.forecasting * self.budget.limit
        try:
            return try_candidate(member, self.validation, self.task, self.run, seconds=seconds, most=most)
        except Exception as error:  # what cannot forecast these data is left out, and the summary says why
            return _left_out(member, error, self.budget.spent - before)


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
        cells, last = _cells(results, validation), validation.panels[-1]
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

        Networks come last, those that count most first: one that is trained again in full is worth more than several in
        part. One forecast of all items is reckoned with. Where there is time for all, they share all of it.
        """
        reserve = _reserve(chosen, len(self.panel), self.budget)
        network = [_keeps_time(each.member.recipe) for each in chosen]
        models, seconds, notes = [each.model for each in chosen], [0.0] * len(chosen), [""] * len(chosen)
        order = sorted(range(len(chosen)), key=lambda m: (network[m], -weights[m]))
        for position, m in enumerate(order):
            before, left = self.budget.spent, max(self.budget.left(SHARES.end) - reserve, 0.0)
            if network[m]:
                all_others = sum(chosen[other].fit_seconds for other in order[position:])
                left = min(left, chosen[m].fit_seconds * max(1.0, left / max(all_others, 1e-9)))
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
                tried[member.label] = _left_out(member, error)
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


def _sort_in(
    result: CandidateResult | MemberReport, done: list[CandidateResult], failed: list[MemberReport]
) -> None:
    if isinstance(result, MemberReport):
        failed.append(result)
    else:
        done.append(result)


def _left_out(member: Member, error: Exception, seconds: float = 0.0) -> MemberReport:
    logger.warning("auto: %s is left out: %s", member.label, reason(error))
    late = error if isinstance(error, OverTime) else None
    return MemberReport(
        member.label,
        fit_seconds=seconds,
        note=reason(error),
        needed_seconds=None if late is None else late.needed_seconds,
        at_least=late is not None and late.at_least,
    )


def _cost(result: CandidateResult | MemberReport) -> float:
    """Seconds that a member took to be judged, or would have taken."""
    if isinstance(result, MemberReport):
        return result.fit_seconds if result.needed_seconds is None else result.needed_seconds
    return result.fit_seconds + result.predict_seconds


def _limit(before: float, seconds: float, waiting: Sequence[Member]) -> float:
    """The time limit with which the first of the `waiting` members has `seconds`, the quick ones before it having had `before`."""
    networks = sum(_keeps_time(member.recipe) for member in waiting)
    if _keeps_time(waiting[0].recipe):
        return seconds / SHARES.least
    pool = before + seconds * min(len(waiting) - networks, SHARES.generous)
    return pool / (SHARES.judging * (SHARES.quick if networks else 1))


def _how_chosen(cells: ScoredCells, weights: Floats, validation: ValidationWindows) -> str:
    """How the weights [N, M] of the validation's items were chosen, and what the average scores there."""
    count = len(validation.panels)
    return (
        f"weights chosen on {count} window{'s' if count > 1 else ''} before the origin, {validation.actual.shape[1]} items;"
        f" there the average has wQL {cells.score(cells.average(weights[cells.item])):.4f}"
    )


def _held_out(results: Sequence[CandidateResult], weights: Floats, validation: ValidationWindows) -> HeldOut:
    """The validation windows as the average, by weights [N, M], forecast them."""
    plausible = np.stack([each.plausible for each in results], axis=-1)  # [K, N, M]
    table = trusted(np.broadcast_to(weights, plausible.shape), plausible)
    quantiles = np.einsum("knm,mknhq->knhq", table, np.stack([a.bounded for a in results]))
    return HeldOut(quantiles.astype(np.float32), validation.actual, validation.levels, validation.items)


def _cells(results: Sequence[CandidateResult], validation: ValidationWindows) -> ScoredCells:
    quantiles, plausible = (
        np.stack([getattr(each, name) for each in results]) for name in ("bounded", "plausible")
    )
    return ScoredCells.of(quantiles, validation.actual, validation.levels, plausible)


def _strange(result: CandidateResult) -> str:
    """What is to be said of forecasts that are not plausible; mostly nothing."""
    count = int((~result.plausible).sum())
    return (
        f"{count} of {result.plausible.size} forecasts implausible: no part of the average" if count else ""
    )


def _reserve(results: Sequence[CandidateResult], items: int, budget: Budget) -> float:
    """Seconds kept for one forecast of all items."""
    return min(SHARES.reserve * budget.limit, items * sum(each.item_seconds for each in results))


def _with(member: Member, settings: Mapping[str, Any]) -> Member:
    """A member with other settings, and a label that says which."""
    recipe = replace(member.recipe, **settings)  # type: ignore[type-var]  # recipes are dataclasses
    label = ":".join([member.label, *(f"{name}={value}" for name, value in settings.items())])
    return Member(label, recipe, member.repeat)


def _keeps_time(recipe: Recipe) -> bool:
    """Whether it ends in time by itself, as networks and boosted trees do; the others are quick, mostly."""
    return abilities_of(recipe).time_limit


def _rank(member: Member) -> int:
    """Quick recipes first, then those that learn from all items, then what is only there to be better than nothing."""
    return 2 if member.recipe.name in BASELINES else int(_keeps_time(member.recipe))


def _superfluous(member: Member, models: Sequence[FittedModel], panel: Panel) -> str:
    """Why a member is not needed where `models` are there already; empty where it is."""
    if member.recipe.name in BASELINES:
        return "not tried: a baseline, and others can be trained"
    if not _keeps_time(member.recipe):
        return ""
    if int((panel.stop > 0).sum()) < MANY_ITEMS:
        return "not tried: too few items to learn from"
    if sum(_keeps_time(model.recipe) for model in models) >= ENOUGH_POOLED:
        return f"not tried: {ENOUGH_POOLED} pooled members are enough where none can be judged"
    return ""
