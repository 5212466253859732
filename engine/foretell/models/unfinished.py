"""What a backtest that was ended early leaves in its folder, and goes on from: the forecasts and models it had finished."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np

from foretell.data.panel import Panel
from foretell.data.panel_files import SavedArray, read_array, write_array
from foretell.errors import ForetellError
from foretell.models.fitted_model import FittedModel, read_model
from foretell.models.model_folder import _version, plain
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import is_registered
from foretell.recipe.task import Run
from foretell.system.atomic_files import new_folder, write_text
from foretell.system.regular_files import read_regular
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.temporary_names import is_temporary
from foretell.system.typed import Within, typed

logger = logging.getLogger(__name__)

FOLDER: Final = "unfinished"  # inside the folder that a backtest writes to
FORMAT: Final = 1
_ASKED, _FACTS = "asked.json", "facts.json"
_ARRAYS: Final = ("quantiles", "mean", "fallbacks", "before")

Seconds = Annotated[float, Within(0, 1e12)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedAsked:
    """What a backtest was asked, but for its recipes: windows of another one are of no use."""

    format: Annotated[int, Within(FORMAT, FORMAT)]
    foretell: str  # the release that wrote it
    asked: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SavedWindow:
    """One finished window of one recipe, beside its arrays."""

    levels: tuple[Annotated[float, Within(0, 1)], ...]
    fit_seconds: Seconds
    predict_seconds: Seconds
    summary: Mapping[str, tuple[Mapping[str, Any], ...]] | None
    arrays: Mapping[str, SavedArray]
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FinishedWindow:
    """A window's forecast, with what its making took and what the predictor said of its fit."""

    forecast: Forecast
    seconds: tuple[float, float]  # fitting, predicting
    summary: Mapping[str, Any] | None
    groups: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # the scores of each level


class UnfinishedBacktest:
    """The finished windows of a backtest in `out`, by recipe; each is there whole or not at all.

    `asked` is what all its recipes share: data, horizon, levels, origins and how it runs.
    """

    def __init__(self, out: Path, asked: Mapping[str, Any], *, resume: bool) -> None:
        """Raises ForetellError when `resume` finds what another backtest left there. Without it nothing of that is kept."""
        self.folder = out / FOLDER
        self._asked = plain(asked, "asked")
        if resume and self.folder.is_dir():
            self._check_asked()
            return
        if self.count():
            logger.warning(
                "the backtest begins anew: %d windows that another had finished go from %s",
                self.count(),
                self.folder,
            )
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self) -> None:
        """Say whose windows these are, before the first is kept: a backtest that has finished none leaves nothing."""
        if not (self.folder / _ASKED).exists():
            text = json.dumps(
                {"format": FORMAT, "foretell": _version("foretell"), "asked": self._asked},
                indent=1,
                ensure_ascii=False,
            )
            write_text(self.folder / _ASKED, text + "\n")

    def window(self, label: str, recipe: Recipe, number: int, panel: Panel) -> FinishedWindow | None:
        """The window `number` of the recipe called `label`, whose origin is that of `panel`; None unless it is finished."""
        folder = self._of(label, recipe) / f"window-{number}"
        if not folder.is_dir():
            return None
        saved = _read(_SavedWindow, folder / _FACTS)
        if unknown := [name for name in saved.arrays if name not in _ARRAYS]:
            raise _damaged(folder / _FACTS, f"a window has no array {unknown[0]!r}")
        arrays: dict[str, Any] = {
            name: read_array(folder / f"{name}.npy", array) for name, array in saved.arrays.items()
        }
        try:
            forecast = Forecast(
                panel.keys, panel.origin, saved.levels, schema=panel.schema, history=panel, **arrays
            )
            _check(forecast)
            self._check_task(forecast)
        except (ForetellError, TypeError, IndexError) as error:
            raise _damaged(folder / _FACTS, error) from error
        return FinishedWindow(
            forecast, (saved.fit_seconds, saved.predict_seconds), saved.summary, saved.groups
        )

    def has_window(self, label: str, recipe: Recipe, number: int) -> bool:
        """Whether that window is finished."""
        return (self._of(label, recipe) / f"window-{number}").is_dir()

    @contextmanager
    def written_by_others(self) -> Iterator[None]:
        """Inside, other processes may keep windows here; what those that were ended left half written is gone afterwards."""
        there = self.folder.parent.exists()
        self._begin()
        try:
            yield
        finally:
            for path in sorted(self.folder.glob("*/.*")):
                if is_temporary(path.name):
                    shutil.rmtree(path, ignore_errors=True)
            if not any(self.folder.glob("*/*")):
                self.remove()
                if not there:
                    with suppress(OSError):  # somebody has put something there
                        self.folder.parent.rmdir()

    def keep_window(self, label: str, recipe: Recipe, number: int, done: FinishedWindow) -> None:
        """Write a finished window; an ended process finds it whole, or not at all."""
        self._begin()
        fit_seconds, predict_seconds = done.seconds
        with new_folder(self._of(label, recipe) / f"window-{number}") as place:
            arrays = {name: getattr(done.forecast, name) for name in _ARRAYS}
            facts = {
                "levels": done.forecast.levels,
                "fit_seconds": fit_seconds,
                "predict_seconds": predict_seconds,
                "summary": done.summary,
                "groups": done.groups,
                "arrays": {
                    name: write_array(place / f"{name}.npy", array, True)
                    for name, array in arrays.items()
                    if array is not None
                },
            }
            text = json.dumps(facts, indent=1, default=_plain)  # NaN stays NaN
            (place / _FACTS).write_text(text + "\n", encoding="utf-8")

    def model(self, label: str, recipe: Recipe, run: Run) -> FittedModel | None:
        """The model that the windows of a recipe share; None where none was kept."""
        folder = self._of(label, recipe) / "model"
        return read_model(folder, run) if folder.is_dir() else None

    def keep_model(self, label: str, recipe: Recipe, model: FittedModel) -> None:
        """Write the model that later windows forecast with, where it is of a recipe that can be loaded."""
        if is_registered(recipe):
            self._begin()
            model.save(self._of(label, recipe) / "model", overwrite=True)

    def count(self) -> int:
        """How many windows are finished, of all recipes."""
        return len(list(self.folder.glob(f"*/window-*/{_FACTS}")))

    def left(self) -> str:
        """What is kept, for a message."""
        count = self.count()
        plural = "window is" if count == 1 else "windows are"
        return f"{count} finished {plural} kept in {self.folder}: resume=True goes on from there"

    def remove(self) -> None:
        """Remove all of it: the report is written."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _of(self, label: str, recipe: Recipe) -> Path:
        """The folder of a recipe: a name for the reader, and a hash of all its settings."""
        said = json.dumps([label, recipe.name, settings_of(recipe)], default=repr).encode()
        name = "".join(mark if mark.isalnum() and mark.isascii() else "-" for mark in recipe.name)[:40]
        return self.folder / f"{name}-{hashlib.sha256(said).hexdigest()[:12]}"

    def _check_task(self, forecast: Forecast) -> None:
        """Raises ForetellError for a forecast of other levels or steps than all windows here have."""
        got = {"levels": list(forecast.levels), "horizon": forecast.horizon}
        for name, value in got.items():
            if value != self._asked.get(name):
                raise ForetellError(
                    f"its {name} is {_shown(value)}, expected {_shown(self._asked.get(name))}"
                )

    def _check_asked(self) -> None:
        whole = _read(_SavedAsked, self.folder / _ASKED)
        if whole.foretell != _version("foretell"):
            raise ForetellError(
                f"the backtest in {self.folder.parent} was begun by foretell {_shown(whole.foretell)}, this is"
                f" {_version('foretell')}: windows of two releases are not compared. Go on with that one, or begin anew"
                " without resume=."
            )
        saved = whole.asked
        differing = [name for name in (*self._asked, *saved) if saved.get(name) != self._asked.get(name)]
        if differing:
            name = differing[0]
            raise ForetellError(
                f"the backtest that was begun in {self.folder.parent} is another one: its {name} is"
                f" {_shown(saved.get(name))}, asked for is {_shown(self._asked.get(name))}. Ask for the same to go on with it,"
                " or begin anew without resume=."
            )


def _check(forecast: Forecast) -> None:
    """Raises ForetellError for arrays of another type than a forecast's, and for values that no forecast has."""
    kinds = {"quantiles": "<f4", "mean": "<f4", "fallbacks": "|b1", "before": "<f4"}
    for name in _ARRAYS:
        array = getattr(forecast, name)
        if array is not None and array.dtype.str != kinds[name]:
            raise ForetellError(f"{name} is {array.dtype.str}, expected {kinds[name]}")
    if forecast.fallbacks.shape != (len(forecast),) or (
        forecast.before is not None and forecast.before.shape != forecast.quantiles.shape
    ):
        raise ForetellError("its arrays do not fit each other")
    if not (np.isfinite(forecast.mean).all() and np.isfinite(forecast.quantiles).all()):
        raise ForetellError("it has a forecast that is not a finite number")


def _read(kind: type[Any], path: Path) -> Any:
    try:
        return typed(kind, parse_json(read_regular(path, most=MOST_BYTES), special=True))
    except FileNotFoundError as error:
        raise _damaged(path, "it is missing") from error
    except ForetellError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, why: object) -> ForetellError:
    said = str(why).removesuffix(".")
    return ForetellError(f"{path} is damaged: {said}. Begin the backtest anew, without resume=.")


def _plain(value: Any) -> Any:
    """What JSON does not have, in a predictor's tables: a number of numpy as Python's, anything else as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
