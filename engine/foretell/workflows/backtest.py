"""Rolling origins: train, forecast and score; the only place where a recipe meets the truth."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Unpack, get_args

import numpy as np

from foretell.checks.alarms import warn_of_alarms
from foretell.checks.check import check
from foretell.data.columns import names_of
from foretell.data.panel import Panel
from foretell.errors import ForetellError, Interrupted, nearest
from foretell.evaluation.outcome import Window
from foretell.hierarchy.groups import levels_of
from foretell.ingest.dataset import check_dataset
from foretell.models.unfinished import UnfinishedBacktest
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.item_groups import columns_of_items
from foretell.recipe.levels import DEFAULT_LEVELS, check_levels
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import checked_recipe, make_recipe
from foretell.recipe.task import RunArguments, Task, make_run, run_arguments_of
from foretell.reporting.report import Report
from foretell.system.folder_lock import claiming_out
from foretell.system.listener import interruptible, shielded
from foretell.system.results import may_replace
from foretell.system.whole_numbers import whole_number
from foretell.workflows.backtest_runner import Terms
from foretell.workflows.level_scores import check_hierarchy
from foretell.workflows.train import seconds_of
from foretell.workflows.window_tasks import SpreadRunner

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

logger = logging.getLogger(__name__)

Refit = Literal["never", "every"]
# Of what a backtest is asked, what its forecasts depend on, whichever the recipe; not how many processes make them.
_SHARED: Final = (
    *("fingerprint", "horizon", "levels", "origins", "refit", "calibrate", "by", "time_limit"),
    *(name for name in RunArguments.__annotations__ if name != "processes"),
)


@interruptible()
@claiming_out
def backtest(  # noqa: PLR0913  (the library's front door spells out what it takes)
    data: Dataset,
    *,
    horizon: int,
    recipes: Sequence[str | Recipe] | Mapping[str, str | Recipe],
    levels: Sequence[float] = DEFAULT_LEVELS,
    windows: int = 1,
    stride: int | None = None,
    cutoffs: Sequence[object] | None = None,
    refit: Refit = "never",
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    time_limit: str | float | None = None,
    calibrate: bool = False,
    by: Sequence[str] = (),
    out: str | Path | None = None,
    spreadsheet: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    **run: Unpack[RunArguments],
) -> Report:
    """Forecast windows of the past with each recipe and score the forecasts on what came then.

    Of a large panel, items are forecast and scored a chunk at a time. The report holds all forecasts, 4 bytes for each level and mean of
    each step; where these would take more than an eighth of the memory they are files in the temporary folder. For each item of each
    recipe and window there are besides some 8 bytes a score in memory. Tables are written in pieces.

    Inside `foretell.listening(listener, cancel=token)` it tells the listener how far it is, and ends with `foretell.Interrupted` once
    `token` is cancelled.

    Args:
        data: the tables, a `foretell.Dataset`. Its last steps are what is forecast.
        horizon: how many steps each window has.
        recipes: their names, or recipes, or a mapping from the name in the report to either.
        levels: of the quantiles, between 0 and 1. Level 0.5 is always forecast too.
        windows: how many, the last one ending with the data.
        stride: steps from one window to the next. Default: the horizon.
        cutoffs: in place of `windows`: for each the date of the first step to forecast.
        refit: "never" trains once, before the earliest origin; "every" anew for each window.
        settings: hyperparameters by the name of a recipe: {"mqrnn": {"hidden_size": 96}}.
        time_limit: seconds, or a text such as "10m", in which each training ends, of the recipes that heed one.
        calibrate: adjust each recipe's levels by what windows before the origin say.
        by: paths of columns of the key and the metadata, such as ["region/store", "category"]: every level of that hierarchy is
            scored too (`Report.groups`), by forecasts of its sums from joint paths of the items.
        out: a folder that the report is saved to (`Report.save`). Until then finished windows are kept in its `unfinished`.
        spreadsheet: in its CSV, put an apostrophe in front of texts that a spreadsheet would compute.
        resume: go on from the finished windows in `out`, with the same data and question; recipes may be added and left out.
        overwrite: replace a result of foretell that `out` holds.
        seed: of everything random. Default 0.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps", for networks. Default "auto".
        devices: that train one network together, and forecast. Default 1.
        precision: "auto", "float32" or "bf16", of the arithmetic of networks. Default "auto".
        threads: of torch on a CPU. Default 1.
        processes: at a time: of recipes and windows, and of recipes that model one series at a time. Default: one a core. What is
            forecast does not depend on it.

    Raises:
        ForetellError: when the data do not reach, a recipe fails, or `out` holds something already.
        Interrupted: when it is cancelled; finished windows are kept in `out`.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> report = foretell.backtest(data, horizon=7, recipes=["seasonal_naive", "npts"], windows=2)
        >>> sorted(report.leaderboard["recipe"])
        ['npts', 'seasonal_naive']
    """
    data = check_dataset(data)
    task = Task(horizon, (*check_levels(levels), 0.5))
    chosen = name_recipes(recipes, settings)
    _check_choice("refit", refit, get_args(Refit))
    if out is not None:
        may_replace(out, "report", overwrite=overwrite or resume)
    elif resume:
        raise ForetellError("resume= needs the folder that the interrupted backtest wrote to: give out=")
    carried_out = make_run(run, backtest, time_limit=seconds_of(time_limit, list(chosen.values())))
    panel = data.panel
    steps = window_steps(panel, task.horizon, windows=windows, stride=stride, cutoffs=cutoffs)
    origins = make_windows(panel, steps, task.horizon)
    warn_of_alarms(data)
    columns = levels_of(by, columns_of_items(panel.keys, panel)) if by else ()
    check_hierarchy(origins[-1], columns)
    asked = {
        "horizon": task.horizon,
        "levels": list(task.levels),
        "windows": len(origins),
        "stride": None if stride is None else whole_number("stride", stride, least=1),
        "origins": [window.day for window in origins],
        "refit": refit,
        **run_arguments_of(carried_out),
        "time_limit": carried_out.time_limit,
        "calibrate": calibrate,
        "by": list(by),
        "fingerprint": data.fingerprint,
        **_facts_of(panel),
        "recipes": {label: {"recipe": r.name, **settings_of(r)} for label, r in chosen.items()},
    }
    shared = {name: asked[name] for name in _SHARED}
    kept = None if out is None else UnfinishedBacktest(Path(out), shared, resume=resume)
    terms = Terms(
        task=task,
        run=carried_out,
        refit=refit == "every",
        fingerprint=data.fingerprint,
        total=len(chosen) * len(origins),
        calibrate=calibrate,
        columns=tuple(columns),
    )
    with _kept_named(kept):
        outcomes = SpreadRunner(terms, panel, origins, steps, kept, shared).outcomes(chosen)
    checkup = check(data)
    report = Report(tuple(outcomes), asked, checkup.findings, checkup.tables)
    if out is not None and kept is not None:
        with shielded():
            report.save(out, overwrite=overwrite or resume, spreadsheet=spreadsheet)
            kept.remove()
    return report


def _facts_of(panel: Panel) -> dict[str, Any]:
    """What a report says of the data."""
    schema = panel.schema
    return {
        "frequency": panel.frequency.alias,
        "season": panel.season,
        "items": len(panel),
        "known": list(names_of(schema.known)),
        "past": list(names_of(schema.past)),
        "open": schema.open,
        "metadata": [*names_of(schema.static_real), *schema.static_cat],
    }


def window_steps(
    panel: Panel,
    horizon: int,
    *,
    windows: int = 1,
    stride: int | None = None,
    cutoffs: Sequence[object] | None = None,
) -> list[int]:
    """How many steps before each series' end the windows begin, earliest window first.

    Raises ForetellError for a cutoff outside of the data, and for windows that reach before them.
    """
    if cutoffs is not None:
        if windows not in (1, len(cutoffs)) or stride is not None:
            raise ForetellError("cutoffs= says where every window begins: leave out windows= and stride=")
        return _from_cutoffs(panel, horizon, cutoffs)
    windows = whole_number("windows", windows, least=1)
    apart = horizon if stride is None else whole_number("stride", stride, least=1)
    longest = int(panel.lengths.max(initial=0))
    if longest < 2 * horizon:
        raise ForetellError(
            f"the horizon is {horizon} steps, but the longest history has {longest}: a backtest forecasts the last"
            f" {horizon} and trains on at least as many before them. Give more history, or ask for a horizon of at most"
            f" {longest // 2}."
        )
    most = (longest - 2 * horizon) // apart + 1
    if windows > most:
        raise ForetellError(
            f"{windows} windows of {horizon} steps, {apart} apart, reach {horizon + (windows - 1) * apart} steps back, but"
            f" the longest history has {longest}, and the {horizon} steps before the earliest window are needed to train."
            f" Ask for at most {most} windows, or a smaller stride=."
        )
    return [horizon + (windows - 1 - k) * apart for k in range(windows)]


def _from_cutoffs(panel: Panel, horizon: int, cutoffs: Sequence[object]) -> list[int]:
    if isinstance(cutoffs, str) or len(cutoffs) == 0:
        raise ForetellError(f"cutoffs must be a list of dates, such as ['2024-03-01'], got {cutoffs!r}")
    if panel.schema.ends != "last":
        raise ForetellError(
            "cutoffs= needs series that end together: with ends='own' ask for windows= instead"
        )
    first, end = int(panel.start.min()), int((panel.start + panel.lengths).max())
    origins: dict[int, object] = {}
    for cutoff in cutoffs:
        try:
            origin = panel.frequency.ordinal(cutoff)
        except ForetellError as error:
            raise ForetellError(f"cutoffs={[str(cutoff)]!r}: {error}") from error
        if not first + horizon <= origin <= end - horizon:
            earliest, latest, last = map(panel.frequency.spell, (first + horizon, end - horizon, end - 1))
            raise ForetellError(
                f"cutoffs={[str(cutoff)]!r} lies outside of the data. It is the first of the {horizon} steps forecast, so it"
                f" must lie between {earliest} ({horizon} steps after the first) and {latest} (the data end {last})."
            )
        if origin in origins:
            raise ForetellError(f"cutoffs=: {str(origins[origin])!r} and {str(cutoff)!r} are the same step")
        origins[origin] = cutoff
    return [end - origin for origin in sorted(origins)]


def make_windows(panel: Panel, steps: Sequence[int], horizon: int) -> list[Window]:
    """The windows that begin `steps` before each series' end; what a recipe gets of them was known at their origin.

    Raises ForetellError where the earliest has no history, or a known covariate ends before a horizon does.
    """
    windows = []
    for number, before in enumerate(steps, start=1):
        window = Window.at(number, panel.until(before), panel.actuals(before, horizon))
        if not window.has_history.any():
            raise ForetellError(
                f"window {number} (origin {window.day}) has no item with an observed value before it. Ask for fewer"
                " windows, a shorter horizon or later cutoffs."
            )
        if np.isnan(window.actual).all():
            raise ForetellError(
                f"window {number} (origin {window.day}) has no observed value to score on in its {horizon} steps."
            )
        window.panel.check_horizon(horizon)
        windows.append(window)
    return windows


def name_recipes(
    recipes: Sequence[str | Recipe] | Mapping[str, str | Recipe],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Recipe]:
    """The recipes by the names they get in a report; one that is there twice is told apart by its settings.

    Raises ForetellError for an unknown recipe or hyperparameter, and for settings of a recipe that is not asked for.
    """
    if isinstance(recipes, str) or len(recipes) == 0:
        raise ForetellError(
            f"recipes must be a list of at least one, such as ['mqrnn', 'ets'], got {recipes!r}"
        )
    pairs = list(recipes.items()) if isinstance(recipes, Mapping) else [(None, recipe) for recipe in recipes]
    _check_asked_for(settings or {}, [recipe for _, recipe in pairs if isinstance(recipe, str)])
    built = [
        (label, make_recipe(r, (settings or {}).get(r)) if isinstance(r, str) else checked_recipe(r))
        for label, r in pairs
    ]
    plain = [recipe.name for label, recipe in built if label is None]
    named: dict[str, Recipe] = {}
    for label, recipe in built:
        full = label or (recipe.name if plain.count(recipe.name) == 1 else _described(recipe))
        if full in named:
            raise ForetellError(
                f"the recipe {full!r} is asked for twice. Name it once, or give other settings."
            )
        named[full] = recipe
    return named


def _check_asked_for(settings: Mapping[str, Any], asked: Sequence[str]) -> None:
    for name in settings:
        if name not in asked:
            raise ForetellError(
                f"settings= names {name!r}, which is not among the recipes asked for.{nearest(name, asked)}"
            )


def _described(recipe: Recipe) -> str:
    """A recipe's name with the settings that are not its defaults."""
    default = settings_of(type(recipe)())
    changed = [f"{key}={value}" for key, value in settings_of(recipe).items() if value != default[key]]
    return f"{recipe.name} ({', '.join(changed)})" if changed else recipe.name


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ForetellError(
            f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}.{nearest(str(value), choices)}"
        )


@contextmanager
def _kept_named(kept: UnfinishedBacktest | None) -> Iterator[None]:
    """What ends a backtest early says what is kept of it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        said = str(stop) or "interrupted"
        raise Interrupted(said if kept is None else f"{said}; {kept.left()}") from stop
    except ForetellError as error:
        if kept is None or kept.count() == 0:
            raise
        raise ForetellError(f"{error} {kept.left().capitalize()}") from error
