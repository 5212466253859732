"""How `auto` judges its members within its time: quick ones first, networks in rounds (successive halving).

A network is judged after a quarter of its steps. Those that lead go on from there, the best first.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foretell.models.candidates import CandidateResult, OverTime, Part, reason, steps_of, try_candidate
from foretell.models.ensemble import Member, MemberReport
from foretell.models.ensemble_weights import ScoredCells, choose_shares
from foretell.models.hyperparameter_search import Search, make_search
from foretell.models.validation import ValidationWindows
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.registry import search_space
from foretell.recipe.task import Run, Task
from foretell.system.listener import tell
from foretell.system.time_budget import Budget

logger = logging.getLogger(__name__)

NO_TIME = "not tried: no time left"
SEARCHED = 2  # members whose settings are searched, the best ones


@dataclass(frozen=True, slots=True)
class TimeShares:
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
    # of the time for its other steps, below which a network that leads does not get them
    worth: float = 0.2
    first: float = 0.25  # of a network's steps, that it is first judged after
    # of a network's time, that these may take; what it leaves is for the networks that lead
    first_seconds: float = 0.5


SHARES = TimeShares()


@dataclass(frozen=True, slots=True)
class Judging:
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
            if share <= (SHARES.least / 2 * self.budget.limit if keeps_time(member.recipe) else 0):
                failed.append(
                    MemberReport(
                        member.label, note=NO_TIME, needed_seconds=2 * self.budget.limit, at_least=True
                    )
                )
                continue
            tell("judge", number, len(members), message=member.label)
            result, before = self._try(member, share, self._first_part(member)), quick
            if not keeps_time(member.recipe):
                quick += _cost(result)
            if isinstance(result, MemberReport) and result.needed_seconds is not None:
                result = replace(result, needed_seconds=_limit(before, result.needed_seconds, waiting))
            sort_in(result, done, failed)
        self._go_on(done)
        tell("judge", len(members), len(members))
        return done, failed

    def _first_part(self, member: Member) -> Part | None:
        """The steps after which a network is first judged; None of a member that has none, or fails to say."""
        try:
            steps = steps_of(member.recipe, self.validation.early, self.task)
        except Exception:  # its training says why
            return None
        return None if steps is None else Part(steps, 0, _first(steps), seconds=SHARES.first_seconds)

    def _go_on(self, results: list[CandidateResult]) -> None:
        """Train the networks that lead with their other steps and judge them again, the best first, as long as there is time.

        Those of the worse half only where there is time for all their steps. What has become worse stays as it was.
        """
        networks = [m for m, each in enumerate(results) if each.whole_steps is not None]
        networks.sort(key=lambda m: self._score(results[m]))
        for place, m in enumerate(networks):
            first, left = results[m], self.budget.left(SHARES.judging)
            assert first.whole_steps is not None
            trained, whole = _first(first.whole_steps), first.whole_seconds
            needed = SHARES.margin * (whole - first.fit_seconds + first.predict_seconds)
            leads = place < (len(networks) + 1) // 2
            if trained >= first.whole_steps or left < needed * (SHARES.worth if leads else 1):
                continue
            results[m] = self._went_on(first, trained, min(left, needed))

    def _went_on(self, first: CandidateResult, trained: int, seconds: float) -> CandidateResult:
        """A network with the steps after those `trained`, or as it was where it has not become better."""
        whole, began = first.whole_steps or trained, self.budget.spent
        training = max(0.5, 1 - first.predict_seconds / seconds)
        part = Part(whole, trained, whole, start=first, seconds=training)
        try:
            again = self._judged(first.member, seconds, part)
        except Exception as error:  # what has been judged is there
            logger.warning("auto: %s stays as it was first judged: %s", first.member.label, reason(error))
            return replace(first, fit_seconds=first.fit_seconds + self.budget.spent - began)
        if self._score(again) <= self._score(first):
            return again
        return replace(first, fit_seconds=again.fit_seconds, predict_seconds=again.predict_seconds)

    def _share(self, waiting: Sequence[Member]) -> float:
        """Seconds that the first of the `waiting` members may take; the quick ones come first."""
        networks = sum(keeps_time(member.recipe) for member in waiting)
        if not keeps_time(waiting[0].recipe):
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
            member = with_settings(base.member, search.ask())
            if member.label in labels:
                search.tell(None)
                continue
            labels.add(member.label)
            result = self._try(member, seconds)
            search.tell(None if isinstance(result, MemberReport) else self._score(result))
            sort_in(result, done, failed)
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
        shares = choose_shares(cells_of(results, self.validation))
        used = [results[int(m)] for m in np.flatnonzero(shares)]
        return SHARES.margin * sum(a.whole_seconds for a in used) + reserve_of(used, items, self.budget)

    def _score(self, result: CandidateResult) -> float:
        cells = cells_of([result], self.validation)
        return cells.score(cells.quantiles[0])

    def _try(
        self, member: Member, seconds: float, part: Part | None = None
    ) -> CandidateResult | MemberReport:
        """The member judged, or why it could not be."""
        before = self.budget.spent
        try:
            return self._judged(member, seconds, part)
        except Exception as error:  # what cannot forecast these data is left out, and the summary says why
            return left_out(member, error, self.budget.spent - before)

    def _judged(self, member: Member, seconds: float, part: Part | None) -> CandidateResult:
        most = SHARES.forecasting * self.budget.limit
        return try_candidate(
            member, self.validation, self.task, self.run, seconds=seconds, most=most, part=part
        )


def _first(steps: int) -> int:
    """Of all of a network's `steps`, those after which it is first judged."""
    return max(1, round(SHARES.first * steps))


def sort_in(
    result: CandidateResult | MemberReport, done: list[CandidateResult], failed: list[MemberReport]
) -> None:
    if isinstance(result, MemberReport):
        failed.append(result)
    else:
        done.append(result)


def left_out(member: Member, error: Exception, seconds: float = 0.0) -> MemberReport:
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
    networks = sum(keeps_time(member.recipe) for member in waiting)
    if keeps_time(waiting[0].recipe):
        return seconds / SHARES.least
    pool = before + seconds * min(len(waiting) - networks, SHARES.generous)
    return pool / (SHARES.judging * (SHARES.quick if networks else 1))


def cells_of(results: Sequence[CandidateResult], validation: ValidationWindows) -> ScoredCells:
    quantiles, plausible = (
        np.stack([getattr(each, name) for each in results]) for name in ("bounded", "plausible")
    )
    return ScoredCells.of(quantiles, validation.actual, validation.levels, plausible)


def reserve_of(results: Sequence[CandidateResult], items: int, budget: Budget) -> float:
    """Seconds kept for one forecast of all items."""
    return min(SHARES.reserve * budget.limit, items * sum(each.item_seconds for each in results))


def with_settings(member: Member, settings: Mapping[str, Any]) -> Member:
    """A member with other settings, and a label that says which."""
    recipe = replace(member.recipe, **settings)  # type: ignore[type-var]  # recipes are dataclasses
    label = ":".join([member.label, *(f"{name}={value}" for name, value in settings.items())])
    return Member(label, recipe, member.repeat)


def keeps_time(recipe: Recipe) -> bool:
    """Whether it ends in time by itself, as networks and boosted trees do; the others are quick, mostly."""
    return abilities_of(recipe).time_limit
