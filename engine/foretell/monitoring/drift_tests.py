"""The tests for drift: accuracy, coverage and bias of the runs, each against the back-test's own blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.monitoring.blocks import Blocks, Quantity
from foretell.monitoring.drift import Quantum, Reference, cumulative, reference_of

Verdict = Literal["fine", "watch", "retrain"]
VERDICTS: Final[tuple[Verdict, ...]] = ("fine", "watch", "retrain")  # by gravity
RUNS: Final = 26  # in which a model without drift is to be called `retrain` in one history of 20 at most
LEAST_REFERENCE: Final = 8  # blocks; with fewer in the back-test the first runs are taken for usual too
# What each quantity spends of that twentieth. Coverage gets most: it changes less from block to block than wQL does.
SHARE: Final[dict[Quantity, float]] = {"wQL": 0.015, "coverage": 0.02, "bias": 0.01}
WATCHED: Final = 4.0  # times the share, up to which it is to be watched
QUANTA: Final[dict[Quantity, Quantum]] = {
    "wQL": Quantum(shift=float(np.log(1.2)), spread=0.1, sides=1, lean=0.4),  # a rise by a fifth
    "coverage": Quantum(shift=0.08, spread=0.03, sides=2, lean=-0.4),  # of the share of actuals inside
    "bias": Quantum(shift=0.1, spread=0.05, sides=2),  # of the sum of actuals
}
_FAR: Final = 1000  # blocks between reference and first runs, whose shocks are not shared


@dataclass(frozen=True, slots=True, eq=False)
class DriftTest:
    """One quantity of the runs beside its reference."""

    quantity: Quantity
    usual: Floats  # [R] the blocks of the reference, those of the back-test first
    values: Floats  # [B] the blocks of the runs; NaN where there is nothing to say
    judged: NDArray[np.bool_]  # [B] not those that the reference took
    reference: Reference
    sums: Floats  # [B] the cumulative sum
    chance: Floats  # [B] the share of quiet histories that come as far within 26 runs

    @property
    def verdicts(self) -> list[Verdict]:
        """[B] what it says after each block."""
        share = SHARE[self.quantity]
        return [
            "retrain" if chance <= share else "watch" if chance <= WATCHED * share else "fine"
            for chance in self.chance.tolist()
        ]

    def onset(self, block: int) -> int:
        """The block with which the sum at `block` began to grow."""
        zero = np.flatnonzero(self.sums[: block + 1] == 0)
        return int(zero[-1]) + 1 if len(zero) else 0

    def change(self, block: int) -> float:
        """The mean of the values since then, less that of the reference; NaN where the sum is 0."""
        some = self.values[self.onset(block) : block + 1]
        some = some[~np.isnan(some)]
        return float(some.mean()) - self.reference.mean if len(some) else float("nan")


def drift_test(quantity: Quantity, usual: Blocks | None, now: Blocks, *, blocks: int) -> DriftTest | None:
    """The test of one quantity; `blocks` are those of 26 runs. None where not even a reference is there."""
    before = np.zeros(0) if usual is None else usual.values[quantity]
    position = np.flatnonzero(~np.isnan(before))
    known, values = before[position], now.values[quantity]
    there = np.flatnonzero(~np.isnan(values))
    taken = there[: max(LEAST_REFERENCE - len(known), 0)]
    judged = np.ones(len(values), bool)
    judged[: int(taken[-1]) + 1 if len(taken) else 0] = False
    known = np.concatenate([known, values[taken]])
    if len(known) < 2:
        return None
    place = np.concatenate([position, len(before) + _FAR + taken])
    quantum = QUANTA[quantity]
    reference = reference_of(known, place, quantum, blocks=max(blocks, len(values), 1))
    sums = cumulative(np.where(judged, values - reference.mean, np.nan), quantum)
    return DriftTest(quantity, known, values, judged, reference, sums, reference.chance(sums, blocks))


def gravest(verdicts: list[Verdict]) -> Verdict:
    """The gravest of several; fine where there is none."""
    return max(verdicts, key=VERDICTS.index, default="fine")
