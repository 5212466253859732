"""The losses of ten seeded steps: a change of network, feed or schedule that is not meant shows here first.

When a change is meant, print the new losses with `python tests/golden/test_losses.py` and say in the commit what moved them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

GOLDEN: dict[str, list[float]] = {
    "mqrnn": [0.50612, 0.45294, 0.52016, 0.48503, 0.44187, 0.52166, 0.46882, 0.48831, 0.4025, 0.53114],
    "deepar": [3.69922, 3.66213, 3.69484, 3.6111, 3.63926, 3.66938, 3.71282, 3.75331, 3.6829, 3.61159],
}


def losses(name: str) -> list[float]:
    import torch

    from foretell.data.static_scale import StaticScale
    from foretell.networks.device import seeded
    from foretell.networks.network_recipe import windows_of
    from foretell.networks.source import Source
    from foretell.recipe.registry import make_recipe
    from foretell.recipe.task import Run, Task
    from foretell.windows.covariate_scale import CovariateScale
    from panels import daily, weekly_sales

    panel, task = daily([*weekly_sales(0), []]), Task(6)
    recipe = make_recipe(
        name, {"hidden_size": 16, "context_length": 14, "max_steps": 10, "dropout": 0}
    ).resolved(panel, task)  # type: ignore[attr-defined]
    moments = CovariateScale.of(panel)
    windows = windows_of(recipe, panel, moments, task, torch.device("cpu"))
    sizes, scale = recipe.sizes(windows, task), torch.from_numpy(StaticScale.fit(panel).predict(panel))
    source, rows = Source(windows, scale, sizes), []
    with seeded(Run()):
        network = recipe.network(sizes)
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
        for step in range(10):
            loss = recipe.loss(network, recipe.batch(source, torch.Generator().manual_seed(step)))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rows.append(round(float(loss.detach()), 5))
    return rows


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_the_first_ten_losses_are_those_on_record(name: str) -> None:
    # other processors and torch builds round differently; ten steps of Adam carry that to a few parts in ten thousand
    np.testing.assert_allclose(losses(name), GOLDEN[name], rtol=2e-3)


if __name__ == "__main__":
    for recipe_name in ("mqrnn", "deepar"):
        print(f"    {recipe_name!r}: {losses(recipe_name)},")
