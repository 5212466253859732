"""Folders with the weights of tiny, random Chronos models, as the package saves them."""

from __future__ import annotations

import contextlib
import io
import tempfile
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

INSTALLED = find_spec("chronos") is not None
needs_chronos = pytest.mark.skipif(not INSTALLED, reason="needs foretell[chronos]")

_NETWORK: dict[str, Any] = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
TWO_LEVELS = [0.01, *(round(0.05 * k, 2) for k in range(1, 20)), 0.99]
BOLT_LEVELS = [round(0.1 * k, 1) for k in range(1, 10)]
_KEPT: list[Any] = []  # temporary folders, which live as long as the process


def save_chronos2(folder: Path, **changed: Any) -> Path:
    """A Chronos-2 that reads 256 steps and forecasts 16 at once."""
    from chronos.chronos2 import Chronos2Model
    from chronos.chronos2.config import Chronos2CoreConfig

    said: dict[str, Any] = {
        "context_length": 256,
        "output_patch_size": 4,
        "input_patch_size": 4,
        "input_patch_stride": 4,
        "quantiles": TWO_LEVELS,
        "use_reg_token": True,
        "use_arcsinh": True,
        "max_output_patches": 4,
        "time_encoding_scale": 256,
    }
    made = Chronos2CoreConfig(
        **{**_NETWORK, **changed}, chronos_config=said, chronos_pipeline_class="Chronos2Pipeline"
    )
    return _saved(Chronos2Model, made, folder)


def save_bolt(folder: Path) -> Path:
    """A Chronos-Bolt that reads 64 steps and forecasts 8 at once."""
    from chronos.chronos_bolt import ChronosBoltModelForForecasting
    from transformers import T5Config

    said: dict[str, Any] = {
        "context_length": 64,
        "prediction_length": 8,
        "input_patch_size": 4,
        "input_patch_stride": 4,
        "quantiles": BOLT_LEVELS,
        "use_reg_token": True,
    }
    tokens: dict[str, Any] = {
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        "reg_token_id": 1,
    }
    kind: Any = T5Config
    made = kind(
        **_NETWORK,
        **tokens,
        num_decoder_layers=1,
        vocab_size=2,
        chronos_config=said,
        chronos_pipeline_class="ChronosBoltPipeline",
    )
    return _saved(ChronosBoltModelForForecasting, made, folder)


@cache
def chronos2_folder() -> str:
    """The folder of one Chronos-2 that the tests of this process share."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="tiny-chronos-"))
    return str(save_chronos2(Path(_KEPT[-1].name)))


def settings_of(name: str) -> dict[str, Any]:
    """What a recipe needs to be fitted at all; skips where its package is not installed."""
    if name != "chronos":
        return {}
    if not INSTALLED:
        pytest.skip("needs foretell[chronos]")
    return {"folder": chronos2_folder()}


def _saved(kind: Any, config: Any, folder: Path) -> Path:
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stderr(io.StringIO()):
        torch.manual_seed(5)
        network = kind(config)
        with torch.no_grad():  # enough of it to tell one input from another
            for weight in network.parameters():
                if weight.ndim > 1:
                    weight.normal_(0, 0.2)
        network.save_pretrained(folder)
    return folder
