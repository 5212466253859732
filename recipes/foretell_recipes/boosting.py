"""Boosted trees: quantiles of every step, one model a level (Friedman 2001, Annals of Statistics 29(5)).

scikit-learn's histogram gradient boosting, on the rows that all recipes of trees share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from foretell.recipe import tell
from foretell.tabular import Abilities, GrownModel, TabularRecipe, TrainingTable, Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Boosting(TabularRecipe):
    """Histogram gradient boosting (scikit-learn) on lags, recent levels, covariates, calendar and statics."""

    name: ClassVar[str] = "boosting"
    abilities: ClassVar[Abilities] = replace(TabularRecipe.abilities, ensemble=True, cost=20)

    def grow(
        self, table: TrainingTable, levels: Sequence[float | None], *, seed: int, threads: int
    ) -> list[GrownModel]:
        """A model of the table's target for each of `levels`; None stands for the mean."""
        from sklearn.ensemble import HistGradientBoostingRegressor

        settings: dict[str, Any] = {
            "max_iter": self.max_steps,
            "learning_rate": self.learning_rate,
            "max_leaf_nodes": self.max_leaf_nodes,
            "min_samples_leaf": self.min_samples_leaf,
            "categorical_features": list(range(table.categorical)),
            "early_stopping": False,
            "random_state": seed,
        }
        models = [
            HistGradientBoostingRegressor(
                loss="squared_error" if level is None else "quantile", quantile=level, **settings
            )
            for level in levels
        ]
        grown: list[GrownModel] = []
        for model in models:
            tell("train", len(grown), len(models))
            grown.append(grown_model(model.fit(table.features, table.target)))
        return grown


def grown_model(model: Any) -> GrownModel:
    """A fitted HistGradientBoostingRegressor whose categorical features, if any, are the first ones."""
    base = float(np.ravel(model._baseline_prediction)[0])
    return GrownModel(base, [_tree(trees[0]) for trees in model._predictors])


def _tree(grown: Any) -> Tree:
    nodes = grown.nodes
    leaf, categorical = nodes["is_leaf"].astype(bool), np.flatnonzero(nodes["is_categorical"])
    bits = np.asarray(grown.raw_left_cat_bitsets)[nodes["bitset_idx"][categorical]].astype("<u4")
    codes = np.unpackbits(bits.view(np.uint8).reshape(-1, 32), axis=1, bitorder="little").astype(bool)
    return Tree(
        left=np.where(leaf, -1, nodes["left"].astype(np.int64)),
        right=nodes["right"].astype(np.int64),
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"].astype(np.float64),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"].astype(np.float64),
        left_codes=dict(zip(categorical.tolist(), codes, strict=True)),
    )
