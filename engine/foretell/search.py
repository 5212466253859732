"""Proposes hyperparameters of a recipe from the ranges beside its fields; by Optuna where it is installed, else at random."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from foretell.errors import ForetellError
from foretell.recipe import Recipe, hyperparameters, recipe_class, recipe_names

logger = logging.getLogger(__name__)

RANGES = "SEARCH"  # the class attribute of a recipe that holds its ranges
_DEFAULTS = "score of the defaults"  # under which a study keeps it


@dataclass(frozen=True, slots=True)
class Between:
    """A range of numbers, both ends included; of whole numbers when its ends are."""

    low: float
    high: float
    log: bool = False  # whether ratios matter rather than differences

    def __post_init__(self) -> None:
        assert self.low < self.high
        assert self.low > 0 or not self.log

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: np.random.Generator) -> float:
        """A number of it, uniform on its scale."""
        ends = np.array([self.low, self.high + 1 if self.whole else self.high], float)
        low, high = np.log(ends) if self.log else ends
        value = float(rng.uniform(low, high))
        value = float(np.exp(value)) if self.log else value
        return min(int(value), int(self.high)) if self.whole else value


Range = Between | tuple[Any, ...]  # numbers, or a choice
Space = Mapping[str, Range]  # hyperparameter -> range


def search_space(recipe: type[Recipe]) -> Space:
    """The ranges declared beside a recipe's fields; ForetellError when it has none, or one for no field of it."""
    space: Space = getattr(recipe, RANGES, {})
    if not space:
        others = [name for name in recipe_names() if getattr(recipe_class(name), RANGES, {})]
        raise ForetellError(
            f"{recipe.name} declares no ranges to search: it has no {RANGES}. These have: {', '.join(others)}."
        )
    unknown = set(space) - {parameter.name for parameter in hyperparameters(recipe)}
    if unknown:
        raise ForetellError(
            f"{recipe.name}.{RANGES} has a range for {min(unknown)!r}, which is no hyperparameter of it"
        )
    return space


class Search(Protocol):
    """Proposes settings, one after the other, and learns from their scores."""

    scored: list[tuple[dict[str, Any], float]]  # what was tried so far, earlier runs included

    def ask(self) -> dict[str, Any]:
        """Settings to try next; `tell` must follow."""
        ...

    def tell(self, score: float | None) -> None:
        """The score of what was asked last, lower is better; None where it failed."""
        ...


class RandomSearch:
    """Settings drawn at random from their ranges, none twice as far as that can be helped."""

    def __init__(self, space: Space, *, seed: int) -> None:
        self.scored: list[tuple[dict[str, Any], float]] = []
        self._space, self._rng = space, np.random.default_rng(seed)
        self._asked: list[dict[str, Any]] = []

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
            self.scored.append((self._asked[-1], score))

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
        storage = None if file is None else f"sqlite:///{file}"
        self._study = optuna.create_study(
            storage=storage, study_name=name, load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=5),
        )  # fmt: skip
        self._optuna, self._space = optuna, space
        self._trial: Any = None
        # A choice is known to the study by its position: Optuna keeps only numbers, text and None.
        self.scored: list[tuple[dict[str, Any], float]] = [
            (self._settings(trial.params), trial.value)
            for trial in self._study.trials
            if trial.state == optuna.trial.TrialState.COMPLETE and trial.value is not None
        ]

    def ask(self) -> dict[str, Any]:
        """As `Search`."""
        self._trial = self._study.ask(
            {name: self._distribution(space) for name, space in self._space.items()}
        )
        return self._settings(self._trial.params)

    def tell(self, score: float | None) -> None:
        """As `Search`."""
        assert self._trial is not None
        if score is None:
            self._study.tell(self._trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self.scored.append((self._settings(self._trial.params), score))
            self._study.tell(self._trial, score)

    @property
    def defaults(self) -> float | None:
        """What the defaults scored, as an earlier run found."""
        found: float | None = self._study.user_attrs.get(_DEFAULTS)
        return found

    @defaults.setter
    def defaults(self, score: float) -> None:
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


def has_optuna() -> bool:
    """Whether Optuna is installed."""
    return importlib.util.find_spec("optuna") is not None


def make_search(space: Space, *, seed: int) -> Search:
    """A search that keeps nothing."""
    return OptunaSearch(space, seed=seed) if has_optuna() else RandomSearch(space, seed=seed)
