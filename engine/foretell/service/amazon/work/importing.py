"""The job of CreateDatasetImportJob."""

from __future__ import annotations

from typing import Final

from foretell.service.amazon.imports import ImportPlan, import_files
from foretell.service.amazon.schemas import columns_of
from foretell.service.amazon.statistics import field_statistics
from foretell.service.amazon.work.monitoring import evaluate_monitors
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import ROWS

_GIGABYTE: Final = 1 << 30


def run_import(place: Workplace) -> None:
    """Rows as Parquet, their statistics, and what they tell of forecasts that are monitored."""
    asked = place.parameters
    columns = columns_of(asked["domain"], asked["type"], asked["schema"])
    plan = ImportPlan(asked["url"], columns, asked["format"], asked["timestamp_format"])
    file = place.folder / ROWS
    found = import_files(place.storage, plan, file)
    statistics = field_statistics([file], columns.types)
    evaluate_monitors(place)
    place.finish(statistics=statistics, gigabytes=found.size / _GIGABYTE, rows=found.rows)
