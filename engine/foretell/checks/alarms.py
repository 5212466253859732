"""`alarms`: what a command that goes on shows of what `check` would say."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from foretell.checks.panel_findings import Looked
from foretell.data.findings import Finding, gravest_first
from foretell.data.known_findings import KnownFinding, only_new
from foretell.data.panel import Panel
from foretell.ingest.dataset import Dataset, encoded, first_time, untold
from foretell.system.listener import interruptible

logger = logging.getLogger(__name__)

_MOST_CELLS: Final = 1 << 25  # steps times columns that are looked at: some seconds
_PIECES: Final = 16  # evenly spread, that a larger panel is looked at in


@interruptible()
def alarms(data: Dataset, *, horizon: int | None = None, trained: bool = False) -> tuple[Finding, ...]:
    """What reading the tables found, and the warnings and errors that `check` adds; errors first.

    A known column that ends before `horizon` does is a warning here: to train on it is possible, and predict says it itself
    (`trained`). A horizon that no history reaches is none: the training says it, and stops. Of a panel of more than 33 million
    values, some items are looked at, and the findings say so.
    """
    panel = encoded(data, data.schema, horizon=horizon or 0)
    return gravest_first((*data.findings, *_found(data, panel, horizon, trained=trained)))


@interruptible()
def panel_alarms(panel: Panel, *, horizon: int, read: Iterable[Finding] = ()) -> tuple[Finding, ...]:
    """The findings of a forecast over `horizon` steps from `panel`: what `read`ing found, and what a look at the panel adds; errors first."""
    told = tuple(dict.fromkeys(read))
    mostly_gaps_said = any(finding.code == "transactions" for finding in told)  # which says more
    found = [
        finding
        for finding in _found(None, panel, horizon, trained=True)
        if not (mostly_gaps_said and finding.code == "mostly_gaps")
    ]
    return gravest_first(dict.fromkeys((*told, *found)))


def _found(data: Dataset | None, panel: Panel, horizon: int | None, *, trained: bool) -> list[Finding]:
    """The warnings and errors that a look at a panel gives."""
    found: list[Finding] = []
    for finding in Looked.at(data, some := _some(panel), horizon).findings:
        if finding.code == "known_ends" and not trained:
            message = f"as the tables are, predict would stop: {finding.message}"
            found.append(replace(finding, severity="warning", message=message))
        elif finding.severity == "warning":
            found.append(finding)
    if len(some) < len(panel):
        part = f"of {len(some):,} of the {len(panel):,} items, which were looked at: "
        found = [replace(finding, message=part + finding.message) for finding in found]
    return found


def new_alarms(
    data: Dataset, *, horizon: int | None = None, trained: bool = False, known: Sequence[KnownFinding] = ()
) -> tuple[Finding, ...]:
    """Those of the `alarms` that were not told before of these data, which are looked at once for a horizon.

    What is `known` from a training is one line.
    """
    looked = (("looked at", horizon, trained), ("looked at", horizon, False))
    if not first_time(data, looked):
        return only_new(untold(data, data.findings), known)
    return only_new(untold(data, alarms(data, horizon=horizon, trained=trained)), known)


def warn_of_alarms(
    data: Dataset, *, horizon: int | None = None, trained: bool = False, known: Sequence[KnownFinding] = ()
) -> None:
    """Log the `alarms` of data that a model is trained on or forecasts from: each once, whoever does it how often."""
    for finding in new_alarms(data, horizon=horizon, trained=trained, known=known):
        if finding.severity != "note":
            logger.warning("%s", finding.message)


def _some(panel: Panel) -> Panel:
    """`panel`, or of a large one the items of some pieces, evenly spread."""
    cells = len(panel.target) * (1 + panel.known.shape[1] + panel.past.shape[1])
    if cells <= _MOST_CELLS or len(panel) < _PIECES:
        return panel
    edges = np.linspace(0, len(panel), _PIECES + 1).astype(np.int64)
    share = _MOST_CELLS / cells
    return panel.take(
        np.concatenate([np.arange(a, a + max(1, int((b - a) * share))) for a, b in pairwise(edges)])
    )
