"""LightGBM (Ke et al. 2017, NeurIPS) on the rows that tree recipes share, one model a level.

Its trees are kept as plain numbers: a saved model needs no LightGBM to forecast.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
class LightGBM(TabularRecipe):
    """LightGBM's gradient boosting on lags, recent levels, covariates, calendar and statics."""

    name: ClassVar[str] = "lightgbm"
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
        0.0  # on the squares of what leaves say: more of it makes them more alike
    )

    def grow(
        self, table: TrainingTable, levels: Sequence[float | None], *, seed: int, threads: int
    ) -> list[GrownModel]:
        """A model of the table's target for each of `levels`; None stands for the mean."""
        try:
            import lightgbm
        except ImportError as error:
            raise missing_library(self.name, "LightGBM", extra="lightgbm") from error
        settings = self._settings(seed, threads)
        categorical = list(range(table.categorical))
        data = lightgbm.Dataset(
            table.features, table.target, categorical_feature=categorical, params=settings
        )
        models = [lightgbm.train({**settings, **_objective(level)}, data, self.max_steps) for level in levels]
        return [grown_model(model.dump_model()) for model in models]

    def _settings(self, seed: int, threads: int) -> dict[str, Any]:
        """The hyperparameters in the library's own words."""
        return {
            "learning_rate": self.learning_rate,
            "num_leaves": self.max_leaf_nodes,
            "min_data_in_leaf": self.min_samples_leaf,
            "feature_fraction": self.feature_share,
            "lambda_l2": self.penalty,
            "seed": seed,
            "num_threads": threads,
            "deterministic": True,
            "force_col_wise": True,  # sums that do not depend on the number of threads
            "verbosity": -1,
        }


def _objective(level: float | None) -> dict[str, Any]:
    return {"objective": "regression"} if level is None else {"objective": "quantile", "alpha": level}


def grown_model(dumped: dict[str, Any]) -> GrownModel:
    """A model as LightGBM's `dump_model` tells it; the first tree holds what is said before any."""
    return GrownModel(0.0, [_tree(tree["tree_structure"]) for tree in dumped["tree_info"]])


def _tree(root: dict[str, Any]) -> Tree:
    nodes = list(_nodes(root))
    number = {id(node): i for i, node in enumerate(nodes)}
    codes = {i: _left_codes(node["threshold"]) for i, node in enumerate(nodes) if _is_categorical(node)}
    return Tree(
        left=np.array([number.get(id(node.get("left_child")), -1) for node in nodes]),
        right=np.array([number.get(id(node.get("right_child")), -1) for node in nodes]),
        feature=np.array([node.get("split_feature", 0) for node in nodes]),
        threshold=np.array(
            [0.0 if i in codes else node.get("threshold", 0.0) for i, node in enumerate(nodes)]
        ),
        missing_left=np.array([_missing_left(node) for node in nodes], bool),
        value=np.array([node.get("leaf_value", 0.0) for node in nodes], np.float64),
        left_codes=codes,
    )


def _nodes(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The nodes of a tree, each before its children."""
    yield root
    for side in ("left_child", "right_child"):
        if side in root:
            yield from _nodes(root[side])


def _is_categorical(node: dict[str, Any]) -> bool:
    return bool(node.get("decision_type") == "==")


def _left_codes(listed: str) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """[MOST_CODES + 1] which codes are among those `listed`, such as 2||5."""
    return np.isin(np.arange(MOST_CODES + 1), [int(code) for code in listed.split("||")])


def _missing_left(node: dict[str, Any]) -> bool:
    """Where a split sends missing values: of a feature that never missed in training, they count as 0."""
    if "threshold" not in node or _is_categorical(node):
        return False
    return bool(node["default_left"] if node["missing_type"] == "NaN" else node["threshold"] >= 0)
