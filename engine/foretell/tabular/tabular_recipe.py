"""Recipes of boosted trees: one model of the mean and one of each level, grown on the rows of a panel.

A recipe says how trees are grown from a table; rows, scaling, time limit, cold start, storage and forecasts are shared.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Final, NamedTuple, Self

import numpy as np
from threadpoolctl import threadpool_limits

from foretell.data.arrays import Array, Floats
from foretell.data.item_floors import item_floors
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.static_scale import StaticScale
from foretell.recipe.author_code import note_the_cpu
from foretell.recipe.forecast import Forecast, Piece
from foretell.recipe.hyperparameters import Count, LearningRate, Share
from foretell.recipe.protocols import Abilities, State
from foretell.recipe.task import Run, Task
from foretell.system.processes import CPU_THREADS
from foretell.system.time_budget import Budget
from foretell.system.typed import Within, typed
from foretell.tabular.category_ranks import category_ranks, with_ranks
from foretell.tabular.training_rows import PanelRows
from foretell.tabular.tree_arrays import MOST_LEAVES, GrownModel, Trees
from foretell.windows.covariate_scale import CovariateScale

LEVELS: Final = (
    0.025,
    0.1,
    0.3,
    0.5,
    0.7,
    0.9,
    0.975,
)  # that have trees of their own; others lie between these
_MIDDLES: Final = tuple(round(0.01 + 0.02 * k, 2) for k in range(50))  # of fiftieths of a distribution
LONGEST_CONTEXT: Final = 2000
GROWN: Final = (
    0.9  # share of a time limit at which the last model should be grown; the rest is for a slower machine
)
# units that a target lies from its base, at most, where the mean is learned: squares of more let a hundredth of the rows
# decide it for all. On windows before the official ones, with 20, the limit of all levels, and with 8: RMSE 57.5 and 56.8 on
# hourly bikes, 1.286 and 1.279 on car parts, 39.3 and 39.2 on online retail; totals 1.39 and 1.37, 1.08 and 1.03, 1.07 and .99
MEAN_FARTHEST: Final = 8.0
PILOT: Final = 10_000  # rows that a first model is grown from, to see how long it takes


class TrainingTable(NamedTuple):
    """What trees are grown from.

    Example:
        >>> from foretell.tabular import TrainingTable
        >>> TrainingTable(np.zeros((100, 5), np.float32), np.arange(100.0), categorical=1).head(2).target
        array([0., 1.])
    """

    features: Array  # [B, F], NaN where missing
    target: Floats  # [B]
    categorical: int  # how many columns, the first ones, are categories: whole numbers from 0 on

    def head(self, rows: int) -> TrainingTable:
        """The first `rows` rows, which are as random as any."""
        return self._replace(features=self.features[:rows], target=self.target[:rows])

    def within(self, farthest: float) -> TrainingTable:
        """The same with targets no farther than `farthest` from 0."""
        return self._replace(target=self.target.clip(-farthest, farthest))


@dataclass(frozen=True, slots=True, kw_only=True)
class TabularRecipe(ABC):
    """A recipe of boosted trees; a subclass names itself and grows the trees.

    Example:
        >>> from foretell.tabular import TabularRecipe
        >>> boosting = foretell.make_recipe("boosting", {"max_leaf_nodes": 15})
        >>> isinstance(boosting, TabularRecipe), boosting.max_leaf_nodes
        (True, 15)
    """

    name: ClassVar[str]
    # within a time limit it learns from fewer rows
    abilities: ClassVar[Abilities] = Abilities(time_limit=True, resolved=True)
    context_length: Count | None = (
        None  # steps before an origin; default: two horizons or two longest seasons
    )
    max_steps: Count = 100  # boosting rounds, a tree each, of every model
    learning_rate: LearningRate = 0.1  # share of each tree that counts
    max_leaf_nodes: Annotated[int, Within(2, MOST_LEAVES)] = 31  # leaves of a tree, at most 32
    min_samples_leaf: Count = 40  # rows of a leaf, at least
    max_rows: Annotated[int, Within(1, 1_000_000_000)] = 200_000  # rows learnt from, at most
    cold_share: Share = 0.1  # share of those whose history is hidden or cut short, as a new item's is

    @abstractmethod
    def grow(
        self, table: TrainingTable, levels: Sequence[float | None], *, seed: int, threads: int
    ) -> Sequence[GrownModel]:
        """A model of the table's target for each of `levels`; None stands for the mean.

        Equal seeds must give equal trees, whatever the number of threads.
        """

    def fit(self, panel: Panel, task: Task, run: Run) -> TabularPredictor:
        """Train on what lies before each item's origin.

        Raises ForetellError where the panel holds nothing to learn from.
        """
        note_the_cpu(self, run)
        budget = Budget(run.time_limit or math.inf)
        recipe = self.resolved(panel, task)
        covariates, scale = CovariateScale.of(panel, horizon=task.horizon), StaticScale.fit(panel)
        rows = recipe.rows(panel, task, covariates, scale)
        features, target = rows.training(
            most=self.max_rows, cold_share=self.cold_share, seed=run.seed, budget=budget
        )
        ranks = category_ranks(features, panel.static_cat.shape[1])
        table = TrainingTable(with_ranks(features, ranks), target, len(ranks))
        threads = run.threads or CPU_THREADS
        # on a machine that does other work too, threads that wait for one another take a hundred times as long
        with threadpool_limits(threads):
            table = table.head(affordable_rows(recipe, table, threads, budget))
            models = [
                *recipe.grow(table.within(MEAN_FARTHEST), (None,), seed=run.seed, threads=threads),
                *recipe.grow(table, LEVELS, seed=run.seed, threads=threads),
            ]
        return TabularPredictor(recipe, Trees.of(models), LEVELS, ranks, covariates, scale, task)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> TabularPredictor:
        """The predictor whose `state` this is."""
        facts, arrays = state
        return TabularPredictor(
            self,
            Trees.of_arrays(arrays),
            typed(tuple[float, ...], facts["levels"], "levels"),
            arrays["ranks"],
            CovariateScale.of_arrays(arrays),
            StaticScale.of_arrays(arrays),
            task,
        )

    def rows(self, panel: Panel, task: Task, covariates: CovariateScale, scale: StaticScale) -> PanelRows:
        """The rows of `panel`; the context's length must be resolved."""
        assert self.context_length is not None
        return PanelRows(
            panel, horizon=task.horizon, context=self.context_length, covariates=covariates, scale=scale
        )

    def resolved(self, panel: Panel, task: Task) -> Self:
        """The recipe with its defaults worked out for `panel`."""
        context = self.context_length or max(2 * task.horizon, 2 * max(panel.schema.seasons), 8)
        return replace(self, context_length=min(context, LONGEST_CONTEXT))


@dataclass(frozen=True, slots=True)
class TabularPredictor:
    """The trees of the mean and of each level, with what is needed to make their rows.

    Example:
        >>> from foretell.recipe import Run, Task
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> few = foretell.make_recipe("boosting", {"max_steps": 3})
        >>> fitted = few.fit(data.panel, Task(horizon=7), Run())  # a TabularPredictor
        >>> fitted.predict(data.panel, levels=[0.5]).quantiles.shape
        (4, 7, 1)
    """

    recipe: TabularRecipe  # resolved
    trees: Trees  # of the mean, then of each level
    levels: tuple[float, ...]
    ranks: Array  # [C, codes] what `with_ranks` puts in place of a static category's code
    covariates: CovariateScale
    scale: StaticScale
    task: Task

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        """Forecast each item from its origin on, some items at a time."""
        return Forecast.joined(panel, levels, self.task.horizon, self._pieces(panel, levels))

    def state(self) -> State:
        """The levels as JSON; trees, ranks, and scales as arrays."""
        facts: dict[str, Any] = {"levels": list(self.levels)}
        arrays = {**self.trees.arrays(), **self.covariates.arrays(), **self.scale.arrays()}
        return facts, {**arrays, "ranks": self.ranks}

    def _pieces(self, panel: Panel, levels: Sequence[float]) -> Iterator[Piece]:
        shape = (-1, self.task.horizon, 1 + len(self.levels))
        floor = item_floors(panel, new=None)
        for items, rows in self.recipe.rows(panel, self.task, self.covariates, self.scale).forecast():
            said = self.trees.predict(with_ranks(rows.features, self.ranks))
            values = (rows.location[:, None] + rows.scale[:, None] * said).reshape(shape)
            rising = np.sort(values[..., 1:], axis=-1)  # each level has trees of its own: they may cross
            mean = likely_mean(values[..., 0], rising, self.levels, floor=floor[items])
            yield Piece(items, mean, between_normal(rising, self.levels, levels))


def between_normal(quantiles: Floats, have: Sequence[float], want: Sequence[float]) -> Floats:
    """Rising quantiles [..., Q] at levels `have` -> [..., len(want)], linear in the normal score, beyond the ends as well.

    Args:
        quantiles: [..., Q], rising along Q.
        have: [Q] the levels that they belong to, rising.
        want: the levels asked for.

    Example:
        >>> from foretell.tabular import between_normal
        >>> between_normal(np.array([0.0, 10.0]), have=[0.1, 0.9], want=[0.5, 0.95]).round(2)
        array([ 5.  , 11.42])
    """
    from scipy.special import ndtri

    scores, asked = ndtri(np.asarray(have)), ndtri(np.asarray(want))
    right = np.clip(np.searchsorted(scores, asked), 1, len(scores) - 1)
    weight = (asked - scores[right - 1]) / (scores[right] - scores[right - 1])
    low, high = quantiles[..., right - 1], quantiles[..., right]
    return np.asarray(low + (high - low) * weight)


def likely_mean(mean: Floats, quantiles: Floats, levels: Sequence[float], *, floor: Floats) -> Floats:
    """Means [n, H], one that lies above p90 no farther from the `floor` [n] than twice what the quantiles [n, H, Q] say.

    Beyond p90 a few rows decide about a mean. Where all levels are at the floor nothing is known of what lies above.
    """
    high = between_normal(quantiles, levels, [0.9])[..., 0]
    least = np.broadcast_to(floor[:, None], mean.shape)
    rows = np.nonzero((mean > high) & np.isfinite(least) & (quantiles[..., -1] > least))
    said = np.maximum(between_normal(quantiles[rows], levels, _MIDDLES), least[rows][:, None]).mean(-1)
    most = np.maximum(high[rows], 2 * said - least[rows])
    likely = mean.copy()
    likely[rows] = np.minimum(mean[rows], most)
    return likely


def affordable_rows(recipe: TabularRecipe, table: TrainingTable, threads: int, budget: Budget) -> int:
    """How many rows of `table` all models can learn from in the time that is left: one is grown to see how long it takes."""
    if math.isinf(budget.limit) or len(table.target) <= PILOT:
        return len(table.target)
    before = budget.spent
    recipe.grow(table.head(PILOT), [0.5], seed=0, threads=threads)
    seconds = (budget.spent - before) * (1 + len(LEVELS))
    return int(np.clip(PILOT * budget.left(GROWN) / seconds, PILOT, len(table.target)))
