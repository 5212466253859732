"""Trees as arrays forecast what scikit-learn's own do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from foretell.tabular.tree_arrays import Trees
from foretell_recipes.boosting import grown_model


def grown(rows: np.ndarray, target: np.ndarray, **settings: object) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(max_iter=20, early_stopping=False, **settings).fit(rows, target)


def table(*, gaps: float, seed: int = 0, count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """Rows with two categorical columns (7 and 255 codes) and two numeric ones, and a target that depends on all."""
    rng = np.random.default_rng(seed)
    rows = np.stack(
        [rng.integers(0, 7, count), rng.integers(0, 255, count), *rng.normal(0, 1, (2, count))], axis=1
    ).astype(np.float32)
    target = (
        (rows[:, 0] % 3) + np.sin(rows[:, 1]) + rows[:, 2] * (rows[:, 3] > 0.3) + rng.normal(0, 0.1, count)
    )
    return np.where(rng.random(rows.shape) < gaps, np.float32(np.nan), rows), target


@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("leaves", [2, 7, 32])
def test_they_say_what_scikit_learn_says(gaps: float, leaves: int) -> None:
    rows, target = table(gaps=gaps)
    models = [
        grown(rows, target, categorical_features=[0, 1], max_leaf_nodes=leaves, loss=loss, quantile=quantile)
        for loss, quantile in (("squared_error", None), ("quantile", 0.9))
    ]
    others, _ = table(gaps=0.3, seed=1, count=10_000)  # more than are evaluated together
    trees = Trees.of_arrays(Trees.of([grown_model(model) for model in models]).arrays())
    for m, model in enumerate(models):
        # The same leaves in the same order, hence the same sums: 1e-12 is for the order of summation alone.
        np.testing.assert_allclose(trees.predict(others)[:, m], model.predict(others), rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(trees.predict(others[:1]), trees.predict(others)[:1])


def test_values_on_a_threshold_go_where_scikit_learn_sends_them() -> None:
    steps = np.float32(1) + np.arange(64, dtype=np.float32) * np.finfo(np.float32).eps  # neighbouring numbers
    rows = np.repeat(steps, 40)[:, None]
    target = np.repeat(np.arange(64.0), 40)
    model = grown(rows, target, min_samples_leaf=1)
    np.testing.assert_allclose(
        Trees.of([grown_model(model)]).predict(rows)[:, 0], model.predict(rows), rtol=1e-12
    )


def test_a_target_that_nothing_explains_is_its_mean() -> None:
    rows = np.ones((50, 2), np.float32)
    trees = Trees.of([grown_model(grown(rows, np.arange(50.0)))])
    np.testing.assert_allclose(trees.predict(rows[:3]), 24.5)
