"""neuralforecast's LSTM with a quantile loss, in its own environment: training steps and predictions."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MQLoss
from neuralforecast.models import LSTM
from worker import about, long_frame, serve

ABOUT = about()
FRAME = long_frame(ABOUT)
torch.set_num_threads(ABOUT["threads"])
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


def forecaster(steps: int) -> NeuralForecast:
    """A network for `steps` training steps, each of one batch of windows."""
    model = LSTM(
        h=ABOUT["horizon"],
        input_size=ABOUT["context"],
        loss=MQLoss(quantiles=ABOUT["levels"]),
        encoder_n_layers=ABOUT["layers"],
        encoder_hidden_size=ABOUT["width"],
        decoder_hidden_size=ABOUT["width"],
        max_steps=steps,
        batch_size=ABOUT["batch"],  # series; as many windows are drawn of them
        windows_batch_size=ABOUT["batch"],
        valid_batch_size=ABOUT["series_at_once"],
        inference_windows_batch_size=ABOUT["series_at_once"],
        scaler_type="standard",
        accelerator=ABOUT["accelerator"],
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    return NeuralForecast(models=[model], freq=ABOUT["unit"])


FITTED: list[NeuralForecast] = []


def job(asked: dict[str, Any]) -> tuple[float, Callable[[], object]]:
    """train: `steps` of them, end to end; predict: every series, with a network trained once for one step."""
    if asked["job"] == "train":
        made = forecaster(asked["steps"])
        return asked["steps"] * ABOUT["batch"], lambda: made.fit(FRAME)
    if not FITTED:
        FITTED.append(forecaster(1))
        FITTED[0].fit(FRAME)
    return FRAME["unique_id"].nunique(), FITTED[0].predict


serve(job)
