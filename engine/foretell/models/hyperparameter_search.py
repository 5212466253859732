"""Proposes hyperparameters of a recipe from the ranges beside its fields; by Optuna where it is installed, else at random."""

from __future__ import annotations

import importlib.util
import logging
import math
import sqlite3
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from foretell.errors import ForetellError
from foretell.recipe.search_space import Between, Range, Space
from foretell.system.sqlite_files import InUse, connect_sqlite, of_sqlite, tables_of

logger = logging.getLogger(__name__)
_DEFAULTS = "score of the defaults"  # under which a study keeps it


class Search(Protocol):
    """Proposes settings, one after the other, and learns from their scores."""

    scored: list[tuple[dict[str, Any], float]]  # what was tried so far, earlier runs included

    def ask(self) -> dict[str, Any]:
        """Settings to try next; `tell` must follow, though others may be asked for before."""
        ...

    def tell(self, score: float | None) -> None:
        """The score of what was asked first of those that have none yet, lower is better; None where it failed."""
        ...


class RandomSearch:
    """Settings drawn at random from their ranges, none twice as far as that can be helped."""

    def __init__(self, space: Space, *, seed: int) -> None:
        self.scored: list[tuple[dict[str, Any], float]] = []
        self._space, self._rng = space, np.random.default_rng(seed)
        self._asked: list[dict[str, Any]] = []
        self._told = 0

    def ask(self) -> dict[str, Any]:
        """As `Search`."""
        for _ in range(20):
            settings = {name: self._draw(space) for name, space in self._space.items()}
            if settings not in self._asked:
                break
        self._asked.append(settings)
        return settings

    def tell(self, score: float | None) -> None:
        """As `Search`."""
        if score is not None:
            self.scored.append((self._asked[self._told], score))
        self._told += 1

    def _draw(self, space: Range) -> Any:
        return (
            space.draw(self._rng)
            if isinstance(space, Between)
            else space[int(self._rng.integers(len(space)))]
        )


class OptunaSearch:
    """Optuna's tree-structured Parzen estimator; with a file, a study that goes on where an earlier run stopped."""

    _QUIET: ClassVar[int] = logging.WARNING

    def __init__(self, space: Space, *, seed: int, file: Path | None = None, name: str = "study") -> None:
        import optuna

        optuna.logging.set_verbosity(self._QUIET)
        self._optuna, self._space = optuna, space
        self._trials: deque[Any] = deque()  # asked for and not scored yet
        self._file = file
        with _of_study(file):
            self._study = optuna.create_study(
                storage=None if file is None else _storage(file),
                study_name=name,
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
            )
            # A choice is known to the study by its position: Optuna keeps only numbers, text and None.
            self.scored: list[tuple[dict[str, Any], float]] = [
                (self._settings(trial.params), trial.value)
                for trial in self._study.trials
                if trial.state == optuna.trial.TrialState.COMPLETE and trial.value is not None
            ]
            self._check_earlier()

    def _check_earlier(self) -> None:
        """Raises ForetellError where what the file says of an earlier run is not what this search would have written."""
        for settings, score in self.scored:
            for name, value in settings.items():
                space = self._space[name]
                if isinstance(space, Between) and not space.low <= value <= space.high:
                    raise ForetellError(f"{name} is {value!r} in an earlier trial, beyond its range")
            if not math.isfinite(score):
                raise ForetellError(f"an earlier trial has the score {score!r}")
        if not isinstance(self.defaults, (float, int, type(None))):
            raise ForetellError(f"the score of the defaults is {self.defaults!r}")

    def ask(self) -> dict[str, Any]:
        """As `Search`."""
        with _of_study(self._file):
            trial = self._study.ask({name: self._distribution(space) for name, space in self._space.items()})
        self._trials.append(trial)
        return self._settings(trial.params)

    def tell(self, score: float | None) -> None:
        """As `Search`."""
        trial = self._trials.popleft()
        with _of_study(self._file):
            if score is None:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self.scored.append((self._settings(trial.params), score))
                self._study.tell(trial, score)

    @property
    def defaults(self) -> float | None:
        """What the defaults scored, as an earlier run found."""
        with _of_study(self._file):
            found: float | None = self._study.user_attrs.get(_DEFAULTS)
        return found

    @defaults.setter
    def defaults(self, score: float) -> None:
        with _of_study(self._file):
            self._study.set_user_attr(_DEFAULTS, score)

    def _settings(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: params[name] if isinstance(space, Between) else space[params[name]]
            for name, space in self._space.items()
        }

    def _distribution(self, space: Range) -> Any:
        kinds = self._optuna.distributions
        if not isinstance(space, Between):
            return kinds.CategoricalDistribution(tuple(range(len(space))))
        if space.whole:
            return kinds.IntDistribution(int(space.low), int(space.high), log=space.log)
        return kinds.FloatDistribution(space.low, space.high, log=space.log)


def _storage(file: Path) -> Any:
    """Optuna's, in this very file: as a part of an address its name would be read for marks such as `?`."""
    import optuna
    from sqlalchemy.pool import NullPool

    if file.exists() or file.is_symlink():
        tables_of(file)
    connect = partial(connect_sqlite, file, create=True)
    return optuna.storages.RDBStorage("sqlite://", engine_kwargs={"creator": connect, "poolclass": NullPool})


@contextmanager
def _of_study(file: Path | None) -> Iterator[None]:
    """What goes wrong with a study is the fault of its file, whatever is raised: SQLite, SQLAlchemy, Alembic and Optuna share it."""
    try:
        yield
    except Exception as error:
        if file is None or isinstance(error, InUse):
            raise
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, sqlite3.Error):
            cause = cause.__cause__
        said = of_sqlite(file, cause) if isinstance(cause, sqlite3.Error) else error
        if isinstance(said, InUse):
            raise said from error
        why = (str(cause or error).splitlines() or [type(error).__name__])[0].rstrip(". ")
        raise ForetellError(
            f"the study {file} cannot be used: {why}. Remove it to begin a new one, or give another out=."
        ) from error


def has_optuna() -> bool:
    """Whether Optuna is installed."""
    return importlib.util.find_spec("optuna") is not None


def make_search(space: Space, *, seed: int) -> Search:
    """A search that keeps nothing."""
    return OptunaSearch(space, seed=seed) if has_optuna() else RandomSearch(space, seed=seed)
