"""Trains and forecasts the windows of a backtest, each recipe's in turn."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from foretell.errors import ForetellError
from foretell.evaluation.outcome import Outcome, Window
from foretell.hierarchy.groups import Columns
from foretell.hierarchy.learning import learn_dependence
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.unfinished import FinishedWindow, UnfinishedBacktest
from foretell.recipe.author_code import RecipeFailed, failed
from foretell.recipe.protocols import Recipe
from foretell.recipe.task import Run, Task
from foretell.system.listener import tell
from foretell.workflows.level_scores import LevelScores, level_scores

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What all windows of a backtest are made by."""

    task: Task
    run: Run
    refit: bool  # trained anew for each window; else once, before the earliest
    fingerprint: str  # of the data
    total: int  # windows of all recipes
    calibrate: bool
    columns: tuple[Columns, ...]  # the levels of a hierarchy that are scored too


class Runner:
    """Trains and forecasts here, one recipe after the other, and tells how far it is.

    Finished windows are kept in `kept`, where that is given, and taken from there.
    """

    def __init__(self, terms: Terms, windows: Sequence[Window], kept: UnfinishedBacktest | None) -> None:
        self._terms, self._windows, self._kept = terms, windows, kept
        self.done = 0  # windows, of all recipes

    def outcomes(self, label: str, recipe: Recipe) -> list[Outcome]:
        """The outcomes of one recipe, earliest window first; what was finished before is taken as it is."""
        made = [self._scored(label, window, done) for window, done in self._finished(label, recipe)]
        self._tell(label, "done")
        return made

    def finish(self, label: str, recipe: Recipe, numbers: Sequence[int]) -> None:
        """Forecast the windows of these numbers, and keep them; nothing is scored."""
        wanted = [window for window in self._windows if window.number in numbers]
        for _ in self._each(label, recipe, wanted):
            pass

    def taken(self, label: str, recipe: Recipe, store: UnfinishedBacktest) -> list[Outcome]:
        """The outcomes of one recipe whose windows another process has left in `store`."""
        made = []
        for window in self._windows:
            done = store.window(label, recipe, window.number, window.panel)
            assert done is not None
            made.append(self._scored(label, window, done))
        return made

    def _finished(self, label: str, recipe: Recipe) -> Iterator[tuple[Window, FinishedWindow]]:
        """All windows of one recipe, counted once the caller has scored them."""
        for window, done in self._each(label, recipe, self._windows):
            yield window, done
            self.done += 1

    def _each(
        self, label: str, recipe: Recipe, windows: Sequence[Window]
    ) -> Iterator[tuple[Window, FinishedWindow]]:
        model: FittedModel | None = None
        for window in windows:
            done = self._before(label, recipe, window)
            if done is None:
                fresh = window is windows[0] or self._terms.refit
                if model is None or fresh:
                    model = self._model(label, recipe, window, last=window is windows[-1])
                done = self._forecast(label, model, window, fresh=fresh)
                if self._kept is not None:
                    self._kept.keep_window(label, recipe, window.number, done)
            yield window, done

    def _before(self, label: str, recipe: Recipe, window: Window) -> FinishedWindow | None:
        done = None if self._kept is None else self._kept.window(label, recipe, window.number, window.panel)
        if done is not None:
            self._tell(label, f"{self._where(window)} was finished before")
        return done

    def _model(self, label: str, recipe: Recipe, window: Window, *, last: bool) -> FittedModel:
        """The model that was kept for all windows, or one trained now; kept where a later window needs it."""
        terms = self._terms
        keep = self._kept if not terms.refit and not last else None
        if self._kept is not None and not terms.refit:
            model = self._kept.model(label, recipe, terms.run)
            if model is not None:
                return model
        self._tell(label, f"training, {self._where(window)}")
        with _blamed(label, self._where(window), "training"):
            model = fit_model(
                recipe,
                window.panel,
                terms.task,
                terms.run,
                fingerprint=terms.fingerprint,
                calibrate=terms.calibrate,
            )
        if terms.columns:
            learnt = learn_dependence(window.panel, terms.task, held=model.held, seed=terms.run.seed)
            model = replace(model, dependence=learnt)
        if keep is not None:
            keep.keep_model(label, recipe, model)
        return model

    def _forecast(self, label: str, model: FittedModel, window: Window, *, fresh: bool) -> FinishedWindow:
        terms = self._terms
        self._tell(label, f"forecasting, {self._where(window)}")
        began = time.perf_counter()
        with _blamed(label, self._where(window), "forecasting"):
            forecast = model.forecast_in_arrays(
                window.panel, levels=terms.task.levels, beside=terms.total, joint=bool(terms.columns)
            )
        took = time.perf_counter() - began
        groups: LevelScores = {}
        if terms.columns:
            groups = level_scores(window, forecast, terms.columns, seed=terms.run.seed)
            forecast = replace(forecast, margins=None, dependence=None)
        seconds = (model.fit_seconds if fresh else 0.0, took)
        return FinishedWindow(forecast, seconds, model.summary() if fresh else None, groups)

    def _scored(self, label: str, window: Window, done: FinishedWindow) -> Outcome:
        outcome = Outcome.of(
            label, window, done.forecast, seconds=done.seconds, summary=done.summary, groups=done.groups
        )
        logger.info(
            "%s, %s: wQL %.4f; trained %.1f s, forecast %.1f s",
            label,
            self._where(window),
            outcome.scores.pooled["wQL"],
            *done.seconds,
        )
        return outcome

    def _where(self, window: Window) -> str:
        return f"window {window.number} of {len(self._windows)} (origin {window.day})"

    def _tell(self, label: str, what: str) -> None:
        tell("backtest", self.done, self._terms.total, recipe=label, message=f"{label}: {what}")


@contextmanager
def _blamed(recipe: str, where: str, what: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a ForetellError that names the recipe and the window; the cause is kept."""
    try:
        yield
    except RecipeFailed as error:
        raise failed(recipe, f"{what} {where}", error.said) from error.__cause__
    except ForetellError as error:
        raise ForetellError(f"recipe {recipe!r}, {where}: {error}") from error
