"""What `check` finds on the panel, beyond what reading the tables found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.checks.code_columns import code_columns
from foretell.checks.column_coverage import Coverage, coverages, static_coverages
from foretell.checks.observed_frequency import Spacing, spacings
from foretell.checks.table_end import check_end
from foretell.checks.target_profile import EXACT, FAR, Profile
from foretell.checks.total_item import check_total
from foretell.data.findings import Finding, Findings
from foretell.data.panel import Panel
from foretell.ingest.dataset import Dataset, declared_numeric

_MOST_SPACINGS: Final = 5  # frequencies that have a finding of their own
_CROWD: Final = 20  # items from which a category for every other one is a crowd
_LARGEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at every item and column of a panel gave."""

    profile: Profile
    spacings: list[Spacing]
    coverages: list[Coverage]
    findings: tuple[Finding, ...]

    @classmethod
    def at(cls, data: Dataset | None, panel: Panel, horizon: int | None) -> Self:
        """Looks at `panel`, that of `data` as far as `horizon`, in a pass by chunks; at what the panel alone tells where that is None."""
        findings, profile = Findings(), Profile.of(panel)
        spaced, covered = spacings(panel, profile), coverages(panel, horizon)
        _check_frequency(panel, spaced, findings)
        if data is not None:
            _check_finer(data, panel, profile, findings)
        check_end(panel, profile, findings)
        _check_target(panel, profile, findings)
        check_total(panel, profile, findings)
        told = () if data is None else data.findings
        if not any(finding.code == "transactions" for finding in told):  # which says more
            _check_gaps(panel, profile, findings)
        if horizon is not None:
            _check_lengths(panel, horizon, findings)
        for column in covered:
            _check_column(panel, column, horizon, findings)
        _check_metadata(panel, findings)
        if data is not None:
            _check_codes(data, panel, profile, findings)
        _check_names(panel, findings)
        return cls(profile, spaced, covered, findings.all())


def _check_frequency(panel: Panel, spaced: list[Spacing], findings: Findings) -> None:
    """Items whose observations are farther apart than the frequency asked."""
    for each in [each for each in spaced if not each.as_asked][:_MOST_SPACINGS]:
        findings.warn(
            "frequency",
            f"{len(each.items):,} of {len(panel):,} items are observed as freq={each.found!r} would have it, asked was"
            f" {panel.frequency.alias!r}; first {name_of(panel, int(each.items[0]))!r}",
            len(each.items),
        )


def _check_names(panel: Panel, findings: Findings) -> None:
    """Items whose names differ by blanks, capitals or a `.0` alone: perhaps one item, spelt in two ways."""
    names = pd.Series(panel.names, dtype=object)
    bare = names.str.strip().str.casefold().str.replace(r"\.0+$", "", regex=True)
    repeated = bare.duplicated(keep=False)
    if repeated.any():
        first, second = names[bare == bare[repeated].iloc[0]].iloc[:2]
        findings.warn(
            "alike_ids",
            f"{int(repeated.sum()):,} items have names that differ by blanks, capitals or a '.0' alone: {first!r} and {second!r}",
            int(repeated.sum()),
        )


def _check_finer(data: Dataset, panel: Panel, profile: Profile, findings: Findings) -> None:
    """A target that has several rows in most of its steps."""
    label, rows = next(iter(data.rows.items()))  # the target's table is the first
    crowded = sum(f.count for f in data.findings if f.code == "aggregated" and f.table == label)
    steps = int(profile.seen.sum())
    if crowded * 2 > steps:
        findings.note(
            "finer",
            f"{crowded:,} of {steps:,} observed steps hold several rows of {label}, {rows / steps:.1f} rows a step on"
            f" average: the data are finer than {panel.frequency.alias!r}",
            crowded,
        )


def _check_target(panel: Panel, profile: Profile, findings: Findings) -> None:
    """Items of zeros, constants, negative values; values far out or too large."""
    low, high, have = profile.low, profile.high, profile.seen > 0
    _list(panel, have & (low == 0) & (high == 0), findings.warn, "all_zero", "are zero throughout")
    same = have & (profile.seen > 1) & (low == high) & (low != 0)
    _list(panel, same, findings.warn, "constant", "never change")
    _list(panel, have & (low < 0), findings.note, "negative", "have negative values")
    if profile.worst is not None:
        _report_outliers(panel, profile, profile.worst, findings)
    _report_size(panel, profile, findings)


def _check_gaps(panel: Panel, profile: Profile, findings: Findings) -> None:
    """More gaps than observations."""
    seen, steps = int(profile.seen.sum()), int(panel.lengths.sum())
    if seen * 2 < steps:
        findings.warn(
            "mostly_gaps", f"{1 - seen / steps:.0%} of the target's {steps:,} steps have no row", steps - seen
        )


def _report_outliers(
    panel: Panel, profile: Profile, worst: tuple[int, int, float, float], findings: Findings
) -> None:
    item, ordinal, value, median = worst
    count, where = int(profile.outliers.sum()), int((profile.outliers > 0).sum())
    when = panel.frequency.spell(ordinal)
    findings.warn(
        "outliers",
        f"{count:,} values of {where:,} items lie more than {FAR} times the item's usual spread from its median; the"
        f" farthest: item {name_of(panel, item)!r} at {when}, {value:g} where the median is {median:g}",
        count,
    )


def _report_size(panel: Panel, profile: Profile, findings: Findings) -> None:
    """Values and sums that float32 does not hold."""
    count = int(profile.rounded.sum())
    if count:
        first = int(np.flatnonzero(profile.rounded)[0])
        findings.warn(
            "float32",
            f"{count:,} values of {int((profile.rounded > 0).sum()):,} items are beyond {EXACT:,}, where float32 rounds to"
            f" more than 1; first {name_of(panel, first)!r}",
            count,
        )
    _list(
        panel,
        profile.size > _LARGEST,
        findings.warn,
        "float32_sum",
        "sum up to more than float32 holds (3.4e38)",
    )


def _check_lengths(panel: Panel, horizon: int, findings: Findings) -> None:
    longest = int(panel.lengths.max())
    if longest < horizon:
        findings.error(
            "horizon",
            f"the horizon of {horizon} steps is longer than every history (the longest has {longest}). Shorten it.",
            len(panel),
        )
        return
    some = panel.lengths > 0
    shorter, short = some & (panel.lengths < horizon), some & (panel.lengths < 2 * horizon)
    _list(panel, shorter, findings.warn, "shorter", f"have fewer steps than the horizon of {horizon}")
    _list(panel, short, findings.warn, "short", f"have fewer than {2 * horizon} steps (twice the horizon)")


def _check_column(panel: Panel, column: Coverage, horizon: int | None, findings: Findings) -> None:
    """A column of the related tables: where it ends, its holes in the horizon, items without it, its values."""
    never = np.flatnonzero(column.items == 0)
    if len(never):
        findings.warn(
            "known_never",
            f"{len(never):,} items have no value of {column.name!r}, first {name_of(panel, int(never[0]))!r}",
            len(never),
        )
    if column.role == "known" and horizon is not None:
        _check_ahead(panel, column, horizon, findings)
    if column.low == column.high:
        findings.warn("never_changes", f"{column.name!r} is {column.low:g} throughout", 1)
    if max(abs(column.low), abs(column.high)) > EXACT and len(never) < len(panel):
        findings.warn(
            "float32", f"{column.name!r} has values beyond {EXACT:,}, where float32 rounds to more than 1", 1
        )


def _check_ahead(panel: Panel, column: Coverage, horizon: int, findings: Findings) -> None:
    some, end = column.items > 0, panel.origin + horizon - 1
    short = np.flatnonzero(some & (column.last < end))
    if len(short):
        first = int(short[0])
        message = str(
            panel.known_ends(
                first, column.name, last=int(column.last[first] - panel.start[first]), horizon=horizon
            )
        )
        findings.error("known_ends", f"{message} ({len(short):,} such items)", len(short))
    holes = some & (column.last >= end) & (column.ahead < horizon)
    _list(panel, holes, findings.warn, "known_holes", f"lack values of {column.name!r} within the horizon")


def _check_metadata(panel: Panel, findings: Findings) -> None:
    for column in static_coverages(panel):
        missing = len(panel) - column.known
        if column.categories is not None:
            findings.note("categories", f"{column.name}: {column.categories} categories", column.categories)
            if column.categories == 1 and not missing:
                findings.warn("one_category", f"{column.name!r} is the same for all items", 1)
            if len(panel) >= _CROWD and column.categories * 2 > len(panel):
                findings.warn(
                    "crowded",
                    f"{column.name!r} has {column.categories:,} categories for {len(panel):,} items",
                    column.categories,
                )
        if missing:
            findings.note("missing_metadata", f"{column.name} is missing for {missing:,} items", missing)


def _check_codes(data: Dataset, panel: Panel, profile: Profile, findings: Findings) -> None:
    """Whole numbers that look like codes, where it is known which columns were declared numbers."""
    declared = declared_numeric(data)
    if declared is None:
        return
    for column in code_columns(panel, profile, declared=declared):
        what = "how the target moves" if column.within else "how the target's level differs between items"
        findings.warn(
            "codes",
            f"{column.name!r} looks like codes: its {column.values} whole numbers explain {column.category:.0%} of {what} as"
            f" categories, {column.line:.0%} as numbers. categorical=[{column.name!r}] if they are, else numeric=[{column.name!r}]",
            column.values,
        )


def _list(
    panel: Panel, which: NDArray[np.bool_], report: Callable[[str, str, int], None], code: str, what: str
) -> None:
    where = np.flatnonzero(which)
    if len(where):
        report(code, f"{len(where):,} items {what}, first {name_of(panel, int(where[0]))!r}", len(where))


def name_of(panel: Panel, item: int) -> str:
    """The name of one item, without spelling those of all."""
    return " / ".join(str(panel.keys[column].iloc[item]) for column in panel.schema.key)
