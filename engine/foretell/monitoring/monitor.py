"""`monitor`: a model in use beside its own back-test; is it fine, to be watched, or to be trained again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.data.findings import Findings
from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.ingest.dataset import check_dataset, encoded
from foretell.models.given_data import given_data
from foretell.monitoring import reasons as say
from foretell.monitoring.blocks import QUANTITIES, Blocks, Profile, Quantity, blocks_of
from foretell.monitoring.drift_tests import LEAST_REFERENCE, RUNS, DriftTest, Verdict, drift_test, gravest
from foretell.monitoring.groups import Groups, groups_of
from foretell.monitoring.inputs import input_table
from foretell.monitoring.judgement import Reason
from foretell.monitoring.result import Monitor
from foretell.monitoring.saved_runs import SavedRun, common_levels, in_order, read_runs
from foretell.monitoring.score_tables import by_group, by_step, interval_name, score_table
from foretell.monitoring.tally import Tally, tally
from foretell.monitoring.watched import Watched
from foretell.system.folder_lock import claiming_out
from foretell.system.listener import interruptible, shielded, tell
from foretell.system.results import may_replace

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

MOST_TESTED: Final = 100  # groups, the largest ones
_DAILY: Final = (
    "min",
    "h",
    "D",
    "B",
)  # units of steps whose season is a day or a week: blocks are whole seasons


@interruptible()
@claiming_out
def monitor(
    model: object,
    actuals: object,
    forecasts: object = None,
    *,
    backtest: object = None,
    by: Sequence[str] = (),
    out: str | Path | None = None,
    overwrite: bool = False,
    spreadsheet: bool = False,
) -> Monitor:
    """Judge the saved `forecasts` of a model by what came, `actuals`, and by what its `backtest` had.

    The verdict is `fine`, `watch` or `retrain`; it is `retrain` for a model without drift in at most one history of 20, over 26 runs. Runs
    that begin within the training data are left out.

    Args:
        model: a `foretell.Model`, the folder of one, or a folder of forecasts that anybody made.
        actuals: what came, a `foretell.Dataset`; for a model trained on the target alone, that table itself (`Model.read` takes more).
        forecasts: files that `foretell predict` wrote, one a run: a folder, a glob, or a list (also of frames, or of `Forecast`s).
            Default: the folder `forecasts` in the model's.
        backtest: a `Report` or the folder of one. Default: the folder `backtest` in the model's, and without that the first runs count
            as usual.
        by: columns of the key or categories of the items: scores and tests for each of their groups; "region/family" makes a group of
            each pair.
        out: a folder that the result is saved to (`Monitor.save`).
        overwrite: replace a result of foretell that `out` holds.
        spreadsheet: in its CSV, put an apostrophe in front of texts that a spreadsheet would compute.

    Raises:
        ForetellError: for tables that cannot be judged.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> runs = []
        >>> for day in ("2011-11-01", "2011-11-08", "2011-11-15"):
        ...     known = foretell.Dataset(sales[sales["timestamp"] < day], freq="D")
        ...     runs.append(foretell.train(known, recipe="seasonal_naive", horizon=7).predict())
        >>> model = foretell.train(foretell.Dataset(sales[sales["timestamp"] < "2011-11-01"], freq="D"), recipe="npts", horizon=7)
        >>> foretell.monitor(model, data, runs).verdict in ("fine", "watch", "retrain")
        True
    """
    found = Findings()
    if out is not None:
        may_replace(out, "monitor", overwrite=overwrite)
    watched = Watched.of(model)
    data = check_dataset(actuals if watched.schema is None else given_data(watched.schema, actuals))
    panel = data.panel if watched.schema is None else encoded(data, watched.schema)
    runs = _runs(watched, watched.forecasts(forecasts), data, panel, found)
    windows = _windows(watched.backtest(backtest), watched, data, panel, runs[0].begin, found)
    result = _Judge(watched, panel, groups_of(panel, by), runs, windows, found).result()
    if out is not None:
        with shielded():
            result.save(out, overwrite=overwrite, spreadsheet=spreadsheet)
    return result


def _runs(
    watched: Watched, forecasts: object, data: Dataset, panel: Panel, found: Findings
) -> list[SavedRun]:
    """The runs that the model made, earliest first; raises ForetellError where there is none."""
    every = in_order(list(read_runs(forecasts, data, panel, watched.recipe, found)), panel)
    later = watched.is_later(panel)
    runs = [run for run in every if later(run.begin)]
    if not runs:
        raise ForetellError(
            f"none of the {len(every)} runs is the model's: the last begins {panel.frequency.spell(every[-1].begin)}, and it was"
            f" trained on data up to {watched.last}"
        )
    if len(runs) < len(every):
        found.note(
            "runs",
            f"{len(every) - len(runs)} runs that begin within the training data, which end {watched.last}, are left out",
            len(every) - len(runs),
        )
    return runs


def _windows(
    table: object | None, watched: Watched, data: Dataset, panel: Panel, begin: int, found: Findings
) -> list[SavedRun]:
    """The windows of the back-test that end before the first run; none where there is no back-test."""
    if table is None:
        return []
    own = Findings()
    try:
        every = in_order(list(read_runs(table, data, panel, watched.recipe, own)), panel)
    except ForetellError as error:
        raise ForetellError(f"backtest: {error}") from error
    windows = [window for window in every if int(window.origin.max()) + window.horizon <= begin]
    if len(windows) < len(every):
        late = len(every) - len(windows)
        found.warn(
            "windows",
            f"{late} windows of the back-test reach into the time of the runs and are left out",
            late,
        )
    return windows


@dataclass(frozen=True, slots=True, eq=False)
class _Judge:
    """All that the verdict is made from."""

    watched: Watched
    panel: Panel
    groups: Groups
    runs: list[SavedRun]
    windows: list[SavedRun]
    found: Findings

    def result(self) -> Monitor:
        levels = common_levels([*self.runs, *self.windows])
        runs, windows = self._tally(self.runs, levels), self._tally(self.windows, levels)
        end = _end(runs)
        if end is None:
            span = [self.panel.frequency.spell(run.begin) for run in (self.runs[0], self.runs[-1])]
            raise ForetellError(f"the data have no actuals of the runs, which begin {span[0]} to {span[1]}")
        setting = _Setting.of(self.runs, self.windows, windows, self.panel, end)
        usual = windows if setting.reference else runs.where(runs.date < setting.learned_until)
        profile = Profile.of(usual, setting.horizon, smooth=setting.smooth)
        now = setting.blocks(runs, profile)
        before = setting.reference_blocks(windows, profile)
        tests = {name: drift_test(name, before, now, blocks=setting.often) for name in QUANTITIES}
        judged = {name: test for name, test in tests.items() if test is not None}
        inputs = self._inputs(end)
        reasons = self._reasons(judged, now, levels, before)
        reasons += say.of_inputs(inputs)
        reasons += say.of_groups(self._group_chances(runs, windows, profile, setting))
        blocks = _block_table(now, judged, self.panel.frequency)
        return Monitor(
            say.verdict_of(reasons),
            say.in_order(reasons),
            self._run_table(runs, profile, blocks, setting),
            by_group(runs, usual, self.groups.members, profile, smooth=setting.smooth),
            by_step(runs, profile),
            blocks,
            inputs,
            self._settings(levels, setting, end),
            self.found.all(),
            judged,
        )

    def _tally(self, runs: list[SavedRun], levels: tuple[float, ...]) -> Tally:
        first = _first_observed(self.panel)
        parts = []
        for number, run in enumerate(runs):
            tell("score", number, len(runs))
            old = first[run.item] < run.origin  # new items are not what the back-test's scores are about
            if not old.any():
                continue
            item, origin = run.item[old], run.origin[old]
            actual = self.panel.target_at(item, origin[:, None] + np.arange(run.horizon))
            code = self.groups.code[item]
            parts.append(tally(number, origin, code, actual, run.mean[old], run.at(levels)[old], levels))
        return Tally.joined(parts, levels)

    def _inputs(self, end: int) -> pd.DataFrame:
        if self.watched.inputs is None:
            return pd.DataFrame(columns=["column", "role", "distance", "farthest in training", "changed"])
        return input_table(self.watched.inputs, self.panel, end)

    def _reasons(
        self, tests: dict[Quantity, DriftTest], now: Blocks, levels: tuple[float, ...], before: Blocks | None
    ) -> list[Reason]:
        inside = interval_name(levels)
        said = [say.reason_of(test, now, self.panel.frequency, inside) for test in tests.values()]
        reasons = [reason for reason in said if reason is not None]
        if not reasons:
            reasons.append(Reason("fine", "reference", "too early to say: no block of dates is judged yet"))
        taken = max((int((~test.judged).sum()) for test in tests.values()), default=0)
        known = 0 if before is None else int((~np.isnan(before.values["wQL"])).sum())
        return reasons + say.of_reference(len(self.windows), known, taken)

    def _group_chances(
        self, runs: Tally, windows: Tally, profile: Profile, setting: _Setting
    ) -> dict[tuple[str, str], tuple[float, float]]:
        """Of each group that can be tested, the chance and the change of its wQL after the last block."""
        sizes = {
            name: runs.of("size")[np.isin(runs.group, cells)].sum()
            for name, cells in self.groups.members.items()
        }
        chances = {}
        for name in sorted(sizes, key=lambda name: -sizes[name])[:MOST_TESTED]:
            cells = self.groups.members[name]
            now = setting.blocks(runs.where(np.isin(runs.group, cells)), profile)
            before = setting.reference_blocks(windows.where(np.isin(windows.group, cells)), profile)
            test = drift_test("wQL", before, now, blocks=setting.often)
            if test is not None and len(now):
                chances[name] = (float(test.chance[-1]), test.change(len(now) - 1))
        return chances

    def _run_table(
        self, runs: Tally, profile: Profile, blocks: pd.DataFrame, setting: _Setting
    ) -> pd.DataFrame:
        frequency = self.panel.frequency
        table = score_table(runs, runs.run, len(self.runs), profile)
        last = [runs.date[(runs.run == k) & (runs.of("observed") > 0)] for k in range(len(self.runs))]
        table.insert(0, "origin", [frequency.spell(run.begin) for run in self.runs])
        table.insert(1, "file", [run.name for run in self.runs])
        table.insert(2, "until", [frequency.spell(int(d.max())) if len(d) else "" for d in last])
        nexts = [run.begin for run in self.runs[1:]] + [self.runs[-1].begin + setting.gap]
        table.insert(3, "verdict", [_verdict_before(blocks, frequency, begin) for begin in nexts])
        table.insert(4, "items", [len(run.item) for run in self.runs])
        return table

    def _settings(self, levels: tuple[float, ...], setting: _Setting, end: int) -> dict[str, Any]:
        spell = self.panel.frequency.spell
        return {
            "model": self.watched.origin,
            "runs": len(self.runs),
            "first run": spell(self.runs[0].begin),
            "actuals until": spell(end - 1),
            "back-test windows": len(self.windows),
            "levels": list(levels),
            "block": f"{setting.length} steps",
            "by": list(dict.fromkeys(by for by, _ in self.groups.members)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """How dates are cut into blocks."""

    horizon: int
    gap: int  # steps from one run to the next
    length: int  # of a block
    smooth: int
    often: int  # blocks of 26 runs
    begin: int
    end: int
    reference: (
        tuple[int, int] | None
    )  # where the back-test's windows begin and end; None where there are none

    @classmethod
    def of(
        cls, runs: list[SavedRun], windows: list[SavedRun], found: Tally, panel: Panel, end: int
    ) -> _Setting:
        horizon = max(run.horizon for run in runs)
        begins = np.array([run.begin for run in runs])
        gap = int(np.median(np.diff(begins))) if len(runs) > 1 else horizon
        length = block_length(min(gap, horizon), horizon, panel.season, panel.frequency)
        before = _end(found)
        reference = None if before is None else (int(found.date.min()), before)
        return cls(
            horizon=horizon,
            gap=gap,
            length=length,
            smooth=length,
            often=max(ceil(RUNS * gap / length), 1),
            begin=int(begins[0]),
            end=end,
            reference=reference,
        )

    @property
    def learned_until(self) -> int:
        """The step before which the runs count as usual where there is no back-test."""
        return self.begin + LEAST_REFERENCE * self.length

    def blocks(self, found: Tally, profile: Profile) -> Blocks:
        """Those of the runs."""
        return blocks_of(found, profile, self.length, begin=self.begin, end=self.end)

    def reference_blocks(self, found: Tally, profile: Profile) -> Blocks | None:
        """Those of the back-test's windows; None where there are none."""
        if self.reference is None:
            return None
        begin, end = self.reference
        return blocks_of(found, profile, self.length, begin=begin, end=end)


def block_length(gap: int, horizon: int, season: int, frequency: Frequency) -> int:
    """Steps of a block: those between two runs, a quarter of the horizon at most, but whole seasons of hours and days."""
    steps = max(min(gap, ceil(horizon / 4)), 1)
    if frequency.unit not in _DAILY or season > horizon:
        return steps
    return min(ceil(steps / season), horizon // season) * season


def _end(found: Tally) -> int | None:
    """The step after the last actual; None where there is none."""
    seen = found.date[found.of("observed") > 0]
    return int(seen.max()) + 1 if len(seen) else None


def _first_observed(panel: Panel) -> NDArray[np.int64]:
    """[N] the ordinal of each item's first actual; beyond all others where it has none."""
    there = np.flatnonzero(~np.isnan(panel.target))
    begin, stop = panel.offsets[:-1], panel.offsets[1:]
    place = np.searchsorted(there, begin)
    first = np.append(there, np.iinfo(np.int64).max)[place]
    never = first >= stop
    return np.where(never, np.iinfo(np.int64).max, panel.start + np.where(never, 0, first) - begin)


def _block_table(now: Blocks, tests: dict[Quantity, DriftTest], frequency: Frequency) -> pd.DataFrame:
    count = len(now)
    table = pd.DataFrame(
        {
            "begin": [frequency.spell(int(first)) for first in now.first],
            "end": [frequency.spell(int(first) + now.length - 1) for first in now.first],
        }
    )
    verdicts: list[list[Verdict]] = []
    for name in QUANTITIES:
        test = tests.get(name)
        table[name] = np.exp(now.values[name]) if name == "wQL" else now.values[name]
        table[f"chance of {name}"] = np.full(count, np.nan) if test is None else test.chance
        if test is not None:
            verdicts.append([v if ok else "fine" for v, ok in zip(test.verdicts, test.judged, strict=True)])
    table["verdict"] = [gravest(list(each)) for each in zip(*verdicts, strict=True)] or ["fine"] * count
    return table


def _verdict_before(blocks: pd.DataFrame, frequency: Frequency, begin: int) -> str:
    """The verdict as it was when the actuals up to `begin` were there; empty where no block had ended since."""
    ends = np.array([frequency.ordinal(end) for end in blocks["end"]], np.int64)
    done = np.flatnonzero(ends < begin)
    late = len(ends) == len(done) and len(done) and begin > ends[-1] + 1
    return "" if not len(done) or late else str(blocks["verdict"].iloc[done[-1]])
