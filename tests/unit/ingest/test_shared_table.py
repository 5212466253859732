"""The target table as related table too: read once, with the result of reading it twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest import shared_table
from foretell.ingest.dataset import Dataset
from foretell.ingest.placement import scatter_distinct_rows


def table():
    rng = np.random.default_rng(1)
    days = pd.date_range("2024-01-01", periods=40)
    frame = pd.DataFrame({"item_id": np.repeat(list("abc"), 40), "timestamp": np.tile(days, 3)})
    frame["target"] = rng.poisson(4, 120).astype(float)
    frame["promo"] = rng.integers(0, 2, 120).astype(float)
    frame["price"] = rng.uniform(1, 2, 120)
    frame["mood"] = rng.choice(["good", "bad"], 120)
    frame.loc[[3, 50], ["target", "price"]] = np.nan
    return frame.drop(index=[7, 8, 90])


def both(monkeypatch, source, related, **options):
    """Read once, and read twice."""
    options = {"freq": "D", "known": ["promo"], "past": ["price", "mood"], **options}
    once = Dataset(source, related, **options)
    with monkeypatch.context() as patch:
        patch.setattr(shared_table, "same_source", lambda *_: False)
        return once, Dataset(source, related, **options)


@pytest.mark.parametrize(
    "options", [{}, {"filling": {"promo": {"future": "zero"}, "target": {"middle": "zero"}}}, {"ends": "own"}]
)
def test_a_table_given_as_both_is_read_as_if_it_were_two(monkeypatch, options):
    frame = table()
    once, twice = both(monkeypatch, frame, frame, **options)
    assert once.fingerprint == twice.fingerprint
    assert once.schema == twice.schema
    assert {f.message for f in once.findings} == {f.message for f in twice.findings}


def test_a_path_given_as_both_beside_another_table_is_read_as_if_it_were_two(monkeypatch, tmp_path):
    path = tmp_path / "sales.csv"
    table().to_csv(path, index=False)
    ahead = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=60), "heat": np.arange(60.0)})
    once, twice = both(monkeypatch, path, [str(path), ahead], known=["promo", "heat"])
    assert once.panel.future == 20
    assert once.fingerprint == twice.fingerprint


def test_its_numbers_are_placed_in_one_pass(monkeypatch):
    frame, seen = table().drop(columns="mood"), []
    inner = scatter_distinct_rows

    def counted(store, rows, columns, **places):
        seen.append(columns)
        return inner(store, rows, columns, **places)

    monkeypatch.setattr(shared_table, "scatter_distinct_rows", counted)
    monkeypatch.setattr("foretell.ingest.covariates.scatter_rows", lambda *_, **__: pytest.fail("read again"))
    Dataset(frame, frame, freq="D", known=["promo"], past=["price"])
    assert seen == [["target", "promo", "price"]]


@pytest.mark.slow
def test_rows_that_share_a_step_are_aggregated_as_each_table_says(monkeypatch):
    frame = pd.concat([table(), table().iloc[:5]])
    ways = {"aggregation": {"target": "sum", "promo": "max", "price": "mean", "mood": "first"}}
    once, twice = both(monkeypatch, frame, frame, **ways)
    assert once.fingerprint == twice.fingerprint
    with pytest.raises(ForetellError, match=r"2 rows at 2024-01-01 in the target table, expected one"):
        Dataset(frame, frame, freq="D")
