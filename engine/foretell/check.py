"""`check`: everything wrong or noteworthy about a data set, before anything is trained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from foretell.dataset import Dataset
from foretell.errors import ForetellError
from foretell.findings import Finding as Finding
from foretell.findings import Findings
from foretell.layout import Layout
from foretell.panel import Panel


def check(data: Dataset, *, horizon: int | None = None) -> tuple[Finding, ...]:
    """What reading the tables found, and what a run over `horizon` steps would stumble on; errors first."""
    if horizon is not None and (isinstance(horizon, bool) or horizon < 1):
        raise ForetellError(f"horizon must be a whole number of steps, at least 1, got {horizon!r}")
    panel, findings = data.panel, Findings()
    _describe(panel, findings)
    _check_target(panel, findings)
    if horizon is not None:
        _check_lengths(panel, horizon, findings)
        _check_coverage(panel, horizon, findings)
    rank = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted((*data.findings, *findings.all()), key=lambda finding: rank[finding.severity]))


def _describe(panel: Panel, findings: Findings) -> None:
    """Sizes: items, steps, categories."""
    lengths = panel.lengths
    some = lengths[lengths > 0]
    findings.note(
        "panel",
        f"{len(panel):,} items, {len(panel.target):,} steps of {panel.frequency.alias}, {int(some.min())} to"
        f" {int(some.max())} an item; season {', '.join(map(str, panel.schema.seasons))}",
        len(panel),
    )
    for name, codes in zip(panel.schema.static_cat, panel.schema.cardinalities, strict=True):
        findings.note("categories", f"{name}: {codes - 1} categories", codes - 1)
    for name in panel.schema.static_real:
        if name.endswith(" is missing"):
            count = int(panel.static_real[:, panel.schema.static_real.index(name)].sum())
            findings.note(
                "missing_metadata",
                f"{name.removesuffix(' is missing')} is missing for {count:,} items",
                count,
            )


def _check_target(panel: Panel, findings: Findings) -> None:
    """Items of zeros, constants and negative values."""
    low, high, seen = _summaries(panel)
    have = seen > 0
    _list(panel, have & (low == 0) & (high == 0), findings.warn, "all_zero", "are zero throughout")
    same = have & (seen > 1) & (low == high) & (low != 0)
    _list(panel, same, findings.warn, "constant", "never change")
    _list(panel, have & (low < 0), findings.note, "negative", "have negative values")


def _summaries(panel: Panel) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """[N] least and greatest observed target of each item, and how many are observed."""
    n = len(panel)
    low, high = np.full(n, np.inf), np.full(n, -np.inf)
    seen = np.zeros(n, np.int64)
    layout = Layout(panel.start, panel.offsets)
    for first, last in layout.chunks():
        values = panel.target[layout.offsets[first] : layout.offsets[last]]
        some = np.flatnonzero(layout.lengths[first:last] > 0)
        if len(some) == 0:
            continue
        begin = (layout.offsets[first:last] - layout.offsets[first])[some]
        missing = np.isnan(values)
        low[first + some] = np.minimum.reduceat(np.where(missing, np.inf, values), begin)
        high[first + some] = np.maximum.reduceat(np.where(missing, -np.inf, values), begin)
        seen[first + some] = np.add.reduceat(~missing, begin, dtype=np.int64)
    return low, high, seen


def _check_lengths(panel: Panel, horizon: int, findings: Findings) -> None:
    longest = int(panel.lengths.max())
    if longest < horizon:
        findings.error(
            "horizon",
            f"the horizon of {horizon} steps is longer than every history (the longest has {longest}). Shorten it.",
            len(panel),
        )
        return
    short = (panel.lengths > 0) & (panel.lengths < 2 * horizon)
    _list(panel, short, findings.warn, "short", f"have fewer than {2 * horizon} steps (twice the horizon)")


def _check_coverage(panel: Panel, horizon: int, findings: Findings) -> None:
    """Known covariates that end before a forecast after the panel's end does."""
    seen = set()
    for column, name in enumerate(panel.schema.known):
        source = name.split("=")[0] if name.split("=")[0] in panel.schema.vocabularies else name
        if name.endswith(" is missing") or source in seen:
            continue
        seen.add(source)
        last = panel._last_known(column)
        short = np.flatnonzero((last >= 0) & (panel.start + last < panel.origin + horizon - 1))
        never = np.flatnonzero(last < 0)
        if len(short):
            message = str(panel._ends_early(int(short[0]), name, int(last[short[0]]), horizon))
            findings.error("known_ends", f"{message} ({len(short):,} such items)", len(short))
        if len(never):
            findings.warn(
                "known_never",
                f"{len(never):,} items have no value of {source!r}, first {panel.names[int(never[0])]!r}",
                len(never),
            )


def _list(
    panel: Panel, which: NDArray[np.bool_], report: Callable[[str, str, int], None], code: str, what: str
) -> None:  # fmt: skip
    where = np.flatnonzero(which)
    if len(where):
        report(code, f"{len(where):,} items {what}, first {panel.names[int(where[0])]!r}", len(where))
