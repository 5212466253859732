"""What `check` says of the end of a table."""

import numpy as np
import pandas as pd
import pytest

from foretell.checks.check import check
from foretell.ingest.dataset import Dataset

DAYS = pd.date_range("2024-01-01", periods=200)


def sales(**ends):
    """Daily sales of items up to these days of 200."""
    return pd.concat(
        pd.DataFrame({"item_id": item, "timestamp": DAYS[:end], "target": np.arange(end) % 7 + 0.5})
        for item, end in ends.items()
    )


def found(table, code, **options):
    return [f.message for f in check(Dataset(table, freq="D", **options)) if f.code == code]


@pytest.mark.parametrize("items", [1, 3])
def test_a_single_row_far_behind_all_others_is_named(items):
    table = sales(**dict.fromkeys("abc"[:items], 200))
    table.iloc[10, 1] = pd.Timestamp("2042-01-05")
    (message,) = found(table, "lone_end")
    assert "hold 1 of its" in message
    assert "first item 'a' at 2042-01-05; the others end 2024-07-18" in message
    assert found(table, "lone_end", ends="own") == []


def test_an_end_that_all_items_reach_or_that_is_sparse_as_ever_is_not():
    assert found(sales(a=200, b=150), "lone_end") == []
    rare = sales(a=200).iloc[::20]
    assert found(rare, "lone_end") == []


def test_items_that_ended_seasons_ago_are_counted_with_the_first():
    (message,) = found(sales(a=200, b=100, c=190), "ended")
    assert "1 of 3 items have no value in the last 8 weeks of the table or more, first 'b'" in message
    assert "whose last is of 2024-04-09" in message
    assert found(sales(a=200, b=100), "ended", filling={"target": {"back": "zero"}}) == []
    assert found(sales(a=200, b=100), "ended", ends="own") == []


def test_an_item_that_rarely_sells_has_not_ended():
    table = pd.concat([sales(a=200), sales(b=140).iloc[::10]])
    assert found(table, "ended") == []
