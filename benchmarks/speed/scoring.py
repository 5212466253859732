"""The evaluator against `gluonts.ev`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.speed import gluonts_side
from benchmarks.speed.panels import Series
from benchmarks.speed.settings import LEVELS, Row, Settings
from benchmarks.speed.timing import Case, compete, timed
from foretell.evaluation.history import seasonal_error
from foretell.evaluation.metrics import score

ITEMS, STEPS, PAST = 100_000, 28, 56


def evaluator(settings: Settings) -> list[Row]:
    """Every score of one window; GluonTS is given fewer series, for it takes them one by one."""
    items = settings.amount(ITEMS, least=1000)
    fewer = max(100, items // 100)
    series = Series.make(items, PAST + STEPS, unit="D")
    panel = series.panel().until(STEPS)
    actual = series.values[:, PAST:]
    quantiles = _quantiles(series)
    middle = quantiles[..., LEVELS.index(0.5)]

    def ours() -> None:
        score(actual, middle, quantiles, LEVELS, seasonal_error(panel))

    case = Case("evaluator", f"{STEPS} steps, {len(LEVELS)} levels", "series", 100)
    few = Series(series.values[:fewer], series.unit)
    theirs = _gluonts(few, quantiles[:fewer])
    return compete(
        case, {"foretell": lambda: timed(items, ours), "gluonts.ev": lambda: timed(fewer, theirs)}, settings
    )


def _quantiles(series: Series) -> Any:
    """[N, H, Q] float32: last week again, and wider at the outer levels."""
    last = series.values[:, PAST - STEPS : PAST, None]
    return np.asarray(last * (0.5 + np.asarray(LEVELS, np.float32)), np.float32)


def _gluonts(series: Series, quantiles: Any) -> Callable[[], object]:
    """The same scores, but for the MSIS."""
    from gluonts.dataset.split import split
    from gluonts.model.evaluation import evaluate_forecasts
    from gluonts.model.forecast import QuantileForecast

    _, template = split(series.entries(), offset=-STEPS)
    pairs = template.generate_instances(STEPS)
    forecasts = [
        QuantileForecast(
            forecast_arrays=np.concatenate([rows.T, rows[:, [LEVELS.index(0.5)]].T]),
            start_date=label["start"],
            forecast_keys=[*(str(level) for level in LEVELS), "mean"],
        )
        for rows, label in zip(quantiles, pairs.label, strict=True)
    ]

    def run() -> object:
        with gluonts_side.quiet():
            return evaluate_forecasts(
                forecasts,
                test_data=pairs,
                metrics=_metrics(),
                axis=None,
                seasonality=7,
                batch_size=len(forecasts),
            )

    return run


def _metrics() -> list[Any]:
    """Nine quantile losses, RMSE, ND, MAPE, sMAPE, MASE, coverage of nine levels."""
    from gluonts.ev import metrics as ev

    points = [ev.RMSE(), ev.ND(), ev.MAPE(), ev.SMAPE(), ev.MASE()]
    return [ev.MeanWeightedSumQuantileLoss(list(LEVELS)), *points, *map(ev.Coverage, LEVELS)]
