"""`tune`: the hyperparameters of one recipe that forecast held-out windows best."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pandas as pd

from foretell.checks.alarms import warn_of_alarms
from foretell.errors import ForetellError
from foretell.ingest.dataset import check_dataset
from foretell.models.hyperparameter_search import OptunaSearch, has_optuna
from foretell.models.validation import ValidationWindows
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import checked_recipe, make_recipe, search_space
from foretell.recipe.task import RunArguments, Task, make_run
from foretell.system.atomic_files import write_text
from foretell.system.folder_lock import claiming_out
from foretell.system.frame_writers import write_frame
from foretell.system.listener import interruptible, shielded, tell
from foretell.system.results import Result, drop_files, may_replace, result_in
from foretell.system.time_budget import Budget, parse_seconds
from foretell.system.whole_numbers import whole_number
from foretell.workflows.trial_tasks import Question, Trial, Trials

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

logger = logging.getLogger(__name__)

BEST, TRIALS, STUDY = "best.toml", "trials.csv", "study.db"
AT_A_TIME = 8  # a trial may take that part of the time limit
FIRST, ROUND = (
    5,
    4,
)  # trials that are proposed together, before any was scored and later: however many processes there are


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a search found."""

    recipe: Recipe  # with the best settings
    score: float  # its wQL on the held-out windows
    defaults: float | None  # that of the settings the search began from; None where they failed
    trials: pd.DataFrame  # a row a trial: settings, wQL, seconds, remark

    def to_toml(self) -> str:
        """What differs from the defaults, as `foretell train --config` reads it."""
        name, default = self.recipe.name, settings_of(make_recipe(self.recipe.name))
        changed = {key: value for key, value in settings_of(self.recipe).items() if value != default[key]}
        before = "failed" if self.defaults is None else f"{self.defaults:.4f}"
        lines = [
            f"# wQL on held-out windows: {self.score:.4f}; where the search began: {before}",
            f"recipe = {json.dumps(name)}",
            "",
            f"[set.{name}]",
            *(f"{key} = {_toml(value)}" for key, value in changed.items()),
        ]
        return "\n".join(lines) + "\n"


@interruptible()
@claiming_out
def tune(  # noqa: PLR0913  (the library's front door spells out what it takes)
    data: Dataset,
    *,
    recipe: str | Recipe,
    horizon: int,
    levels: Sequence[float] = DEFAULT_LEVELS,
    settings: Mapping[str, Any] | None = None,
    windows: int | None = None,
    trials: int = 20,
    time_limit: str | float = "30m",
    out: str | Path | None = None,
    overwrite: bool = False,
    **run: Unpack[RunArguments],
) -> Tuning:
    """Search the ranges that a recipe declares (in its abilities), `trials` times or until the time is over.

    Each trial trains on what lies before the last windows of the data and is scored on these: they are the validation windows, so a
    test window must not be among the data. The recipe as given is tried first. What is returned has `recipe` (the best), `score` and
    `trials` (a frame, best first).

    Inside `foretell.listening(listener, cancel=token)` it tells the listener how far it is, and ends with `foretell.Interrupted` once
    `token` is cancelled.

    Args:
        data: the tables, a `foretell.Dataset`.
        recipe: its name, or a recipe.
        horizon: how many steps ahead it forecasts.
        levels: of the quantiles that are scored.
        settings: hyperparameters of a recipe that is given by name; the search begins there.
        windows: that are held out. Default: two; up to eight where items are few.
        trials: settings to try, those of earlier searches in `out` included.
        time_limit: seconds, or a text such as "30m", in which the search ends.
        out: a folder for the study, `best.toml` and `trials.csv`. A search of the same recipe, data and question goes on from it.
        overwrite: replace another result of foretell that `out` holds.
        seed: of everything random. Default 0.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps", for networks. Default "auto".
        devices: that train one network together, and forecast. Default 1.
        precision: "auto", "float32" or "bf16", of the arithmetic of networks. Default "auto".
        threads: of torch on a CPU. Default 1.
        processes: at a time: of trials, and of recipes that model one series at a time. Default: one a core. What is found does not
            depend on it, unless the time is over.

    Raises:
        ForetellError: where Optuna is missing (`foretell[tune]`), the recipe declares no ranges, or no trial works.
        Interrupted: when it is cancelled; trials that ended are kept in `out`.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> found = foretell.tune(data, recipe="ets", horizon=7, windows=1, trials=1)
        >>> found.recipe.name
        'ets'
    """
    if not has_optuna():
        raise ForetellError("tune needs Optuna: pip install foretell[tune]")
    chosen = make_recipe(recipe, settings) if isinstance(recipe, str) else checked_recipe(recipe)
    space = search_space(type(chosen))
    task, budget = Task(horizon, check_levels(levels)), Budget(parse_seconds(time_limit))
    trials = whole_number("trials", trials, least=1)
    carried_out = make_run(run, tune)
    panel = check_dataset(data).panel
    warn_of_alarms(data, horizon=task.horizon)
    validation = ValidationWindows.of(panel, task, windows=windows, seed=carried_out.seed)
    if validation is None:
        raise ForetellError(
            "histories are too short to hold a window back: tune needs three horizons of history. Keep the defaults."
        )
    folder = None if out is None else Path(out)
    name = _tag(chosen, task, data.fingerprint, len(validation.panels), carried_out.seed)
    old = None if folder is None else _prepared(folder, name, overwrite=overwrite)
    search = OptunaSearch(
        space, seed=carried_out.seed, file=None if folder is None else folder / STUDY, name=name
    )
    question = Question(panel, len(validation.panels), task, carried_out, budget.limit / AT_A_TIME)
    with Trials(question, validation) as doing:
        tuning = _Tuner(chosen, search, doing, budget, trials).search()
    if folder is not None:
        _write(tuning, folder, old)
    return tuning


def _prepared(folder: Path, name: str, *, overwrite: bool) -> Result | None:
    """What the search called `name` replaces in `folder`, which is there then; a search goes on in its own study."""
    found = result_in(folder)
    names = found.names if found is not None and found.kind == "study" else None
    begun = names == () and not (folder / BEST).exists()
    if not begun and name not in (names or ()):
        may_replace(folder, "study", overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    return found


def _write(tuning: Tuning, folder: Path, old: Result | None) -> None:
    with shielded():
        if old is not None and old.kind != "study":
            drop_files(old)
        write_text(folder / BEST, tuning.to_toml())
        write_frame(tuning.trials, folder / TRIALS)


class _Tuner:
    """Tries settings until the trials or the time are used up."""

    def __init__(
        self, recipe: Recipe, search: OptunaSearch, doing: Trials, budget: Budget, trials: int
    ) -> None:
        self._recipe, self._search, self._doing = recipe, search, doing
        self._budget, self._trials = budget, trials
        self._rows: list[dict[str, Any]] = [
            {**settings, "wQL": score, "remark": "from an earlier run"} for settings, score in search.scored
        ]

    def search(self) -> Tuning:
        """The best of the defaults and of the trials, earlier runs' included."""
        first = self._search.defaults is None
        if first:
            self._round([{}])
        count = FIRST if first else ROUND
        while (left := self._trials - len(self._rows)) > 0 and self._budget.left() > self._longest():
            self._round([self._search.ask() for _ in range(min(left, count))])
            count = ROUND
        return self._found()

    def _round(self, asked: Sequence[dict[str, Any]]) -> None:
        """Try settings that were proposed together; those for which no time is left are told to have failed."""
        recipes: list[Recipe] = [replace(self._recipe, **each) for each in asked]  # type: ignore[type-var]
        trials = iter(self._doing.results(recipes))
        for settings in asked:
            over = bool(self._rows) and self._budget.left() <= self._longest()
            trial = None if over else next(trials)
            if trial is not None:
                self._note(settings, trial)
            if settings:
                self._search.tell(None if trial is None else trial.score)
            elif trial is not None and trial.score is not None:
                self._search.defaults = trial.score

    def _note(self, settings: dict[str, Any], trial: Trial) -> None:
        """Put a trial into the table, and tell of it."""
        remark = trial.note or ("" if settings else "as given")
        self._rows.append({**settings, "wQL": trial.score, "seconds": trial.seconds, "remark": remark})
        told = {
            "recipe": self._recipe.name,
            "settings": settings,
            "score": trial.score,
            "message": trial.note,
        }
        tell("tune", len(self._rows), self._trials, **told)

    def _longest(self) -> float:
        """Seconds that the longest trial of this run took: the next one should end in time too."""
        return max((row["seconds"] for row in self._rows if "seconds" in row), default=0.0)

    def _found(self) -> Tuning:
        start = self._search.defaults
        tried: list[tuple[dict[str, Any], float]] = [({}, start)] if start is not None else []
        tried += self._search.scored
        if not tried:
            raise ForetellError(f"no trial of {self._recipe.name} worked: {self._rows[0]['remark']}")
        settings, score = min(tried, key=lambda pair: pair[1])
        best = replace(self._recipe, **settings)  # type: ignore[type-var]
        table = pd.DataFrame(self._rows).sort_values("wQL", kind="stable", ignore_index=True)
        return Tuning(best, score, start, table)


def _tag(recipe: Recipe, task: Task, fingerprint: str, windows: int, seed: int) -> str:
    """What makes two searches the same."""
    facts = [recipe.name, settings_of(recipe), task.horizon, task.levels, fingerprint, windows, seed]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]


def _toml(value: Any) -> str:
    """A setting as TOML; None as the text that recipes read as such."""
    if value is None:
        return '"none"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(part) for part in value)}]"
    return json.dumps(value.item() if isinstance(value, np.generic) else value)
