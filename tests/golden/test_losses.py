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
    "mqrnn": [0.52254, 0.45293, 0.5198, 0.48564, 0.44932, 0.52168, 0.46887, 0.48829, 0.40638, 0.53107],
    "deepar": [3.69874, 3.66135, 3.69155, 3.60746, 3.63622, 3.67007, 3.71279, 3.75325, 3.68164, 3.60897],
}


def losses(name: str) -> list[float]:
    import torch

    from foretell.data.static_scale import StaticScale
    from foretell.networks.device import computing
    from foretell.networks.network_recipe import windows_of
    from foretell.networks.own_draws import FirstWeights
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
    with FirstWeights(0):
        network = recipe.network(sizes)
    with computing(Run()):
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
