"""A training step of a panel that is on the device copies nothing between host and device.

Torch's meta device stands in for one: it runs every operation without values, so that reading one on the host fails, and
what crosses over is seen by the dispatcher.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from foretell.data.static_scale import StaticScale
from foretell.networks.source import Source
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Task
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.windows import Windows
from panels import daily, weekly_sales

META = torch.device("meta")


class Crossings(TorchDispatchMode):
    """Notes every operation that touches tensors of both the host and the device; numbers in tensors of no axis may cross."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)]
        if len({tensor.device.type for tensor in tensors if tensor.dim()}) > 1:
            self.seen.append(str(func))
        return result


@pytest.mark.parametrize("name", ["mqrnn", "deepar", "tft", "nhits"])
def test_a_feed_on_the_device_copies_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    panel, task = daily(weekly_sales(0)), Task(6)
    recipe = make_recipe(name, {"hidden_size": 16, "context_length": 14}).resolved(panel, task)  # type: ignore[attr-defined]
    moments = CovariateScale.of(panel)
    windows = Windows(panel, moments, horizon=6, context=recipe.window_length, device="meta")
    sizes = recipe.sizes(windows, task)
    scale = torch.from_numpy(StaticScale.fit(panel).predict(panel)).to(META)

    generator = SimpleNamespace(device=META)  # meta has no generator; what is drawn does not matter
    rand = torch.rand
    monkeypatch.setattr(torch, "rand", lambda *size, generator, **how: rand(*size, **how))
    source = Source(windows, scale, sizes)
    recipe.batch(source, generator)  # constants are sent once
    with Crossings() as crossings:
        batch = recipe.batch(source, generator)
    assert {tensor.device for tensor in batch} == {META}
    assert crossings.seen == []


def test_what_crosses_over_is_seen() -> None:
    there = torch.zeros(3, device=META)
    with Crossings() as crossings:
        torch.ones(3).to(META) + there
    assert len(crossings.seen) == 1
