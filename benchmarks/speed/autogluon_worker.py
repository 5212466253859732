"""AutoGluon-TimeSeries' DeepAR in its own environment: training steps and predictions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import torch
from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor
from worker import about, long_frame, serve

ABOUT = about()
DATA = TimeSeriesDataFrame.from_data_frame(long_frame(ABOUT), id_column="unique_id", timestamp_column="ds")
torch.set_num_threads(ABOUT["threads"])


def train(steps: int) -> TimeSeriesPredictor:
    """AutoGluon's DeepAR for one epoch of `steps` batches, nothing else."""
    settings = {
        "max_epochs": 1,
        "num_batches_per_epoch": steps,
        "batch_size": ABOUT["batch"],
        "context_length": ABOUT["context"],
        "hidden_size": ABOUT["width"],
        "num_layers": ABOUT["layers"],
    }
    predictor = TimeSeriesPredictor(
        prediction_length=ABOUT["horizon"],
        target="y",
        quantile_levels=ABOUT["levels"],
        freq=ABOUT["unit"],
        verbosity=0,
        path=tempfile.mkdtemp(dir=ABOUT["folder"]),
    )
    return predictor.fit(
        DATA, hyperparameters={"DeepAR": settings}, enable_ensemble=False, skip_model_selection=True
    )


FITTED: list[TimeSeriesPredictor] = []


def job(asked: dict[str, Any]) -> tuple[float, Callable[[], object]]:
    """train: `steps` of them, end to end; predict: every series, with a network trained once for one step."""
    if asked["job"] == "train":
        return asked["steps"] * ABOUT["batch"], lambda: train(asked["steps"])
    if not FITTED:
        FITTED.append(train(1))
    return DATA.num_items, lambda: FITTED[0].predict(DATA)


serve(job)
