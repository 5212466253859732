"""`Monitor`: the verdict about a model in use, its reasons, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd

from foretell.data.findings import Finding
from foretell.monitoring.drift_tests import DriftTest, Verdict
from foretell.monitoring.score_tables import records
from foretell.system.atomic_files import write_frame
from foretell.system.environment import versions
from foretell.system.results import new_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that the verdict rests on."""

    verdict: Verdict  # that it leads to
    about: str  # wQL, coverage, bias, inputs, group, reference
    text: str
    # the share of models without drift that come this far within 26 runs; None where that is not the question
    chance: float | None = None
    since: str = ""  # the first date of the blocks that it is about


@dataclass(frozen=True, eq=False)
class Monitor:
    """How a model in use does beside its own back-test: fine, to be watched, or to be trained again."""

    verdict: Verdict
    reasons: tuple[Reason, ...]  # the gravest first
    runs: pd.DataFrame = field(
        repr=False
    )  # a row a run: scores, what is usual, and the verdict as it was after it
    groups: pd.DataFrame = field(repr=False)  # a row a group, of `by`
    steps: pd.DataFrame = field(repr=False)  # a row a step ahead
    blocks: pd.DataFrame = field(
        repr=False
    )  # a row a block of dates: what the tests look at, and the verdict after it
    inputs: pd.DataFrame = field(
        repr=False
    )  # a row a column that the model is fed; none where it does not say
    settings: Mapping[str, Any] = field(repr=False)  # JSON: what was judged by what
    findings: tuple[Finding, ...] = field(default=(), repr=False)
    tests: Mapping[str, DriftTest] = field(default_factory=dict, repr=False)  # by quantity

    def to_frame(self) -> pd.DataFrame:
        """A row a run."""
        return self.runs

    def plot(self) -> Figure:
        """wQL, coverage and bias by block of dates, those of the back-test first, and when the verdict changed."""
        from foretell.monitoring.figures import figure_monitor

        return figure_monitor(self)

    def to_json(self) -> dict[str, Any]:
        """Verdict, reasons and tables as plain JSON types; None where a number is not defined."""
        return {
            "kind": "monitor",
            "verdict": self.verdict,
            "reasons": [asdict(reason) for reason in self.reasons],
            "settings": dict(self.settings),
            "versions": versions(),
            "findings": [finding.to_json() for finding in self.findings],
            "runs": records(self.runs),
            "groups": records(self.groups),
            "steps": records(self.steps),
            "blocks": records(self.blocks),
            "inputs": records(self.inputs),
        }

    def save(self, folder: str | Path, *, overwrite: bool = False, spreadsheet: bool = False) -> None:
        """Write runs.csv, groups.csv, steps.csv, blocks.csv, inputs.csv, monitor.html and monitor.json: all of them or none.

        To `overwrite` replaces a result of foretell that is there. In CSV for a `spreadsheet`, texts that it would compute get an
        apostrophe in front. Raises ForetellError when `folder` holds a result and that is not asked to be overwritten, and always
        when it holds anything else.
        """
        from foretell.monitoring.page import render

        with new_result(folder, "monitor", overwrite=overwrite) as place:
            for name in ("runs", "groups", "steps", "blocks", "inputs"):
                write_frame(getattr(self, name), place / f"{name}.csv", spreadsheet=spreadsheet)
            (place / "monitor.html").write_text(render(self), encoding="utf-8")
            said = orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2)
            (place / "monitor.json").write_bytes(said + b"\n")

    def _repr_html_(self) -> str:
        from foretell.monitoring.page import summary

        return summary(self)
