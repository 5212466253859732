"""`ets` and `arima` against statsforecast called directly, with as many processes and the same orders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.speed.panels import SEASONS, Series
from benchmarks.speed.settings import Row, Settings
from benchmarks.speed.timing import Case, compete, timed
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell_recipes.arima import Arima

ITEMS, LENGTH, HORIZON, TASK_LEVELS = 60, 364, 28, (0.1, 0.5, 0.9)
AT_MOST = 1.15  # times the direct call


def local(settings: Settings) -> list[Row]:
    """Fit and forecast daily series without covariates."""
    series = Series.make(settings.amount(ITEMS, least=4), LENGTH, unit="D")
    rows: list[Row] = []
    for name, model in _models().items():
        ours, theirs = _ours(name, series, settings), _direct(model, series, settings)
        case = Case("local models", f"{name}, {LENGTH} steps, season 7", "series", 1 / AT_MOST)
        rows += compete(
            case,
            {
                f"foretell {name}": partial(timed, len(series.values), ours),
                "statsforecast": partial(timed, len(series.values), theirs),
            },
            settings,
        )
    return rows


def _models() -> dict[str, Any]:
    """statsforecast's models, with the orders that foretell's recipes search."""
    from statsforecast.models import AutoARIMA, AutoETS

    orders = Arima()
    arima = AutoARIMA(
        season_length=SEASONS["D"][0],
        approximation=orders.approximation,
        max_p=orders.max_p,
        max_q=orders.max_q,
        max_P=orders.max_seasonal_p,
        max_Q=orders.max_seasonal_q,
    )
    return {"ets": AutoETS(season_length=SEASONS["D"][0]), "arima": arima}


def _ours(name: str, series: Series, settings: Settings) -> Callable[[], object]:
    panel, task = series.panel(), Task(HORIZON, TASK_LEVELS)
    run = Run(processes=settings.processes)
    recipe: Any = make_recipe(name, {"covariates": "none"})
    return lambda: recipe.fit(panel, task, run).predict(panel, levels=task.levels)


def _direct(model: Any, series: Series, settings: Settings) -> Callable[[], object]:
    from statsforecast import StatsForecast

    frame = series.frame()
    return lambda: StatsForecast([model], freq="D", n_jobs=settings.processes).forecast(
        df=frame, h=HORIZON, level=[80]
    )
