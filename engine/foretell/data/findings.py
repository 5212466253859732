"""`Finding`: one thing that reading or checking the data brought to light."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from foretell.data.finding_advice import ADVICE
from foretell.errors import ForetellError

logger = logging.getLogger(__name__)

Severity = Literal["error", "warning", "note"]
# codes of findings that say what a column, and the frequency, was taken as: always shown
TAKEN = ("known", "past", "frequency_found")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found or decided, and how often."""

    severity: Severity  # error: a run would fail; warning: look at it; note: how the data were read
    code: str  # a word that programs can look for: gaps, cold_start, known, ...
    message: str  # for people; it names the first of them
    count: int = 0  # rows, steps, items or columns concerned, as the message says
    table: str | None = (
        None  # the table whose rows these are, as messages call it; None where several or none are
    )

    @property
    def meaning(self) -> str:
        """What it means for training and forecasts."""
        return ADVICE[self.code].meaning if self.code in ADVICE else ""

    @property
    def option(self) -> str:
        """The option, or the change of the data, that changes it; '' where there is nothing to change."""
        return ADVICE[self.code].option if self.code in ADVICE else ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "meaning": self.meaning, "option": self.option}


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Errors, warnings, notes; each in the order in which they were found."""
    return tuple(sorted(findings, key=lambda finding: get_args(Severity).index(finding.severity)))


class Findings:
    """A growing list of findings; each is logged at INFO as it comes in."""

    def __init__(self, *, tolerant: bool = False) -> None:
        self._found: list[Finding] = []
        self._tolerant = tolerant  # faults are found, not raised

    def note(self, code: str, message: str, count: int = 0, *, table: str | None = None) -> None:
        """Record how something was read."""
        self._add(Finding("note", code, message, count, table))

    def warn(self, code: str, message: str, count: int = 0) -> None:
        """Record something to look at."""
        self._add(Finding("warning", code, message, count))

    def error(self, code: str, message: str, count: int = 0) -> None:
        """Record something that a run would fail on."""
        self._add(Finding("error", code, message, count))

    def fault(self, code: str, error: ForetellError, count: int) -> None:
        """Raise `error`, about `count` rows that cannot be read; where reading is tolerant, record it and go on."""
        if not self._tolerant:
            raise error
        self.error(code, str(error), count)

    def all(self) -> tuple[Finding, ...]:
        """Everything so far, in order."""
        return tuple(self._found)

    def _add(self, finding: Finding) -> None:
        logger.info("%s: %s", finding.code, finding.message)
        self._found.append(finding)
