"""`Judgement`: what was found about a model in use, as tables and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from foretell.data.findings import Finding
from foretell.monitoring.drift_tests import DriftTest, Verdict
from foretell.monitoring.score_tables import records
from foretell.system.environment import versions


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
class Judgement:
    """What was found about a model in use: the verdict, its reasons, and the tables behind them."""

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
