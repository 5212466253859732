"""Laws of hierarchies: levels add up path by path and in the mean, whatever the paths of columns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from foretell import Forecast
from foretell.data.schema import Schema
from foretell.hierarchy.groups import levels_of
from foretell.recipe.dependence import Dependence, SharedPart
from foretell.recipe.item_groups import ItemGroups
from foretell.recipe.paths import PATH_LEVELS, Margins

H, PATHS = 3, 64
PATHS_OF_COLUMNS = st.lists(
    st.sampled_from(["region", "region/store", "store/region", "family", "region/store/family", "item_id"]),
    max_size=4,
)


def made_up(items: int, seed: int) -> Forecast:
    """Gamma margins of very different sizes; some items sell nothing."""
    random = np.random.default_rng(seed)
    size = 10.0 ** random.uniform(-2, 4, (items, 1, 1)) * (random.random((items, 1, 1)) > 0.2)
    quantiles = np.sort(random.gamma(1.5, size=(items, H, len(PATH_LEVELS))), axis=-1) * size
    keys = pd.DataFrame(
        {
            "item_id": [f"i{k}" for k in range(items)],
            "region": random.integers(0, 2, items).astype(str),
            "store": random.integers(0, 3, items).astype(str),
            "family": random.integers(0, 2, items).astype(str),
        }
    )
    return Forecast(
        keys=keys,
        origin=np.full(items, 9),
        levels=(0.1, 0.5, 0.9),
        quantiles=quantiles[..., [PATH_LEVELS.index(level) for level in (0.1, 0.5, 0.9)]].astype(np.float32),
        mean=quantiles.mean(-1).astype(np.float32),
        schema=Schema(key=tuple(keys.columns)),
        fallbacks=np.zeros(items, bool),
        margins=Margins(PATH_LEVELS, quantiles.astype(np.float32)),
        dependence=Dependence(
            shared=(SharedPart("", 0.2), SharedPart("store", 0.3)),
            own=(1.0, 0.4, 0.2),
            common=(1.0, 0.4, 0.2),
            source="a law",
            windows=1,
            forecasts=1,
        ),
    )


@given(by=PATHS_OF_COLUMNS, items=st.integers(1, 12), seed=st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_levels_add_up_path_by_path_and_in_the_mean(by: list[str], items: int, seed: int) -> None:
    forecast = made_up(items, seed)
    tree = forecast.hierarchy(by=by, paths=PATHS, seed=seed)
    drawn = forecast.paths(PATHS, seed=seed).astype(np.float64)
    whole = drawn.sum(0)
    for columns, name in zip(levels_of(by), tree, strict=False):
        part = tree[name]
        groups = ItemGroups.of(
            forecast.keys, None, forecast.origin, columns, frequency=forecast.schema.frequency
        )
        sums = groups.summed(drawn)  # [G, S, H]
        np.testing.assert_allclose(sums.sum(0), whole, rtol=1e-3)
        read = np.moveaxis(np.quantile(sums, part.levels, axis=1, method="hazen"), 0, -1)
        several = groups.sizes > 1  # a sum of one item and one step has that item's own quantiles
        np.testing.assert_allclose(part.quantiles[several], read[several], rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(part.mean.sum(0), forecast.mean.sum(0), rtol=1e-3)


@given(items=st.integers(1, 12), seed=st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=20)
def test_each_level_is_the_sum_of_the_one_below_it(items: int, seed: int) -> None:
    tree = made_up(items, seed).hierarchy(by=["region/store/family"], paths=PATHS)
    for upper, lower in (
        ("all items", "region"),
        ("region", "region/store"),
        ("region/store", "region/store/family"),
    ):
        columns = [] if upper == "all items" else upper.split("/")
        below = tree[lower]
        groups = ItemGroups.of(below.keys, None, below.origin, columns, frequency=below.schema.frequency)
        np.testing.assert_allclose(groups.summed(below.mean.astype(float)), tree[upper].mean, rtol=1e-3)
