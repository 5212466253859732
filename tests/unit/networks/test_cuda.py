"""Networks on an NVIDIA card: they train there, forecast what they forecast on a CPU, and move between the two."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from foretell.data.panel import Panel
from foretell.networks.network_recipe import NetworkPredictor
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows import prefetch
from panels import daily, weekly_sales

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
TASK, LEVELS = Task(6), (0.1, 0.5, 0.9)
CARD = Run(device="cuda", precision="float32")
NETWORKS = ("mqrnn", "mqcnn", "deepar", "tft", "nhits")


def panel() -> Panel:
    return daily(weekly_sales(0, items=6, steps=120))


def trained(name: str, run: Run) -> NetworkPredictor:
    small = {"hidden_size": 16, "context_length": 28, "batch_size": 8, "max_steps": 30}
    recipe: Any = make_recipe(name, small)
    fitted = recipe.fit(panel(), TASK, run)
    assert isinstance(fitted, NetworkPredictor)
    return fitted


def quantiles(fitted: NetworkPredictor, device: str) -> np.ndarray:
    moved = replace(fitted, run=replace(fitted.run, device=device))
    return np.asarray(moved.predict(panel(), levels=LEVELS).quantiles)


def off(one: np.ndarray, other: np.ndarray) -> float:
    """The largest difference, in deviations of the forecasts."""
    return float(np.abs(one - other).max() / other.std())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trained_on_a_card_forecasts_the_same_on_a_cpu(name: str) -> None:
    fitted = trained(name, CARD)
    assert next(fitted.network.parameters()).device == torch.device("cuda", 0)
    there = quantiles(fitted, "cuda")
    about, arrays = fitted.state()
    saved = (json.loads(json.dumps(about)), arrays)  # as a file has it
    loaded = NetworkPredictor.load(fitted.recipe, TASK, saved, Run(device="cpu"))
    assert off(quantiles(loaded, "cpu"), there) < 1e-4  # float32 on both, added up in another order
    assert off(quantiles(loaded, "cuda"), there) < 1e-4  # and back


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_bf16_is_what_training_on_a_card_takes_by_itself(name: str) -> None:
    assert np.isfinite(quantiles(trained(name, Run(device="auto")), "cuda")).all()


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_equal_seeds_give_equal_forecasts_on_a_card(name: str) -> None:
    one, other = (quantiles(trained(name, CARD), "cuda") for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_a_panel_that_a_card_has_no_room_for_is_fed_from_main_memory(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefetch, "SHARE_OF_MEMORY", 0.0)
    fitted = trained(name, CARD)
    assert prefetch.panel_device(panel(), torch.device("cuda", 0)) == torch.device("cpu")
    apart = quantiles(fitted, "cuda")
    monkeypatch.undo()
    assert off(apart, quantiles(fitted, "cuda")) < 1e-4


def test_a_training_begun_on_a_card_goes_on_on_a_cpu_and_back(tmp_path: Path) -> None:
    trained("mqrnn", replace(CARD, out=tmp_path))
    there = trained("mqrnn", Run(device="cpu", out=tmp_path, resume=True))
    back = trained("mqrnn", replace(CARD, out=tmp_path, resume=True))
    assert off(quantiles(there, "cpu"), quantiles(back, "cuda")) < 0.1  # steps since the checkpoint apart
