"""What the tests say, in words."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from foretell.data.frequency import Frequency
from foretell.monitoring.blocks import Blocks, Quantity
from foretell.monitoring.drift_tests import LEAST_REFERENCE, RUNS, VERDICTS, DriftTest, Verdict
from foretell.monitoring.judgement import Reason

GROUP_CHANCE: Final = 0.05  # of a group, times the number of groups: below it the group is to be watched
_SHOWN: Final = 5  # columns or groups named in one reason


def reason_of(test: DriftTest, now: Blocks, frequency: Frequency, inside: str) -> Reason | None:
    """What one quantity says after the last block that was judged; None where none was."""
    judged = np.flatnonzero(test.judged & ~np.isnan(test.values))
    if not len(judged):
        return None
    block = int(judged[-1])
    verdict = test.verdicts[block]
    chance = float(test.chance[block])
    if verdict == "fine":
        mean = float(test.values[judged].mean()) - test.reference.mean
        text = f"{_worded(test.quantity, mean, inside)} over {len(judged)} blocks of dates"
        return Reason("fine", test.quantity, text, chance)
    since = frequency.spell(int(now.first[test.onset(block)]))
    text = (
        f"{_worded(test.quantity, test.change(block), inside)} since {since}; of models without drift"
        f" {spelt_chance(chance)} come this far within {RUNS} runs"
    )
    return Reason(verdict, test.quantity, text, chance, since)


def _worded(quantity: Quantity, change: float, inside: str) -> str:
    if quantity == "wQL":
        percent = 100 * (np.exp(change) - 1)
        return f"wQL is {abs(percent):.0f} % {'above' if percent >= 0 else 'below'} what the back-test had at the same steps"
    if quantity == "coverage":
        return f"{inside} is {_points(change)} what it was in the back-test"
    return f"bias is {_points(change)} that of the back-test, in percent of what was sold"


def _points(change: float) -> str:
    return f"{abs(100 * change):.1f} points {'above' if change >= 0 else 'below'}"


def spelt_chance(chance: float) -> str:
    """A share of few as text: 0.4 %, or fewer than can be counted."""
    return "less than 0.1 %" if chance < 0.001 else f"{100 * chance:.1f} %"


def of_inputs(table: pd.DataFrame) -> list[Reason]:
    """The columns that changed, in one reason."""
    changed = table[table["changed"].astype(bool)] if len(table) else table
    if not len(changed):
        return []
    shown = [
        f"{row['column']!r} ({row['distance']:.2f}, at most {row['farthest in training']:.2f} in training)"
        for _, row in changed.sort_values("distance", ascending=False).head(_SHOWN).iterrows()
    ]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    text = f"what the model is fed is spread otherwise than in training: {', '.join(shown)}{more}"
    return [Reason("watch", "inputs", text)]


def of_groups(chances: dict[tuple[str, str], tuple[float, float]]) -> list[Reason]:
    """The groups whose wQL rose, each with its chance and its change, in one reason."""
    few = {name: pair for name, pair in chances.items() if pair[0] * len(chances) <= GROUP_CHANCE}
    if not few:
        return []
    worst = sorted(few, key=lambda name: few[name][0])[:_SHOWN]
    shown = [f"{by} {label!r} ({100 * (np.exp(few[by, label][1]) - 1):+.0f} %)" for by, label in worst]
    more = f" and {len(few) - _SHOWN} more" if len(few) > _SHOWN else ""
    text = f"wQL rose against the back-test in {', '.join(shown)}{more}"
    return [Reason("watch", "group", text, min(pair[0] for pair in few.values()))]


def of_reference(windows: int, blocks: int, taken: int) -> list[Reason]:
    """How well it is known what is usual, where that is little."""
    if not taken:
        return []
    text = f"the first {taken} blocks of dates are taken for usual and not judged: " + (
        f"the back-test has {blocks} blocks, fewer than {LEAST_REFERENCE}"
        if windows
        else "there is no back-test to compare with"
    )
    return [Reason("fine", "reference", text)]


def in_order(reasons: list[Reason]) -> tuple[Reason, ...]:
    """The gravest first."""
    return tuple(sorted(reasons, key=lambda reason: -VERDICTS.index(reason.verdict)))


def verdict_of(reasons: list[Reason]) -> Verdict:
    """That of the gravest."""
    return max((reason.verdict for reason in reasons), key=VERDICTS.index, default="fine")
