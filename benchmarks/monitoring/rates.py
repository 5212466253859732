"""How often `foretell monitor` calls a model without drift `retrain`, and how soon it finds one whose wQL rose by a fifth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitoring.simulated import History, World, history
from foretell.data.frequency import Frequency
from foretell.monitoring.blocks import QUANTITIES, Blocks, Profile, blocks_of
from foretell.monitoring.drift_tests import LEAST_REFERENCE, RUNS, DriftTest, drift_test, gravest
from foretell.monitoring.monitor import block_length

WEEK: Final = 7
FIRST_SEED: Final = 5000  # those below 2000 were looked at while the tests were chosen
NAIVE: Final = 20  # histories of which cells are counted, for comparison
WITHIN: Final = 4  # runs
CHANGES: Final = range(10, 20)  # the runs, one after the other, from whose origin on errors grow
A_FIFTH: Final = 1.2  # times the errors raise wQL by so much (simulated.rise says .198)

WORLDS: Final[dict[str, World]] = {
    "weekly": World(stride=7, common=0.1),
    "end to end": World(stride=28, common=0.1),
    "few shocks": World(stride=7, common=0.03),
    "strong shocks": World(stride=7, common=0.2),
    "slow shocks": World(stride=7, common=0.1, fading=0.9),
    "three windows": World(stride=7, common=0.1, windows=3),
    "one window": World(stride=7, common=0.1, windows=1),
    "no back-test": World(stride=7, common=0.1, windows=0),
    "26 windows": World(stride=7, common=0.1, windows=26),
}


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of histories."""

    world: str
    histories: int
    retrain: float  # without drift, at any time of 26 runs
    watch: float  # without drift, `watch` or `retrain` at any time
    found: float  # `retrain` within 4 runs of the change
    found_by_wql: float  # by the test of wQL alone
    found_at_last: float  # at any time after it
    delay: float  # runs, the median of those found
    naive: float  # of quiet runs, that a test of cells calls unusual at 5 %


def measure(name: str, world: World, histories: int, *, first: int = FIRST_SEED) -> Rates:
    """The rates of one world."""
    counts, delays, naive = np.zeros(5), [], []
    for number in range(histories):
        seed = first + number
        quiet = history(world, seed, cells=number < NAIVE)
        naive += list(_unusual_cells(world, quiet))
        said = [verdict for verdict, _ in verdicts(world, quiet)]
        change = CHANGES[number % len(CHANGES)]
        worse = history(replace(world, worse_from=change, worse=A_FIFTH), seed)
        after = verdicts(world, worse)[change * world.stride // _length(world) :]
        soon = after[: WITHIN * world.stride // _length(world)]
        hits = [k for k, (verdict, _) in enumerate(after) if verdict == "retrain"]
        counts += [
            "retrain" in said,
            bool({"watch", "retrain"} & set(said)),
            any(verdict == "retrain" for verdict, _ in soon),
            any(by_wql for _, by_wql in soon),
            bool(hits),
        ]
        delays += [ceil((hits[0] + 1) * _length(world) / world.stride)] if hits else []
    retrain, watch, found, by_wql, at_last = (counts / histories).tolist()
    delay = float(np.median(delays)) if delays else float("nan")
    share = float(np.mean(naive)) if naive else float("nan")
    return Rates(name, histories, retrain, watch, found, by_wql, at_last, delay, share)


def verdicts(world: World, found: History) -> list[tuple[str, bool]]:
    """After each block of the runs the verdict, and whether wQL alone says `retrain`."""
    tests = _tests(world, found)
    each = [
        [verdict if ok else "fine" for verdict, ok in zip(test.verdicts, test.judged, strict=True)]
        for test in tests.values()
    ]
    by_wql = each[0] if "wQL" in tests else []
    return [(gravest(list(row)), by_wql[k] == "retrain") for k, row in enumerate(zip(*each, strict=True))]


def _tests(world: World, found: History) -> dict[str, DriftTest]:
    """As `foretell.monitor` makes them of tables."""
    length = _length(world)
    end = found.begin + world.runs * world.stride  # when the run after the last one is made
    learned = found.runs.date < found.begin + LEAST_REFERENCE * length
    usual = found.windows if world.windows else found.runs.where(learned)
    profile = Profile.of(usual, world.horizon, smooth=length)
    now = blocks_of(found.runs, profile, length, begin=found.begin, end=end)
    before: Blocks | None = None
    if world.windows:
        before = blocks_of(found.windows, profile, length, begin=0, end=found.begin)
    often = ceil(RUNS * world.stride / length)
    tests = {name: drift_test(name, before, now, blocks=often) for name in QUANTITIES}
    return {name: test for name, test in tests.items() if test is not None}


def _length(world: World) -> int:
    return block_length(world.stride, world.horizon, WEEK, Frequency("D"))


def _unusual_cells(world: World, found: History) -> Iterator[bool]:
    """Of each run, whether its cells differ from the back-test's by a test that takes them for independent."""
    if not found.cells or not world.windows:
        return
    usual = np.concatenate([cells.ravel() for cells in found.cells[: world.windows]])
    for cells in found.cells[world.windows :]:
        yield bool(abs(_difference(cells.ravel(), usual)) > 1.96)


def _difference(some: NDArray[np.float64], usual: NDArray[np.float64]) -> float:
    error = np.sqrt(some.var() / some.size + usual.var() / usual.size)
    return float((some.mean() - usual.mean()) / error)
