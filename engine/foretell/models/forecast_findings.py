"""What there is to say of a forecast that is made in parts."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from foretell.data.findings import Finding
from foretell.data.seen_range import Beyond, together

logger = logging.getLogger(__name__)


class ForecastFindings:
    """Each thing once, with the items of all parts."""

    def __init__(self) -> None:
        self._findings: dict[Finding, None] = {}
        self._beyond: list[Beyond] = []

    def add(self, findings: Iterable[Finding], beyond: Iterable[Beyond]) -> None:
        """What a recipe said of one part, and which of its columns go beyond what was seen."""
        self._findings |= dict.fromkeys(findings)
        self._beyond += beyond

    def log(self) -> tuple[Finding, ...]:
        """All of it, as warnings of the log too."""
        found = (*self._findings, *(each.finding for each in together(self._beyond)))
        for finding in found:
            logger.warning("%s", finding.message)
        return found
