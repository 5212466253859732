"""What a training found in its data, so that forecasts of the same data do not say it all again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from foretell.data.findings import TAKEN, Finding
from foretell.system.typed import Within

_MOST: Final = 200  # that are kept
_LONGEST: Final = 500  # characters of each
_GROWTH: Final = 1.1  # times as many rows or items as then may be concerned: data grow from week to week
_NUMBER: Final = re.compile(r"\d[\d.,:-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFinding:
    """A warning or a note without its numbers and dates, and of how many rows it was."""

    code: str  # of the finding
    text: str  # what it said, # in place of numbers
    count: Annotated[int, Within(0, 1 << 60)]  # rows, steps, items or columns concerned

    def holds(self, finding: Finding) -> bool:
        """Whether a finding says the same, of hardly more rows or items."""
        same = finding.code == self.code and _without_numbers(finding) == self.text
        return same and finding.count <= _GROWTH * self.count


def known_findings(findings: Iterable[Finding]) -> tuple[KnownFinding, ...]:
    """What of `findings` a model keeps."""
    kept = [finding for finding in findings if _may_be_known(finding)][:_MOST]
    return tuple(
        KnownFinding(code=each.code, text=_without_numbers(each), count=int(each.count)) for each in kept
    )


def only_new(findings: Sequence[Finding], known: Sequence[KnownFinding]) -> tuple[Finding, ...]:
    """`findings` with one line in place of the warnings and notes that were `known` from the training."""
    old = [each for each in findings if _may_be_known(each) and any(one.holds(each) for one in known)]
    if len(old) < 2:
        return tuple(findings)
    warnings = [finding.code for finding in old if finding.severity == "warning"]
    parts = (
        f"{_counted(len(warnings), 'warning')} ({', '.join(dict.fromkeys(warnings))})" if warnings else "",
        _counted(len(old) - len(warnings), "note") if len(old) > len(warnings) else "",
    )
    line = f"as in the training: {' and '.join(filter(None, parts))}; foretell check lists them"
    count = len(old)
    said = Finding("warning" if warnings else "note", "still_hold", line, count)
    return (*(each for each in findings if each not in old), said)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _may_be_known(finding: Finding) -> bool:
    return finding.severity != "error" and finding.code not in TAKEN


def _without_numbers(finding: Finding) -> str:
    return _NUMBER.sub("#", finding.message)[:_LONGEST]
