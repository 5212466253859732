"""What windows share goes through a network's first weights once, and the forecasts are those of reading it in each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from benchmarks.speed import networks
from benchmarks.speed.ours import MQRNN
from benchmarks.speed.panels import Series
from benchmarks.speed.settings import Settings
from torch.nn import functional

from foretell.networks.network_recipe import NetworkPredictor
from foretell.networks.patches import Patches
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task

WINDOWS, PATCHES, LENGTH = 5, 4, 3


def patches(*, alike: bool) -> Patches:
    torch.manual_seed(0)
    own = torch.randn(WINDOWS, PATCHES, LENGTH, 2)
    steps = torch.randn(1, PATCHES, LENGTH, 7).expand(WINDOWS, -1, -1, -1)
    return Patches(own, steps if alike else steps.contiguous())


def test_a_patch_holds_its_steps_one_after_another() -> None:
    read = patches(alike=True)
    joined = read.joined()
    assert joined.shape == (WINDOWS, PATCHES, LENGTH * 9)
    # the second step of patch 3: its window's own two numbers, then the seven of the step
    expected = torch.cat([read.own[4, 3, 1], read.steps[4, 3, 1]])
    assert torch.equal(joined[4, 3, 9:18], expected)


def test_marks_stand_for_what_windows_share() -> None:
    read, weight = patches(alike=True), torch.randn(6, LENGTH * 9)
    assert read.same_steps
    assert not patches(alike=False).same_steps
    inputs, narrow = read.marked(weight)
    assert inputs.shape[-1] == LENGTH * 2 + PATCHES
    torch.testing.assert_close(inputs @ narrow.T, read.joined() @ weight.T, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("alike", [True, False])
def test_a_linear_layer_makes_the_same_of_both(alike: bool) -> None:
    read, weight, bias = patches(alike=alike), torch.randn(6, LENGTH * 9), torch.randn(6)
    expected = functional.linear(read.joined(), weight, bias)
    torch.testing.assert_close(read.through(weight, bias), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["mqrnn", "mqcnn"])
def test_a_shared_calendar_changes_no_forecast(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, task = Series.make(6, 120).panel(), Task(6)
    recipe = make_recipe(name, {"hidden_size": 8, "context_length": 90, "max_steps": 3})
    fitted = recipe.fit(panel, task, Run(device="cpu"))
    assert isinstance(fitted, NetworkPredictor)
    used = []
    for method in ("marked", "through"):
        original = getattr(Patches, method)
        monkeypatch.setattr(
            Patches,
            method,
            lambda read, *given, original=original: used.append(read.same_steps) or original(read, *given),
        )
    together = fitted.predict(panel, levels=fitted.task.levels)
    assert used == [True]
    # one item begins a step later: no row is shared any more
    apart = replace(panel, origin=panel.origin + np.eye(6, dtype=int)[5])
    assert (
        fitted.predict(apart, levels=fitted.task.levels).quantiles[5].tolist()
        != together.quantiles[5].tolist()
    )
    assert used[1:] in ([], [False])
    np.testing.assert_allclose(
        fitted.predict(apart, levels=fitted.task.levels).quantiles[:5],
        together.quantiles[:5],
        rtol=1e-5,
        atol=1e-5,
    )


def test_neuralforecast_is_given_the_sizes_that_the_table_names(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}
    monkeypatch.setattr(networks, "peer", lambda *names, **options: given.update(options))
    networks._neuralforecast(Series.make(2, 10), Settings())
    assert given["context"] == MQRNN["context_length"] == 168
    assert given["width"] == MQRNN["hidden_size"]
    assert given["layers"] == MQRNN["num_layers"]
