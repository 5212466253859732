"""Tables with very many columns are read in a time that grows with them, or refused at once with a way out."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.ingest.related_tables import MOST_COLUMNS

DAYS = pd.date_range("2024-01-01", periods=20)
SALES = pd.DataFrame({"item_id": "a", "timestamp": DAYS, "target": np.arange(20.0)})


def wide(columns: int) -> pd.DataFrame:
    values = np.random.default_rng(0).random((20, columns))
    names = [f"c{i}" for i in range(columns)]
    return pd.concat([SALES[["item_id", "timestamp"]], pd.DataFrame(values, columns=names)], axis=1)


def test_more_columns_than_one_query_takes_are_all_read() -> None:
    table = wide(600).assign(c599=lambda frame: frame["c599"].where(frame.index > 3))
    data = foretell.Dataset(SALES, related=table, freq="D")
    at = [column.name for column in data.schema.past].index("c599")
    assert len(data.schema.past) == 601  # with the indicator of the gaps
    assert np.allclose(data.panel.past[4:, at], table["c599"][4:], rtol=1e-6)
    assert np.isnan(data.panel.past[:4, at]).all()


def test_five_hundred_columns_take_seconds() -> None:
    began = time.process_time()
    foretell.Dataset(SALES, related=wide(500), freq="D")
    assert time.process_time() - began < 15  # 3 s on an idle core; one query for all took a minute


def test_more_columns_than_a_table_may_have_are_refused_with_a_way_out() -> None:
    with pytest.raises(ForetellError, match=r"has 2,001 columns to learn from, .* give the table in parts"):
        foretell.Dataset(SALES, related=wide(MOST_COLUMNS + 1), freq="D")
