"""What the pooled regression regresses on: known covariates, the calendar, and the commonest of their interactions."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Array
from foretell.data.frequency import Frequency, Ordinals
from foretell.data.panel import Panel
from foretell.system.typed import typed

_MOST_COLUMNS: Final = 64  # known columns taken, those that vary most
_MOST_SHIFTED: Final = 16  # 0/1 columns whose value one step before and after is taken too
# 0/1 columns whose effect may differ by weekday (none: wQL 3 % worse on Rossmann; 8: the same)
_MOST_CROSSED: Final = 4
_LEAST_VARIANCE: Final = 1e-9
_CLIP: Final = 5.0  # standardised numbers stay within this: one typing error must not drown the rest


@dataclass(frozen=True, slots=True)
class Regressors:
    """How a panel becomes a design matrix; all of it plain lists and numbers, so that it can be saved as JSON.

    A column of the design stands for a *source*: (known column, shift), with shift -1, 0 or 1 step. Known columns that are
    not 0/1 are centred on the item's own mean and divided by the deviation of all items; those that are positive
    throughout (a price) are taken logged as well, so that an effect may be one of differences or of ratios.
    """

    # [K] known column, whether its logarithm is taken, and its deviation around the item's mean (0 marks a 0/1 column)
    plain: tuple[tuple[int, bool, float], ...]
    shifted: tuple[tuple[int, int], ...]  # (known column, shift)
    crossed: tuple[tuple[int, int], ...]  # (known column, shift), multiplied by each weekday
    yearly: bool  # whether the seasons of the year are in

    @classmethod
    def choose(
        cls, panel: Panel, items: NDArray[np.int64], length: int, *, yearly: bool = True
    ) -> Regressors:
        """The regressors that vary over the observed steps of `items` among the last `length` before the origin."""
        before = panel.origin[items][:, None] + np.arange(-length, 0)
        seen = panel.context(length, items)
        values = panel.known_at(items, before).astype(np.float64)
        here = ~np.isnan(seen)
        binary = _all(values[here], (values[here] == 0) | (values[here] == 1))
        variance = _variance(np.where(binary, values, values - _means(values, here)[:, None])[here])
        use = _largest(variance, _MOST_COLUMNS)
        # A column that is the same on all observed steps (open) may still differ the day before.
        changing = np.where(binary, _variance(values.reshape(here.size, -1)), 0)
        moved = {
            (int(k), shift): float(_variance(_shift(values[..., [k]], shift)[here])[0])
            for k in _largest(changing, _MOST_SHIFTED)
            for shift in (-1, 1)
        }
        shifted = [source for source, spread in moved.items() if spread > _LEAST_VARIANCE]
        candidates = {(int(k), 0): float(variance[k]) for k in use if binary[k]}
        candidates |= {source: moved[source] for source in shifted}
        plain = [(int(k), False, 0.0 if binary[k] else float(np.sqrt(variance[k]))) for k in use]
        return cls(
            plain=(*plain, *_logged(values, here, [int(k) for k in use if not binary[k]])),
            shifted=tuple(shifted),
            crossed=tuple(sorted(candidates, key=lambda source: -candidates[source])[:_MOST_CROSSED]),
            yearly=yearly,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Regressors:
        """The regressors that `to_json` wrote; raises ForetellError for anything else."""
        return typed(cls, state, "regressors")

    def design(
        self,
        panel: Panel,
        items: NDArray[np.int64],
        *,
        back: int,
        ahead: int,
        centre: NDArray[np.float64] | None = None,
    ) -> Array:
        """[n, back + ahead, D]: the regressors of `items` from `back` steps before their origins to `ahead` steps on.

        The last column is the time in years since the origin: it keeps a trend from being taken for a season. The `centre` of
        numbers is that of these steps unless `centre` [n, numbers] says otherwise.
        """
        steps = panel.origin[items][:, None] + np.arange(-back, ahead)
        known = panel.known_at(items, steps)
        calendar, weekdays = _calendar(panel.frequency, steps, yearly=self.yearly)
        columns = [np.ones((*steps.shape, 1), np.float32), calendar, self._plain(known, back, centre)]
        columns += [np.nan_to_num(_shift(known, shift)[..., [k]]) for k, shift in self.shifted]
        columns += [np.nan_to_num(_shift(known, shift)[..., [k]]) * weekdays for k, shift in self.crossed]
        year = panel.frequency.year or 100
        trend = np.broadcast_to((np.arange(-back, ahead) / year)[:, None], (*steps.shape, 1))
        return np.concatenate([*columns, trend], axis=-1, dtype=np.float32)

    def centre(self, panel: Panel, items: NDArray[np.int64], *, back: int, ahead: int) -> NDArray[np.float64]:
        """[n, numbers]: the means that `design` of the same steps takes the numbers from."""
        steps = panel.origin[items][:, None] + np.arange(-back, ahead)
        values, number = self._taken(panel.known_at(items, steps))
        return _centre(values[..., number], back)

    def _taken(self, known: Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """[n, T, K] the known columns that are taken, logged where they are, and which of these are numbers."""
        if not self.plain:
            return np.zeros((*known.shape[:2], 0)), np.zeros(0, bool)
        source, logged, spread = (np.array(part) for part in zip(*self.plain, strict=True))
        values = known[..., source].astype(np.float64)
        values[..., logged] = np.log(np.maximum(values[..., logged], 1e-9))
        return values, spread > 0

    def _plain(self, known: Array, back: int, centre: NDArray[np.float64] | None) -> Array:
        """[n, T, K]: known columns, those that are not 0/1 standardised within the item."""
        values, number = self._taken(known)
        spread = np.array([spread for _, _, spread in self.plain])[number]
        centre = _centre(values[..., number], back) if centre is None else centre
        values[..., number] = ((values[..., number] - centre[:, None]) / spread).clip(-_CLIP, _CLIP)
        return np.nan_to_num(values).astype(np.float32)


def common_bins(
    frequency: Frequency, ordinals: Ordinals, *, yearly: bool
) -> list[tuple[int, NDArray[np.int64]]]:
    """Calendar cells that all items share, as (number of cells, cell of each of `ordinals`): day of the year and the like.

    They hold what harmonics are too smooth for: Christmas, pay day, the Monday rush hour.
    """
    if frequency.unit in (
        "step",
        "Y",
        "Q",
        "M",
    ):  # months and quarters have their own columns in the calendar
        return []
    stamps = frequency.timestamps(ordinals).astype("datetime64[m]")
    days, months, years = (stamps.astype(f"datetime64[{unit}]") for unit in "DMY")
    day = (days - years.astype("datetime64[D]")).astype(np.int64)
    if frequency.unit == "W":
        return [(53, day // 7)] if yearly else []
    cells = [(31, (days - months.astype("datetime64[D]")).astype(np.int64))]
    if yearly:
        cells.append((366, day))
    if frequency.unit in ("min", "h"):
        hour = (stamps - days).astype(np.int64) // 60
        cells.append((168, (days.astype(np.int64) + 3) % 7 * 24 + hour))
    return cells


def _logged(
    values: NDArray[np.float64], here: NDArray[np.bool_], numbers: list[int]
) -> list[tuple[int, bool, float]]:
    """The entries of `Regressors.plain` for the logarithms of those columns that are positive throughout."""
    columns = values[..., numbers]
    logs = np.log(np.maximum(columns, 1e-9))
    variance = _variance((logs - _means(logs, here)[:, None])[here])
    positive = _all(columns[here], columns[here] > 0) & (variance > _LEAST_VARIANCE)
    return [
        (k, True, float(np.sqrt(v))) for k, v, good in zip(numbers, variance, positive, strict=True) if good
    ]


def _calendar(frequency: Frequency, steps: Ordinals, *, yearly: bool) -> tuple[Array, Array]:
    """[n, T, F] calendar features, and [n, T, 7] those of the weekday ([n, T, 0] where there are none)."""
    first, last = int(steps.min()), int(steps.max())
    table = frequency.calendar(np.arange(first, last + 1))
    names = frequency.calendar_names()
    weekday = [i for i, name in enumerate(names) if name.startswith("weekday=")]
    used = [i for i, name in enumerate(names) if yearly or not _is_yearly(name)]
    features: Array = table[steps - first]
    return features[..., used], features[..., weekday]


def _is_yearly(feature: str) -> bool:
    return feature.endswith("of year") or feature.startswith("month=") or feature == "december"


def _shift(values: NDArray[Any], shift: int) -> NDArray[Any]:
    """`values` [n, T, K] one step later (shift 1) or earlier (-1); at the edge, and where unknown, those of the step."""
    moved = values.copy()
    if shift == 1:
        moved[:, :-1] = values[:, 1:]
    elif shift == -1:
        moved[:, 1:] = values[:, :-1]
    return np.where(np.isnan(moved), values, moved)


def _all(rows: NDArray[np.float64], holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray((holds | np.isnan(rows)).all(0))


def _centre(numbers: NDArray[np.float64], back: int) -> NDArray[np.float64]:
    """[n, K] the means of `numbers` [n, T, K] over the first `back` steps; over all where there are none."""
    before = numbers[:, : max(back, 1)]
    centre = _means(before, np.ones(before.shape[:2], bool))
    return np.where(np.isnan(centre), _means(numbers, np.ones(numbers.shape[:2], bool)), centre)


def _means(values: NDArray[np.float64], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[n, K] means over the steps `rows` [n, T] of `values` [n, T, K], NaN apart; NaN where there are none."""
    here = rows[..., None] & ~np.isnan(values)
    count = here.sum(1)
    total = np.where(here, values, 0).sum(1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _variance(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """[K] variance of `rows` [R, K], NaN apart; 0 where there are none."""
    here = ~np.isnan(rows)
    count = np.maximum(here.sum(0), 1)
    mean = np.where(here, rows, 0).sum(0) / count
    return np.asarray(np.where(here, (rows - mean) ** 2, 0).sum(0) / count)


def _largest(variance: NDArray[np.float64], most: int) -> NDArray[np.int64]:
    """The positions of the `most` largest variances that are not nothing, in rising order of position."""
    order = np.argsort(-variance, kind="stable")[:most]
    return np.sort(order[variance[order] > _LEAST_VARIANCE])
