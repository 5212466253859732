"""`explain`: what each driver adds to a model's forecast, as Shapley values.

The history comes first: its part is what the forecast of each item departs from its level by when all that is known ahead is as on
other days. The other drivers' parts are Shapley values at the history as it is: an effect is what the model forecasts with it, in
units of that item, and what two drivers do together they share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.findings import Finding
from foretell.data.future_plan import reaching
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.explain.background import Background, at_level
from foretell.explain.coalitions import Orders, contributions, standard_errors
from foretell.explain.drivers import HISTORY, MOST, Driver, drivers_of, grouped, own_name
from foretell.explain.explanation import Explanation
from foretell.explain.masked import Masks, masked
from foretell.models.ensemble import Ensemble
from foretell.models.item_lookup import find_items
from foretell.recipe.item_groups import ItemGroups
from foretell.recipe.levels import check_levels
from foretell.recipe.task import MOST_SEED
from foretell.recipe.variants import Variants
from foretell.system.listener import tell
from foretell.system.whole_numbers import whole_number

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset
    from foretell.models.fitted_model import FittedModel

PERMUTATIONS: Final = 32  # at most, by default
_LEAST: Final = 12  # at least
_FORECASTS: Final = 14 * PERMUTATIONS  # of each item, about
_FEW_MEMBERS: Final = 2  # of an ensemble that is asked as often as one recipe
ITEMS_AT_A_TIME: Final = 128  # whose series are fitted together
_MOST_DATES: Final = 1 << 22  # of calendars that a forecast is asked for
_TRIED: Final = 200  # items by which columns are compared


def explain(
    model: FittedModel,
    data: Dataset | None = None,
    *,
    items: Sequence[str | Sequence[object]] | None = None,
    by: Sequence[str] | None = None,
    level: float | None = None,
    permutations: int | None = None,
    seed: int = 0,
) -> Explanation:
    """What each driver adds to the mean that `model` forecasts after the end of `data` (None: its training data), step by step.

    `items` are as in `predict`. `by` names columns of the key and of the metadata: what is explained are then the sums over the
    items of each group, `by=[]` the sum of all. `level` explains that quantile in the mean's place. `permutations`, an even number,
    of the drivers are drawn with `seed`: twice as many halve the variance of the errors, and take twice as long. By default they are 32,
    fewer with more than 14 drivers, and half as many with an ensemble of more than two members.

    Raises ForetellError for an item or a column that is not there, a level that is none, and one together with `by`.
    """
    levels = _checked_level(level, by)
    draws = _permutations(permutations, model)
    seed = whole_number("seed", seed, least=0, most=MOST_SEED)
    whole = model.panel_of(data)
    chosen = np.arange(len(whole)) if items is None else find_items(whole.keys, items)
    horizon = model.task.horizon
    panel, beyond = _within_seen(model, whole, chosen)
    panel = reaching(panel, horizon)
    some = panel.take(chosen)
    some.check_horizon(horizon, trained=True)
    groups = ItemGroups.of(some.keys, some, some.origin, by, frequency=some.frequency)
    background = Background.draw(panel, count=draws, horizon=horizon, seed=seed).of(chosen)
    drivers, findings = _most_telling(drivers_of(panel.schema), background)
    job = _Job(model, levels, level, drivers, Orders.draw(draws, len(drivers), seed=seed))
    made = _Sums(groups, draws) if by is not None else _Each(len(some), draws)
    done = 0
    for part in _chunks(some, background):
        made.add(part, job.run(some.take(part), background.of(part)))
        done += len(part)
        tell("explain", done, len(some), recipe=model.recipe.name)
    names = [driver.name for driver in drivers]
    return Explanation(
        keys=groups.keys if by is not None else some.keys,
        origin=some.origin[groups.first] if by is not None else some.origin,
        drivers=(Driver(own_name(HISTORY, names), "history"), *drivers),
        contributions=made.mean,
        errors=made.error,
        baseline=made.baseline,
        forecast=made.forecast,
        level=level,
        permutations=draws,
        schema=some.schema,
        panel=some if by is None else None,
        findings=(*beyond, *findings),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The explanation of n items, draw by draw."""

    samples: Floats  # [P, n, H, 1 + D] the history first
    baseline: Floats  # [P, n, H]
    forecast: Floats  # [n, H]


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    """What is asked of some items after the other."""

    model: FittedModel
    levels: tuple[float, ...]
    level: float | None
    drivers: tuple[Driver, ...]
    orders: Orders

    def run(self, base: Panel, background: Background) -> _Part:
        """The explanation of the items of `base`."""
        known, plan = background.known(), background.plan()
        masks = Masks(self.drivers, background, known, plan)
        needed = self.orders.needed(masks.telling())
        own = self._values(Variants.none(base))
        values = np.empty((len(needed.item), own.shape[1]))
        values[needed.whole] = own[needed.item[needed.whole]]
        for rows, variants in masked(
            base, masks, needed.item, needed.draw, needed.coalition, skip=needed.whole
        ):
            values[rows] = self._values(variants)
        shapley = contributions(self.orders, needed, values)
        plain = self._at_level(base, masks)
        nothing = values[needed.where[..., 0]]  # [n, P, H]
        history = np.moveaxis(nothing - plain, 1, 0)[..., None]
        return _Part(np.concatenate([history, shapley], axis=-1), np.moveaxis(plain, 1, 0), own)

    def _at_level(self, base: Panel, masks: Masks) -> Floats:
        """[n, P, H]: the forecast of the history at its level when no driver counts."""
        n, count = len(base), masks.background.count
        item, draw = (each.ravel() for each in np.divmod(np.arange(n * count), count))
        level = at_level(base)
        values = np.empty((n * count, self.model.task.horizon))
        for rows, variants in masked(level, masks, item, draw, np.zeros_like(item)):
            values[rows] = self._values(variants)
        return values.reshape(n, count, -1)

    def _values(self, variants: Variants) -> Floats:
        """[V, H] what is explained, of each variant."""
        made = self.model.forecast_variants(variants, levels=self.levels)
        return (made.mean if self.level is None else made.quantiles[..., 0]).astype(np.float64)


class _Each:
    """The explanations of items, one by one."""

    def __init__(self, count: int, draws: int) -> None:
        self._count = count
        self.mean = self.error = self.baseline = self.forecast = np.zeros((0,))

    def add(self, items: NDArray[np.int64], part: _Part) -> None:
        """Put the explanation of some of the items in its place."""
        made = {
            "mean": part.samples.mean(axis=0),
            "error": standard_errors(part.samples),
            "baseline": part.baseline.mean(axis=0),
            "forecast": part.forecast,
        }
        for name, values in made.items():
            if len(getattr(self, name)) == 0:
                setattr(self, name, np.zeros((self._count, *values.shape[1:])))
            getattr(self, name)[items] = values


class _Sums:
    """The explanations of sums over the items of groups, whose errors hang together: draws are summed one by one."""

    def __init__(self, groups: ItemGroups, draws: int) -> None:
        self._group, self._count, self._draws = groups.group, len(groups.keys), draws
        self._samples = self._baseline = self.forecast = np.zeros((0,))

    def add(self, items: NDArray[np.int64], part: _Part) -> None:
        """Add the explanation of some of the items."""
        if len(self.forecast) == 0:
            self._samples = np.zeros((self._draws, self._count, *part.samples.shape[2:]))
            self._baseline = np.zeros((self._draws, self._count, part.baseline.shape[2]))
            self.forecast = np.zeros((self._count, part.forecast.shape[1]))
        group = self._group[items]
        for draw in range(self._draws):
            np.add.at(self._samples[draw], group, part.samples[draw])
            np.add.at(self._baseline[draw], group, part.baseline[draw])
        np.add.at(self.forecast, group, part.forecast)

    @property
    def mean(self) -> Floats:
        return np.asarray(self._samples.mean(axis=0))

    @property
    def error(self) -> Floats:
        return standard_errors(self._samples)

    @property
    def baseline(self) -> Floats:
        return np.asarray(self._baseline.mean(axis=0))


def _checked_level(level: float | None, by: Sequence[str] | None) -> tuple[float, ...]:
    if level is None:
        return (0.5,)
    if not isinstance(level, (int, float)) or isinstance(level, bool) or not 0 < level < 1:
        raise ForetellError(
            f"level must be one number strictly between 0 and 1, such as 0.9, or None for the mean, got {level!r}"
        )
    if by is not None:
        raise ForetellError(
            f"quantiles do not add up, so that by={list(by)!r} explains sums of means alone: leave level={level!r} out, or by"
        )
    return check_levels([level])


def _permutations(asked: int | None, model: FittedModel) -> int:
    """How many are drawn, an even number; by default as many as leave 100 items under minutes."""
    if asked is None:
        drivers = min(len(drivers_of(model.schema)), MOST)
        members = len(model.predictor.members) if isinstance(model.predictor, Ensemble) else 1
        part = 1 if members <= _FEW_MEMBERS else 2
        most = _FORECASTS // part // max(drivers, 1)
        return int(np.clip(most // 2 * 2, _LEAST, PERMUTATIONS // part))
    if isinstance(asked, bool) or not isinstance(asked, int) or asked % 2 or not 4 <= asked <= 10_000:
        raise ForetellError(f"permutations must be an even number from 4 to 10,000, got {asked!r}")
    return asked


def _within_seen(
    model: FittedModel, panel: Panel, chosen: NDArray[np.int64]
) -> tuple[Panel, tuple[Finding, ...]]:
    """The panel as the model reads it, and what is to be said of that for the chosen items."""
    if model.seen is None:
        return panel, ()
    shown, found = model.seen.apply(panel, horizon=model.task.horizon)
    if found and len(chosen) < len(panel):
        found = model.seen.apply(panel.take(chosen), horizon=model.task.horizon)[1]
    return shown, tuple(each.finding for each in found)


def _most_telling(
    drivers: tuple[Driver, ...], background: Background
) -> tuple[tuple[Driver, ...], tuple[Finding, ...]]:
    """At most `MOST` drivers: of more columns those that differ least from other dates and items count as one."""
    if len(drivers) <= MOST:
        return drivers, ()
    some = background.of(np.arange(0, len(background.items), max(1, len(background.items) // _TRIED)))
    known, plan = some.known(), some.plan()
    columns = [k for k, each in enumerate(drivers) if each.kind in ("known", "past", "static")]
    varies = {k: float(some.differs(drivers[k], known, plan).mean()) for k in columns}
    least = sorted(sorted(columns, key=lambda k: (varies[k], -k))[: len(drivers) - MOST + 1])
    names = [drivers[k].name for k in least]
    listed = ", ".join(repr(name) for name in names[:10]) + (", ..." if len(names) > 10 else "")
    message = (
        f"{len(names)} columns that differ least from other dates and items count as one driver: {listed}"
    )
    return grouped(drivers, least), (Finding("note", "grouped", message, len(names)),)


def _chunks(panel: Panel, background: Background) -> list[NDArray[np.int64]]:
    """The items, some at a time; fewer where origins differ, for each asks for calendars of its own."""
    n = len(panel)
    size = ITEMS_AT_A_TIME
    if n and not (panel.origin == panel.origin[0]).all():
        span = int(panel.origin.max() - panel.start.min()) + panel.future + 1
        size = int(np.clip(_MOST_DATES // (span * background.count), 1, size))
    return [np.arange(begin, min(begin + size, n)) for begin in range(0, n, size)]
