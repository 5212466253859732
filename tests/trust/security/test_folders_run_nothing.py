"""What stands in a manifest reaches no statement as text: a folder can run nothing, and write nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError


@pytest.fixture
def sales() -> pd.DataFrame:
    days = pd.date_range("2024-01-01", periods=40, freq="2D")
    return pd.concat(
        [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(40.0) % 7}) for i in "ab"]
    )


def poison(folder: Path, field: str, value: Any) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    schema = manifest["schema"]
    (schema["frequency"] if field in schema["frequency"] else schema)[field] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))


FIELDS = ["phase", "anchor", "multiple", "timezone", "unit", "stamp"]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("kind", ["model", "panel"])
def test_a_manifest_with_sql_in_it_writes_nothing_and_gives_one_message(
    sales: pd.DataFrame, tmp_path: Path, field: str, kind: str
) -> None:
    data = foretell.Dataset(sales, freq="2D")
    folder, evil = tmp_path / kind, tmp_path / "evil.csv"
    text = f"0) AS BIGINT) AS step FROM (SELECT 1 AS moment); COPY (SELECT 'x') TO '{evil}'; --"
    if kind == "model":
        foretell.train(data, recipe="seasonal_naive", horizon=3).save(folder)
    else:
        data.save(folder)
    poison(folder, field, text)
    with pytest.raises(ForetellError, match="manifest"):
        use(folder, kind, sales)
    assert not evil.exists()


def use(folder: Path, kind: str, sales: pd.DataFrame) -> None:
    """Whatever brings a folder's frequency to DuckDB: a model that forecasts new data, a panel that forecasts are held to."""
    if kind == "model":
        foretell.load(folder).predict(foretell.Dataset(sales, freq="2D"))
        return
    last = sales["timestamp"].max()
    forecasts = pd.DataFrame({"item_id": ["a"], "timestamp": [last], "p50": [1.0]})
    foretell.evaluate(forecasts, foretell.Dataset.open(folder))
