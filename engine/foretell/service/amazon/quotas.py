"""How much of what there may be: the service's quotas by default, each of them changeable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from foretell.errors import ForetellError, nearest
from foretell.service.amazon.arns import Kind
from foretell.service.amazon.errors import limit_exceeded

FIELDS: Final[dict[Kind, str]] = {
    "dataset-group": "dataset_groups",
    "dataset": "datasets",
    "dataset-import-job": "dataset_import_jobs",
    "predictor": "predictors",
    "predictor-backtest-export-job": "predictor_backtest_export_jobs",
    "forecast": "forecasts",
    "forecast-export-job": "forecast_export_jobs",
    "explainability": "explainabilities",
    "explainability-export": "explainability_exports",
    "what-if-analysis": "what_if_analyses",
    "what-if-forecast": "what_if_forecasts",
    "what-if-forecast-export": "what_if_forecast_exports",
    "monitor": "monitors",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotas:
    """Each in one region. The defaults hold 10,000 resources of what scripts make many of; Amazon's own are lower."""

    dataset_groups: int = 10_000
    datasets: int = 30_000
    dataset_import_jobs: int = 100_000
    predictors: int = 10_000
    predictor_backtest_export_jobs: int = 100_000
    forecasts: int = 100_000
    forecast_export_jobs: int = 100_000
    explainabilities: int = 10_000
    explainability_exports: int = 10_000
    what_if_analyses: int = 10_000
    what_if_forecasts: int = 100_000
    what_if_forecast_exports: int = 100_000
    monitors: int = 10_000
    running: int = 1_000  # imports, trainings and other long calls that are not finished
    datasets_in_group: int = 3
    forecast_types: int = 5  # of one forecast
    horizon: int = 500
    tags: int = 200  # of one resource
    series_explained: int = 50
    series_in_selection: int = 100_000

    def __post_init__(self) -> None:
        """Raises ForetellError for a quota below 0."""
        for each in fields(self):
            if getattr(self, each.name) < 0:
                raise ForetellError(f"the quota {each.name} is {getattr(self, each.name)}: give 0 or more")

    @classmethod
    def of(cls, given: Mapping[str, int]) -> Quotas:
        """The defaults with what a configuration says; raises ForetellError for a quota that there is not."""
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise ForetellError(f"amazon.quotas has no {name!r}.{nearest(name, known)}")
        return cls(**given)

    @staticmethod
    def kinds() -> tuple[Kind, ...]:
        """All kinds of resources."""
        return tuple(FIELDS)

    def check(self, kind: Kind, there: int) -> None:
        """Raises LimitExceededException where one more of `kind` would be too many."""
        most = int(getattr(self, FIELDS[kind]))
        if there >= most:
            raise limit_exceeded(
                f"You have reached the limit of {most} {FIELDS[kind].replace('_', ' ')}. Delete some first."
            )

    def check_running(self, running: int) -> None:
        """Raises LimitExceededException where one more long call would be too many."""
        if running >= self.running:
            raise limit_exceeded(
                f"At most {self.running} tasks may run at once. Wait until some are finished."
            )
