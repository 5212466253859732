"""GluonTS' DeepAR on the same series, with the same sizes; it comes with foretell's core install."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.speed.panels import Series
from benchmarks.speed.settings import BATCH, CONTEXT, HORIZON, LAYERS, SAMPLES, WIDTH, Settings


def estimator(settings: Settings, batches: int, *, lags: list[int] | None = None, **others: Any) -> Any:
    """GluonTS' DeepAREstimator for one epoch of `batches`, silent and without files that stay."""
    from gluonts.torch import DeepAREstimator

    sizes = {
        "context_length": CONTEXT,
        "num_layers": LAYERS,
        "hidden_size": WIDTH,
        "num_parallel_samples": SAMPLES,
        "batch_size": BATCH,
        "num_batches_per_epoch": batches,
        "lags_seq": lags,
    }
    trainer = {
        "max_epochs": 1,
        "accelerator": settings.accelerator,
        "devices": 1,
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "default_root_dir": tempfile.mkdtemp(prefix="foretell-speed-"),
    }
    trainer |= others.pop("trainer", {})
    settings_of = {"freq": "h", "prediction_length": HORIZON} | sizes | others
    return DeepAREstimator(**settings_of, trainer_kwargs=trainer)


def training(settings: Settings, series: Series, batches: int, lags: list[int]) -> Callable[[], Any]:
    """`batches` training steps, end to end."""
    entries = series.entries()
    made = estimator(settings, batches, lags=lags)

    def run() -> Any:
        with quiet():
            return made.train(entries)

    return run


def feeding(settings: Settings, series: Series, batches: int, lags: list[int]) -> Callable[[], None]:
    """The training loader of the estimator, and nothing else."""
    made = estimator(settings, batches, lags=lags)
    with quiet():
        module = made.create_lightning_module()
    transformed = made.create_transformation().apply(series.entries(), is_train=True)

    def run() -> None:
        with quiet():
            for _ in made.create_training_data_loader(transformed, module):
                pass

    return run


def predicting(settings: Settings, series: Series, lags: list[int]) -> Callable[[], None]:
    """A trained predictor's forecasts of every series, as sample paths, brought down to their quantiles."""
    from benchmarks.speed.settings import LEVELS

    predictor = training(settings, series, 1, lags)()
    entries = series.entries()

    def run() -> None:
        with quiet():
            for forecast in predictor.predict(entries, num_samples=SAMPLES):
                for level in LEVELS:
                    forecast.quantile(level)

    return run


@contextmanager
def quiet() -> Iterator[None]:
    """Without what Lightning and GluonTS have to say."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "pytorch_lightning", "gluonts")]
    levels = [each.level for each in loggers]
    for each in loggers:
        each.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)
