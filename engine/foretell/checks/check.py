"""`check`: everything wrong or noteworthy about a data set, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.checks.column_coverage import Coverage, coverages, static_coverages
from foretell.checks.observed_frequency import Spacing, spacings
from foretell.checks.target_profile import EXACT, FAR, Profile
from foretell.data.findings import Finding as Finding
from foretell.data.findings import Findings, gravest_first
from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.system.listener import interruptible

_MOST_SPACINGS: Final = 5  # frequencies that have a finding of their own
_CROWD: Final = 20  # items from which a category for every other one is a crowd
_LARGEST: Final = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Checkup:
    """What is in a data set and what is wrong with it; iterating gives its findings, errors first."""

    findings: tuple[Finding, ...]  # errors, warnings, notes
    facts: dict[str, Any] = field(default_factory=dict)  # JSON: sizes, times, shares
    frequencies: list[dict[str, Any]] = field(default_factory=list)  # a row a frequency found
    # a row a column of the related and the item tables
    columns: list[dict[str, Any]] = field(default_factory=list)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __getitem__(self, position: int) -> Finding:
        return self.findings[position]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What a run would fail on."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What should be looked at."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        """The facts, frequencies and columns as tables by their titles, for people to read."""
        return {
            title: rows
            for title, rows in (
                (
                    "Data",
                    [
                        {"fact": name.replace("_", " "), "value": _in_words(value)}
                        for name, value in _flat(self.facts)
                    ],
                ),
                ("Frequency of the observations", self.frequencies),
                (
                    "Columns",
                    [
                        {name: _in_words(value, share=True) for name, value in row.items()}
                        for row in self.columns
                    ],
                ),
            )
            if rows
        }

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types: everything, each finding with its meaning and option."""
        return {
            "errors": len(self.errors),
            "warnings": len(self.warnings),
            "facts": self.facts,
            "frequencies": self.frequencies,
            "columns": self.columns,
            "findings": [finding.to_json() for finding in self.findings],
        }


@interruptible()
def check(data: Dataset, *, horizon: int | None = None) -> Checkup:
    """What reading the tables found, and what would stop or harm a run over `horizon` steps; errors first.

    Every item and column is looked at, in a pass over the panel by chunks. Raises ForetellError for a horizon below 1.
    """
    if horizon is not None and (isinstance(horizon, bool) or horizon < 1):
        raise ForetellError(f"horizon must be a whole number of steps, at least 1, got {horizon!r}")
    panel, findings = data.encode(data.schema, horizon=horizon or 0), Findings()
    profile = Profile.of(panel)
    spaced, covered = spacings(panel, profile), coverages(panel, horizon)
    _check_frequency(panel, spaced, findings)
    _check_finer(data, panel, profile, findings)
    _check_target(panel, profile, findings)
    if not any(finding.code == "transactions" for finding in data.findings):  # which says more
        _check_gaps(panel, profile, findings)
    if horizon is not None:
        _check_lengths(panel, horizon, findings)
    for column in covered:
        _check_column(panel, column, horizon, findings)
    _check_metadata(panel, findings)
    _check_names(panel, findings)
    return Checkup(
        findings=gravest_first((*data.findings, *findings.all())),
        facts=_facts(data, panel, profile, horizon),
        frequencies=[
            {"found": each.found, "items": len(each.items), "first item": _name(panel, int(each.items[0]))}
            for each in spaced
        ],
        columns=[*(_column_row(column, horizon) for column in covered), *_static_rows(panel)],
    )


def _facts(data: Dataset, panel: Panel, profile: Profile, horizon: int | None) -> dict[str, Any]:
    lengths = panel.lengths[panel.lengths > 0]
    last = int((panel.start + panel.lengths).max()) - 1
    steps = int(panel.lengths.sum())
    return {
        "rows": dict(data.rows),
        "items": len(panel),
        "items_without_history": int((profile.seen == 0).sum()),
        "first_timestamp": _moment(panel, int(panel.start[panel.lengths > 0].min())),
        "last_timestamp": _moment(panel, last),
        "frequency_asked": panel.frequency.alias,
        "season": list(panel.schema.seasons),
        "steps": steps,
        "steps_observed": int(profile.seen.sum()),
        "shortest_history": int(lengths.min()),
        "longest_history": int(lengths.max()),
        "horizon": horizon,
    }


def _check_frequency(panel: Panel, spaced: list[Spacing], findings: Findings) -> None:
    """Items whose observations are farther apart than the frequency asked."""
    for each in [each for each in spaced if not each.as_asked][:_MOST_SPACINGS]:
        findings.warn(
            "frequency",
            f"{len(each.items):,} of {len(panel):,} items are observed as freq={each.found!r} would have it, asked was"
            f" {panel.frequency.alias!r}; first {_name(panel, int(each.items[0]))!r}",
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
        findings.warn(
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
        f" farthest: item {_name(panel, item)!r} at {when}, {value:g} where the median is {median:g}",
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
            f" more than 1; first {_name(panel, first)!r}",
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
            f"{len(never):,} items have no value of {column.name!r}, first {_name(panel, int(never[0]))!r}",
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


def _column_row(column: Coverage, horizon: int | None) -> dict[str, Any]:
    ahead = column.role == "known" and horizon is not None
    return {
        "column": column.name,
        "role": column.role,
        "history": _share(column.history),
        "horizon": _share(column.horizon) if ahead else None,
        "items": _share(float(np.mean(column.items > 0))),
        "categories": None,
    }


def _static_rows(panel: Panel) -> list[dict[str, Any]]:
    return [
        {
            "column": column.name,
            "role": "metadata",
            "history": None,
            "horizon": None,
            "items": _share(column.known / max(len(panel), 1)),
            "categories": column.categories,
        }
        for column in static_coverages(panel)
    ]


def _list(
    panel: Panel, which: NDArray[np.bool_], report: Callable[[str, str, int], None], code: str, what: str
) -> None:
    where = np.flatnonzero(which)
    if len(where):
        report(code, f"{len(where):,} items {what}, first {_name(panel, int(where[0]))!r}", len(where))


def _name(panel: Panel, item: int) -> str:
    """The name of one item, without spelling those of all."""
    return " / ".join(str(panel.keys[column].iloc[item]) for column in panel.schema.key)


def _moment(panel: Panel, ordinal: int) -> str | int:
    """A step as text; where time is integer, the integer."""
    return ordinal if panel.frequency.unit == "step" else panel.frequency.spell(ordinal)


def _share(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _flat(facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{name} of {inner}", number) for inner, number in value.items())
        else:
            yield name, value


def _in_words(value: Any, *, share: bool = False) -> str:
    """A value for people: shares in percent, thousands apart, a dash for none."""
    if value is None:
        return "-"
    if share and isinstance(value, float):
        return "100 %" if value == 1 else f"{min(value * 100, 99.9):.1f} %"
    if isinstance(value, int):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
