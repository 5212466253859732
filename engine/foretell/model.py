"""`train`, and `Model`: a fitted recipe with its task and schema, ready to forecast."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.budget import parse_seconds
from foretell.calibration import ENDS, Calibration, HoldsBack, hold_back
from foretell.errors import ForetellError, Interrupted, nearest
from foretell.files import FrameWriter
from foretell.forecast import Forecast
from foretell.grids import allocate
from foretell.layout import Layout
from foretell.panel import Panel, Schema
from foretell.recipe import (
    Continues,
    Predictor,
    Recipe,
    Summarised,
    Summary,
    keeps_time_limit,
    make_recipe,
    settings_of,
)
from foretell.runs import visible
from foretell.task import DEFAULT_LEVELS, Run, Task, check_levels

if TYPE_CHECKING:
    from foretell.dataset import Dataset


ITEMS_AT_A_TIME = 1 << 13  # of a forecast that is made in pieces
CELLS_AT_A_TIME = 1 << 25  # of the grid that these occupy: 128 MB of every column
MANY_AT_A_TIME = 1 << 17  # the same where several devices share them, whose processes take seconds to start
HELD_BACK_SHARE = 0.4  # of a time limit, for the training without the windows that calibrate
BEST = "best"  # the folder, in that of the checkpoints, of the model that Ctrl-C leaves


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A fitted recipe: what it was asked, the columns and vocabularies it knows, and its predictor."""

    recipe: Recipe
    task: Task
    schema: Schema
    predictor: Predictor = field(repr=False)
    floor: float | None  # no forecast lies below: 0 where no training target was negative, else None
    fit_seconds: float
    fingerprint: str = ""  # of the training data, sha256
    scores: Mapping[str, float] = field(default_factory=dict)  # of a backtest, when `save` was given them
    panel: Panel | None = field(default=None, repr=False)  # the training data; None after `load`
    calibration: Calibration | None = None  # how its quantiles are adjusted; None leaves them as they are

    def predict(
        self,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
    ) -> Forecast:
        """Forecast what comes after the end of `data` (default: the training data).

        `items` picks some of them: an item_id, or a tuple of item_id and dimensions; an item_id alone means all that
        carry it. `levels` may be any, not only those of the training.
        """
        panel = self._panel_of(data)
        if items is not None:
            panel = panel.take(find_items(panel.keys, items))
        return self.forecast(panel, levels=levels)

    def predict_to(
        self,
        path: str | Path,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
    ) -> int:
        """Forecast as `predict` does, straight into a .csv or .parquet file; how many items were forecast.

        Items are forecast and written a chunk at a time, so that their number is bounded by the disk alone. The file is
        there whole or not at all.
        """
        count = 0
        with FrameWriter(path) as writer:
            for forecast in self.predict_in_pieces(data, items=items, levels=levels):
                writer.write(forecast.to_frame())
                count += len(forecast)
        return count

    def predict_in_pieces(
        self,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
    ) -> Iterator[Forecast]:
        """The forecast that `predict` makes, of some items after the other: each piece of a size that memory holds."""
        panel = self._panel_of(data)
        chosen = None if items is None else find_items(panel.keys, items)
        size = self._items_at_a_time(panel)
        if chosen is None:
            panel.check_horizon(self.task.horizon)  # before the first piece is written
        for first in range(0, len(panel) if chosen is None else len(chosen), size):
            if chosen is None:  # items in a row are looked at where they are, others are copied
                part = panel.between(first, min(first + size, len(panel)))
            else:
                part = panel.take(chosen[first : first + size])
            yield self.forecast(part, levels=levels)

    def forecast(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast every item of a panel of this model's schema from its origin on, checked and within bounds."""
        wanted = self.task.levels if levels is None else check_levels(levels)
        panel.check_horizon(self.task.horizon)
        asked = wanted if self.calibration is None else check_levels((*wanted, *ENDS))
        forecast = self.predictor.predict(panel, levels=asked)
        _check(self.recipe.name, forecast, panel, self.task.horizon, asked)
        forecast = forecast.within(panel, floor=self.floor)
        if self.calibration is None:
            return forecast
        low, high = (forecast.quantiles[..., asked.index(end)] for end in ENDS)
        width, raw = high - low, forecast.quantiles[..., [asked.index(level) for level in wanted]]
        adjusted = self.calibration.apply(raw, wanted, width)
        return replace(forecast, levels=wanted, quantiles=adjusted, before=raw).within(
            panel, floor=self.floor
        )

    def forecast_in_arrays(
        self, panel: Panel, *, levels: Sequence[float] | None = None, beside: int = 1
    ) -> Forecast:
        """As `forecast`, a large panel's items a chunk at a time, into arrays that are files where memory is short.

        It is one of `beside` forecasts that are held together.
        """
        size = self._items_at_a_time(panel)
        if len(panel) <= size:
            return self.forecast(panel, levels=levels)
        whole: dict[str, NDArray[Any]] = {}
        asked: tuple[float, ...] = ()
        for first in range(0, len(panel), size):
            items = slice(first, min(first + size, len(panel)))
            part = self.forecast(panel.between(items.start, items.stop), levels=levels)
            asked = part.levels
            for name in ("quantiles", "mean", "fallbacks", "before"):
                values = getattr(part, name)
                if values is None:
                    continue
                if name not in whole:
                    whole[name] = allocate((len(panel), *values.shape[1:]), values.dtype, beside=beside)
                whole[name][items] = values
        return Forecast(
            keys=panel.keys, origin=panel.origin, levels=asked, schema=panel.schema, history=panel,
            quantiles=whole["quantiles"], mean=whole["mean"], fallbacks=whole["fallbacks"], before=whole.get("before"),
        )  # fmt: skip

    def _items_at_a_time(self, panel: Panel) -> int:
        shared = getattr(getattr(self.predictor, "run", None), "devices", 1) > 1
        return items_at_a_time(panel, MANY_AT_A_TIME if shared else ITEMS_AT_A_TIME)

    def summary(self) -> Summary:
        """What the predictor has to say about how it was fitted, as tables by their titles; mostly nothing."""
        tables = dict(self.predictor.summary()) if isinstance(self.predictor, Summarised) else {}
        if self.calibration is not None:
            learnt = f"{self.calibration.forecasts} forecasts of {self.calibration.windows} held-back windows"
            tables[f"Calibration (learnt from {learnt})"] = self.calibration.rows()
        return tables

    def save(self, folder: str | Path, *, scores: Mapping[str, float] | None = None) -> None:
        """Write the model to `folder`, replacing a model that stands there; `scores` are kept beside it.

        A crash leaves the old model or the new one. Raises ForetellError when `folder` holds anything but a model.
        """
        from foretell.artifact import write_model

        write_model(self, Path(folder), scores=self.scores if scores is None else scores)

    def _panel_of(self, data: Dataset | None) -> Panel:
        if data is not None:
            return check_dataset(data).encode(self.schema, horizon=self.task.horizon)
        if self.panel is None:
            raise ForetellError(
                "a loaded model holds no data: give it the history to forecast from, model.predict(data), with data ="
                " foretell.Dataset(...)"
            )
        return self.panel


def fit_model(
    recipe: Recipe,
    panel: Panel,
    task: Task,
    run: Run,
    *,
    fingerprint: str = "",
    calibrate: bool = False,
    start: Predictor | None = None,
) -> Model:
    """Train `recipe` on what lies before each item's origin, from `start` on if given; the one place where recipes are trained.

    To `calibrate` its quantiles it is trained a first time without the last windows, unless it has held some back itself;
    of a time limit that first training gets `HELD_BACK_SHARE`.
    """
    longest = int(panel.stop.max(initial=0))
    if longest < task.horizon:
        raise ForetellError(
            f"the horizon is {task.horizon} steps, but the longest history has {longest}. Give more history, or ask for"
            f" a horizon of at most {longest}."
        )
    began = time.perf_counter()
    held = None
    if calibrate and not getattr(recipe, "holds_back", False):
        held = hold_back(recipe, panel, task, _shortened(run, HELD_BACK_SHARE))
        run = _shortened(run, 1 - HELD_BACK_SHARE)
    try:
        predictor = _fit(recipe, panel, task, run, start)
    except Interrupted as stop:
        raise _kept(stop, recipe, panel, task, run) from stop
    if calibrate and isinstance(predictor, HoldsBack):
        held = predictor.held_back()
    if calibrate and held is None:
        raise ForetellError(
            "histories are too short to calibrate: nothing could be held back. Leave calibrate out."
        )
    return Model(
        recipe=recipe, task=task, schema=panel.schema, predictor=predictor, floor=_floor(panel),
        fit_seconds=time.perf_counter() - began, fingerprint=fingerprint, panel=panel,
        calibration=None if held is None else Calibration.learn(held),
    )  # fmt: skip


def items_at_a_time(panel: Panel, most: int) -> int:
    """How many items of a panel are forecast in one piece: `most`, fewer where their series are long."""
    longest = max(int(panel.lengths.max(initial=0)), 1)
    return min(most, 1 << max(CELLS_AT_A_TIME // longest, 1).bit_length() - 1)


def _fit(recipe: Recipe, panel: Panel, task: Task, run: Run, start: Predictor | None) -> Predictor:
    if start is None:
        return recipe.fit(panel, task, run)
    assert isinstance(recipe, Continues)
    return recipe.fit_from(start, panel, task, run)


def _kept(stop: Interrupted, recipe: Recipe, panel: Panel, task: Task, run: Run) -> Interrupted:
    """The interruption, with what there is so far saved as a model in `run.out` when it is a model of `recipe`."""
    if run.out is None or type(getattr(stop.predictor, "recipe", None)) is not type(recipe):
        return stop
    best = Model(
        recipe=recipe, task=task, schema=panel.schema, predictor=stop.predictor, floor=_floor(panel), fit_seconds=0.0
    )  # fmt: skip
    best.save(run.out / BEST)
    return Interrupted(f"{stop}; the best weights so far are a model in {run.out / BEST}, and resume goes on")


def _shortened(run: Run, share: float) -> Run:
    return run if run.time_limit is None else replace(run, time_limit=run.time_limit * share)


def train(  # noqa: PLR0913  (the library's front door spells out what it takes)
    data: Dataset,
    *,
    recipe: str | Recipe | None = None,
    horizon: int | None = None,
    levels: Sequence[float] | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "auto",
    devices: int = 1,
    precision: Literal["auto", "float32", "bf16"] = "auto",
    threads: int | None = None,
    processes: int | None = None,
    time_limit: str | float | None = None,
    calibrate: bool = False,
    start: Model | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = False,
) -> Model:
    """Train a recipe (default: mqrnn) on all of `data` and return the model.

    `settings` are hyperparameters of a recipe given by name. `time_limit` (seconds, or "10m") ends training in time, of
    the recipes that heed one. `calibrate` adjusts each level by what windows held back before the end say, for which most
    recipes are trained twice. `devices` of them train a network together. `out` is
    a folder for checkpoints, from which `resume=True` goes on after an interruption; without it nothing is written. A
    network goes on from the weights of the model `start`, with its recipe, horizon, levels and columns unless others are
    given. `model.save` keeps the model.
    """
    chosen = _recipe_to_train(recipe, settings, start)
    task = _task_to_train(horizon, levels, start)
    run = Run(
        seed=seed, device=device, devices=devices, precision=precision, threads=threads, processes=processes,
        out=None if out is None else Path(out), resume=resume, progress=progress,
        time_limit=seconds_of(time_limit, [chosen]),
    )  # fmt: skip
    data = check_dataset(data)
    schema = data.schema if start is None else start.schema.extended(data.schema)
    panel = data.encode(schema, horizon=task.horizon)
    return fit_model(
        chosen, panel, task, run, fingerprint=data.fingerprint, calibrate=calibrate,
        start=None if start is None else start.predictor,
    )  # fmt: skip


def _recipe_to_train(
    recipe: str | Recipe | None, settings: Mapping[str, Any] | None, start: Model | None
) -> Recipe:
    """The recipe asked for; that of the model to start from, with `settings` in place of its own, where there is one."""
    if recipe is not None and not isinstance(recipe, str):
        if settings:
            raise ForetellError(
                f"settings go with a recipe's name: change {recipe.name}'s own fields instead"
            )
    elif start is None:
        recipe = make_recipe(recipe or "mqrnn", settings)
    else:
        recipe = make_recipe(
            recipe or start.recipe.name, {**_kept_settings(recipe, start), **(settings or {})}
        )
    if start is not None and type(recipe) is not type(start.recipe):
        raise ForetellError(
            f"a training starts from a model of its own recipe: {recipe.name} was asked for, the model is of"
            f" {start.recipe.name!r}. Leave the recipe out, or train without it."
        )
    if start is not None and not isinstance(recipe, Continues):
        raise ForetellError(
            f"{recipe.name} cannot start from a model: it learns nothing that would shorten the next training. Train"
            " without it; networks can."
        )
    return recipe


def _kept_settings(recipe: str | None, start: Model) -> Mapping[str, Any]:
    return settings_of(start.recipe) if recipe in (None, start.recipe.name) else {}


def _task_to_train(horizon: int | None, levels: Sequence[float] | None, start: Model | None) -> Task:
    """What is asked; what is left out, as of the model to start from."""
    if start is None:
        if horizon is None:
            raise ForetellError("horizon is missing: the number of steps to forecast, such as horizon=28")
        return Task(horizon, tuple(check_levels(DEFAULT_LEVELS if levels is None else levels)))
    if horizon not in (None, start.task.horizon):
        raise ForetellError(
            f"the model to start from forecasts {start.task.horizon} steps, {horizon} were asked for. A network keeps its"
            " horizon: leave it out, or train without the model."
        )
    return start.task if levels is None else Task(start.task.horizon, tuple(check_levels(levels)))


def seconds_of(time_limit: str | float | None, recipes: Sequence[Recipe]) -> float | None:
    """A time limit in seconds; raises ForetellError when it is no time, or none of `recipes` would heed it."""
    if time_limit is None:
        return None
    seconds = parse_seconds(time_limit)
    if not any(keeps_time_limit(recipe) for recipe in recipes):
        names = ", ".join(dict.fromkeys(recipe.name for recipe in recipes))
        raise ForetellError(
            f"a time limit makes no sense for {names}: it ends the training of networks and of ensembles, and there is"
            " none here. Leave time_limit out."
        )
    return seconds


def load(folder: str | Path, *, device: str = "auto", devices: int = 1) -> Model:
    """The model that `Model.save` wrote to `folder`; raises ForetellError when it is damaged or from a newer foretell.

    A network forecasts a large panel on several `devices`, each with its share of the items.
    """
    from foretell.artifact import read_model

    return read_model(Path(folder), Run(device=device, devices=devices))


def check_dataset(data: Dataset) -> Dataset:
    """`data` itself; raises ForetellError when it is something else, such as a bare table."""
    from foretell.dataset import Dataset

    if not isinstance(data, Dataset):
        raise ForetellError(
            f"data must be a foretell.Dataset, got {type(data).__name__}. Wrap your tables: foretell.Dataset(target,"
            ' related=..., items=..., freq="D")'
        )
    wrong = next((finding for finding in data.findings if finding.severity == "error"), None)
    if wrong is not None:
        raise ForetellError(wrong.message)
    return data


def find_items(keys: pd.DataFrame, items: Sequence[str | Sequence[object]]) -> NDArray[np.int64]:
    """The positions in `keys` of `items`, in that order; raises ForetellError with the nearest name for an absent one."""
    if isinstance(items, str) or len(items) == 0:
        raise ForetellError(f"items must be a list with at least one item's name, got {items!r}")
    columns = [keys[column].astype(str).to_numpy() for column in keys.columns]
    wanted = [_parts(item, len(columns)) for item in items]
    places: dict[int, pd.Index[Any]] = {}  # by the number of parts; by hash, as many may be asked for
    found = []
    for count, group in groupby(wanted, len):
        if count not in places:
            places[count] = _places(columns[:count])
        some = list(group)
        position, lacking = places[count].get_indexer_non_unique(_places(list(zip(*some, strict=True))))
        if len(lacking):
            raise _no_item(columns, some[int(lacking[0])])
        found.append(position)
    return np.array(list(dict.fromkeys(np.concatenate(found).tolist())), np.int64)  # each once


def _parts(item: str | Sequence[object], most: int) -> tuple[str, ...]:
    parts = [item] if isinstance(item, str) or not isinstance(item, Sequence) else list(item)
    if not 0 < len(parts) <= most:
        raise ForetellError(f"item {item!r} has {len(parts)} parts, but an item's key has {most}")
    return tuple(map(str, parts))


def _places(columns: Sequence[Any]) -> pd.Index[Any]:
    several = len(columns) > 1
    index: pd.Index[Any] = (
        pd.MultiIndex.from_arrays(columns) if several else pd.Index(columns[0], dtype=object)
    )
    return index


def _no_item(columns: Sequence[NDArray[Any]], parts: tuple[str, ...]) -> ForetellError:
    """The error for an item that is not there, with the nearest name of the first part that leads nowhere."""
    match = np.ones(len(columns[0]), bool)
    for column, part in zip(columns, parts, strict=False):
        match &= column == part
        if not match.any():
            return ForetellError(f"no item {' / '.join(parts)!r} in the data.{nearest(part, column)}")
    raise AssertionError("the item is there")


def _floor(panel: Panel) -> float | None:
    """0 when no target before its origin is negative, else None."""
    chunks = visible(panel.target, Layout(panel.start, panel.offsets), panel.stop)
    return None if any(bool((values < 0).any()) for _, values, _ in chunks) else 0.0


def _check(recipe: str, forecast: Forecast, panel: Panel, horizon: int, levels: tuple[float, ...]) -> None:
    """Raises ForetellError when a recipe did not return what it was asked for, naming the first item."""
    wanted = [len(panel), horizon, len(levels)]
    if list(forecast.quantiles.shape) != wanted or forecast.levels != levels:
        raise ForetellError(
            f"{recipe} must forecast quantiles of shape [N={wanted[0]}, H={wanted[1]}, Q={wanted[2]}] at levels"
            f" {list(levels)}, got {list(forecast.quantiles.shape)} at {list(forecast.levels)}"
        )
    finite = np.isfinite(forecast.mean).all(axis=1) & np.isfinite(forecast.quantiles).all(axis=(1, 2))
    if not finite.all():
        first = int(np.flatnonzero(~finite)[0])
        raise ForetellError(
            f"{recipe} made a forecast that is not a finite number for {int((~finite).sum())} of {len(panel)} items,"
            f" first for item {panel.names[first]!r}. Look at its history with foretell.check, or try another recipe."
        )
