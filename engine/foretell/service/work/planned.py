"""What works that go on from a forecast share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from foretell.ingest.dataset import Dataset
from foretell.service.forecast_rows import ROWS, write_rows
from foretell.service.work.order import Order
from foretell.system.atomic_files import new_folder
from foretell.workflows.train import load

if TYPE_CHECKING:
    from foretell.models.model import Model


def model_and_data(order: Order) -> tuple[Model, Dataset]:
    """What the forecast was made from."""
    model = load(order.source("model_id", "models"))
    return model, Dataset.open(order.source("version_id", "dataset_versions"))


def write_table(order: Order, frame: pd.DataFrame, *, key: Sequence[str], timestamp: str) -> int:
    """A table as all that a resource has, the key first; how many rows it has."""
    whole = frame[[*key, *(name for name in frame.columns if name not in key)]]
    whole = whole.sort_values(list(key), kind="stable", ignore_index=True)
    with new_folder(order.target) as folder:
        return write_rows(folder / ROWS, [whole], key=key, timestamp=timestamp)


def findings_of(found: Any) -> list[Any]:
    """What there is to say, as a result has it."""
    return [finding.to_json() for finding in found.findings]
