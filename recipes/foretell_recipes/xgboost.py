"""XGBoost (Chen and Guestrin 2016, KDD) on the rows that tree recipes share, one model a level.

Its trees are kept as plain numbers: a saved model needs no XGBoost to forecast.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np

from foretell.tabular import (
    MOST_CODES,
    Abilities,
    Between,
    GrownModel,
    TabularRecipe,
    TrainingTable,
    Tree,
    Within,
    missing_library,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class XGBoost(TabularRecipe):
    """XGBoost's gradient boosting on lags, recent levels, covariates, calendar and statics."""

    name: ClassVar[str] = "xgboost"
    abilities: ClassVar[Abilities] = replace(
        TabularRecipe.abilities,
        cost=20,
        search={
            "learning_rate": Between(0.03, 0.2, log=True),
            "min_samples_leaf": Between(10, 100, log=True),
        },
    )
    feature_share: Annotated[float, Within(1e-6, 1.0)] = (
        1.0  # share of the features that a tree may split on, drawn for each
    )
    penalty: Annotated[float, Within(0.0, 1e9)] = (
        1.0  # on the squares of what leaves say: more of it makes them more alike
    )

    def grow(
        self, table: TrainingTable, levels: Sequence[float | None], *, seed: int, threads: int
    ) -> list[GrownModel]:
        """A model of the table's target for each of `levels`; None stands for the mean."""
        try:
            import xgboost
        except ImportError as error:
            raise missing_library(self.name, "XGBoost", extra="xgboost") from error
        settings = self._settings(seed, threads)
        kinds = ["c" if f < table.categorical else "q" for f in range(table.features.shape[1])]
        data = xgboost.QuantileDMatrix(
            table.features, table.target, feature_types=kinds, enable_categorical=True, nthread=threads
        )
        models = [xgboost.train({**settings, **_objective(level)}, data, self.max_steps) for level in levels]
        return [grown_model(json.loads(model.save_raw("json"))) for model in models]

    def _settings(self, seed: int, threads: int) -> dict[str, Any]:
        """The hyperparameters in the library's own words."""
        return {
            "tree_method": "hist",
            "grow_policy": "lossguide",
            "max_depth": 0,
            "learning_rate": self.learning_rate,
            "max_leaves": self.max_leaf_nodes,
            "min_child_weight": self.min_samples_leaf,
            "colsample_bytree": self.feature_share,
            "lambda": self.penalty,
            "seed": seed,
            "nthread": threads,
            "verbosity": 0,
        }


def _objective(level: float | None) -> dict[str, Any]:
    if level is None:
        return {"objective": "reg:squarederror"}
    return {"objective": "reg:quantileerror", "quantile_alpha": level}


def grown_model(saved: dict[str, Any]) -> GrownModel:
    """A model as XGBoost saves it as JSON."""
    learner = saved["learner"]
    base = float(learner["learner_model_param"]["base_score"].strip("[]"))
    return GrownModel(base, [_tree(tree) for tree in learner["gradient_booster"]["model"]["trees"]])


def _tree(saved: dict[str, Any]) -> Tree:
    left, conditions = (
        np.array(saved["left_children"], np.int64),
        np.array(saved["split_conditions"], np.float32),
    )
    codes = np.array(saved["categories"], np.int64)
    spans = zip(
        saved["categories_nodes"], saved["categories_segments"], saved["categories_sizes"], strict=True
    )
    return Tree(
        left=left,
        right=np.array(saved["right_children"], np.int64),
        feature=np.array(saved["split_indices"], np.int64),
        # XGBoost sends left what is less than the threshold, not what is up to it
        threshold=np.nextafter(conditions, np.float32(-np.inf)).astype(np.float64),
        missing_left=np.array(saved["default_left"], bool),
        value=np.where(left < 0, conditions, 0).astype(np.float64),
        # the codes it lists go right
        left_codes={n: ~np.isin(np.arange(MOST_CODES + 1), codes[b : b + size]) for n, b, size in spans},
    )
