"""What lies before the end of the table: hardly any rows (a wrong date), or none of some items."""

from __future__ import annotations

from typing import Final

import numpy as np

from foretell.checks.target_profile import Profile
from foretell.data.findings import Findings
from foretell.data.gap_filling import fills
from foretell.data.panel import Panel

_FEW: Final = 1000  # a wrong date is in at most one of so many rows, or in one
_THIN: Final = 20  # times fewer rows than before, from which they are hardly any
_LONG_AGO: Final = (
    8  # weeks without a row after which an item is perhaps no longer sold; of integer time, seasons
)
_USUAL: Final = 10  # times its usual distance between rows, likewise
_EVERY_STEP: Final = 1.25  # usual distance of an item that has a row at nearly every step
_STEPS: Final = 3  # without a row, after which such an item is


def check_end(panel: Panel, profile: Profile, findings: Findings) -> None:
    """Warn of rows far behind all others, and of items without a row for long, where all series end together."""
    if panel.schema.ends != "last" or not profile.rows.any():
        return
    if not _check_lone_end(panel, profile, findings):
        _check_dead(panel, profile, findings)


def _check_lone_end(panel: Panel, profile: Profile, findings: Findings) -> bool:
    """Where the table's last span holds hardly any rows, all forecasts begin after a date that may be a wrong one."""
    rows = profile.rows
    seen = np.flatnonzero(rows)
    total = int(rows.sum())
    behind = total - np.cumsum(rows[seen])  # rows after each observed step
    end = len(rows) - 1
    some = (behind <= max(1, total // _FEW)) & (seen < end)
    if not some.any():
        return False
    step, after = seen[some], behind[some]
    usual = (total - after) / (step - seen[0] + 1) * (end - step)  # rows that the span would hold
    thinnest = int(np.argmax(usual / np.maximum(after, 0.5)))
    if usual[thinnest] < _THIN * max(int(after[thinnest]), 1) or end - step[thinnest] < 2:
        return False
    first = int(panel.start[panel.lengths > 0].min())
    bulk = first + int(step[thinnest])
    items = np.flatnonzero(profile.last > bulk)
    if not len(items):  # of a large panel they were not looked at
        return False
    item = int(items[0])
    findings.warn(
        "lone_end",
        f"the last {end - int(step[thinnest]):,} steps of the target table hold {int(after[thinnest]):,} of its {total:,} values,"
        f" first item {' / '.join(map(str, panel.keys.iloc[item]))!r} at {panel.frequency.spell(int(profile.last[item]))};"
        f" the others end {panel.frequency.spell(bulk)}: every forecast begins after the table's last timestamp",
        int(after[thinnest]),
    )
    return True


def _check_dead(panel: Panel, profile: Profile, findings: Findings) -> None:
    """Items whose last row lies long before the table's end, in time and by how far their rows usually lie apart."""
    if fills(panel.schema.filling.get("target"), "back"):
        return  # then the steps since are no gaps
    end = panel.start + panel.lengths - 1
    long, told = _long_ago(panel, int(end.max()))
    usual = (profile.last - profile.first + 1) / np.maximum(profile.seen, 1)
    rare = np.where(usual <= _EVERY_STEP, _STEPS, _USUAL * usual)
    dead = np.flatnonzero((profile.seen > 0) & (end - profile.last >= np.maximum(long, rare)))
    if not len(dead):
        return
    item = int(dead[0])
    findings.warn(
        "ended",
        f"{len(dead):,} of {len(panel):,} items have no value in the last {told} of the table or more, first"
        f" {' / '.join(map(str, panel.keys.iloc[item]))!r}, whose last is of {panel.frequency.spell(int(profile.last[item]))}",
        len(dead),
    )


def _long_ago(panel: Panel, end: int) -> tuple[int, str]:
    """How many steps of the panel are long, and that in words: weeks are as long whatever the frequency."""
    if panel.frequency.unit == "step":
        long = _LONG_AGO * panel.season
        return long, f"{long:,} steps"
    moment = panel.frequency.timestamps(np.array([end])) - np.timedelta64(7 * _LONG_AGO, "D")
    return end - int(panel.frequency.ordinals(moment)[0]), f"{_LONG_AGO} weeks"
