"""`train` and `load`."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from foretell.checks.alarms import warn_of_alarms
from foretell.data.known_findings import known_findings
from foretell.errors import ForetellError
from foretell.hierarchy.learning import learn_dependence
from foretell.ingest.dataset import check_dataset, encoded, told
from foretell.models.fitting import fit_model
from foretell.models.model import Model, fitted_of
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels
from foretell.recipe.presets import preset as recipe_of_preset
from foretell.recipe.protocols import Recipe, abilities_of
from foretell.recipe.registry import checked_recipe, is_registered, make_recipe, why_unregistered
from foretell.recipe.task import Run, RunArguments, Task, make_run
from foretell.system.folder_lock import claiming_out
from foretell.system.listener import interruptible
from foretell.system.time_budget import parse_seconds
from foretell.workflows.validation_scores import validation_scores

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

logger = logging.getLogger(__name__)


@interruptible()
@claiming_out
def train(  # noqa: PLR0913  (the library's front door spells out what it takes)
    data: Dataset,
    *,
    recipe: str | Recipe | None = None,
    horizon: int | None = None,
    levels: Sequence[float] | None = None,
    settings: Mapping[str, Any] | None = None,
    preset: str | None = None,
    time_limit: str | float | None = None,
    calibrate: bool = False,
    start: Model | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    **run: Unpack[RunArguments],
) -> Model:
    """Train a recipe on all of `data`: the model, ready to forecast and to be saved.

    What `foretell.check` warns of is logged, once for each data set.

    Inside `foretell.listening(listener, cancel=token)` it tells the listener how far it is, and ends with `foretell.Interrupted` once
    `token` is cancelled. `foretell.backtest` says which recipe is worth it.

    `Model.scores` has what the training scored on the windows that it held out.

    Args:
        data: the tables to learn from, a `foretell.Dataset`.
        recipe: its name (`foretell.recipe_names`), or a recipe of your own. Default: "mqrnn".
        horizon: how many steps ahead it will forecast. It must be given, but with `start`.
        levels: of the quantiles, between 0 and 1. Default: 0.1, 0.5, 0.9. A forecast may ask for others.
        settings: hyperparameters of a recipe that is given by name: {"hidden_size": 96}.
        preset: "fast", "balanced" or "best" in place of a recipe: the time that its accuracy is worth (`foretell.preset`).
        time_limit: seconds, or a text such as "10m", in which training ends, of the recipes that heed one.
        calibrate: adjust each level by what windows held out before the end say; most recipes are trained twice for it.
        start: a model that a network goes on from, with its recipe, horizon, levels and columns unless others are given.
        out: a folder for checkpoints, from which `resume` goes on. Without it nothing is written.
        resume: go on from an interrupted training in `out`.
        seed: of everything random. Default 0.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps", for networks. Default "auto".
        devices: that train one network together, and forecast. Default 1.
        precision: "auto", "float32" or "bf16", of the arithmetic of networks. Default "auto".
        threads: of torch on a CPU. Default 1.
        processes: of recipes that model one series at a time. Default: one a core.

    Raises:
        ForetellError: for anything that a caller can put right: a recipe or a hyperparameter that is not there, tables with an
            error, a horizon that histories do not reach.
        Interrupted: when it is cancelled; the best weights so far are kept in `out`.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> model = foretell.train(data, recipe="seasonal_naive", horizon=7)
        >>> model.predict().to_frame().shape  # four items, seven days; item, time, mean and three quantiles
        (28, 6)
    """
    chosen = _recipe_to_train(_preset_or(recipe, preset, settings, start), settings, start)
    _warn_if_unregistered(chosen)
    task = _task_to_train(horizon, levels, start)
    seconds = seconds_of(time_limit, [chosen])
    asked = make_run(run, train, out=out, resume=resume, time_limit=seconds)
    data = check_dataset(data)
    warn_of_alarms(data, horizon=task.horizon)
    schema = data.schema if start is None else start.schema.extended(data.schema)
    panel = encoded(data, schema, horizon=task.horizon)
    model = fit_model(
        chosen,
        panel,
        task,
        asked,
        fingerprint=data.fingerprint,
        calibrate=calibrate,
        start=None if start is None else fitted_of(start).predictor,
    )
    dependence = learn_dependence(panel, task, held=model.held, seed=asked.seed)
    scores = validation_scores(model)
    warned = known_findings(told(data))
    return Model(replace(model, dependence=dependence, scores=scores, read=data.findings, warned=warned))


def _preset_or(
    recipe: str | Recipe | None, preset: str | None, settings: Mapping[str, Any] | None, start: Model | None
) -> str | Recipe | None:
    """The recipe that is asked for, by its name or by a preset."""
    if preset is None:
        return recipe
    if recipe is not None or settings or start is not None:
        raise ForetellError(
            "preset= chooses the recipe and its settings: leave out recipe=, settings= and start=, or the preset"
        )
    return recipe_of_preset(preset)


def _recipe_to_train(
    recipe: str | Recipe | None, settings: Mapping[str, Any] | None, start: Model | None
) -> Recipe:
    """The recipe asked for; that of the model to start from, with `settings` in place of its own, where there is one."""
    if recipe is not None and not isinstance(recipe, str):
        recipe = checked_recipe(recipe)
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
            f" {start.recipe.name!r}. Leave recipe= out, or train without start=."
        )
    if start is not None and not abilities_of(recipe).warm_start:
        raise ForetellError(
            f"{recipe.name} cannot start from a model: it learns nothing that would shorten the next training. Train"
            " without start=; networks can."
        )
    return recipe


def _warn_if_unregistered(recipe: Recipe) -> None:
    if not is_registered(recipe):
        logger.warning("its model can forecast, but not be saved and loaded: %s", why_unregistered(recipe))


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
            " horizon: leave horizon= out, or train without start=."
        )
    return start.task if levels is None else Task(start.task.horizon, tuple(check_levels(levels)))


def seconds_of(time_limit: str | float | None, recipes: Sequence[Recipe]) -> float | None:
    """A time limit in seconds; raises ForetellError when it is no time, or none of `recipes` would heed it."""
    if time_limit is None:
        return None
    seconds = parse_seconds(time_limit)
    if not any(abilities_of(recipe).time_limit for recipe in recipes):
        names = ", ".join(dict.fromkeys(recipe.name for recipe in recipes))
        raise ForetellError(
            f"a time limit makes no sense for {names}: it ends the training of networks, of trees and of ensembles, and"
            " there is none here. Leave time_limit= out."
        )
    return seconds


def load(folder: str | Path, *, device: str = "auto", devices: int = 1) -> Model:
    """The model that `Model.save` wrote to `folder`.

    It holds no data: give `predict` the history to forecast from.

    Args:
        folder: of the model.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps", that a network forecasts on.
        devices: that forecast a large panel together, each its share of the items.

    Raises:
        ForetellError: where the folder holds no model, is damaged, or comes from a newer foretell.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> foretell.train(data, recipe="seasonal_naive", horizon=7).save("model")
        >>> foretell.load("model").predict(data).horizon
        7
    """
    from foretell.models.fitted_model import read_model

    return Model(read_model(Path(folder), Run(device=device, devices=devices)))
