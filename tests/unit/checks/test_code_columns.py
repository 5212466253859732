"""Whole numbers that look like codes are pointed out by `check`, and numbers are not."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.checks.check import check
from foretell.cli.option_names import as_options
from foretell.ingest.dataset import Dataset

RANDOM = np.random.default_rng(5)
ITEMS, DAYS = 60, 90
NAMES = [f"i{k:02d}" for k in range(ITEMS)]
CLUSTER = np.arange(ITEMS) % 6
LEVEL = np.array([50.0, 400.0, 10.0, 900.0, 30.0, 200.0])  # by cluster: the order means nothing


def sales(level, moves=None):
    """A row an item and day: an item's level, times what moves it [items, days], times a little noise."""
    noise = np.exp(RANDOM.normal(0, 0.2, (ITEMS, DAYS)))
    values = level[:, None] * noise * (1 if moves is None else moves)
    days = pd.date_range("2024-01-01", periods=DAYS)
    frame = pd.MultiIndex.from_product([NAMES, days], names=["item_id", "timestamp"]).to_frame(index=False)
    return frame.assign(target=values.ravel())


def items(**columns):
    return pd.DataFrame({"item_id": NAMES, **columns})


def related(values):
    frame = sales(np.ones(ITEMS))[["item_id", "timestamp"]]
    return frame.assign(code=np.broadcast_to(values, (ITEMS, DAYS)).ravel())


def codes(data):
    return [finding for finding in check(data) if finding.code == "codes"]


def test_a_cluster_whose_order_means_nothing_is_pointed_out_with_both_options():
    (found,) = codes(Dataset(sales(LEVEL[CLUSTER]), items=items(cluster=CLUSTER), freq="D"))
    assert found.severity == "warning"
    assert "'cluster' looks like codes: its 6 whole numbers" in found.message
    assert "--categorical cluster" in as_options(found.message)
    assert "--numeric cluster" in as_options(found.message)


@pytest.mark.parametrize("declared", ["numeric", "categorical"])
def test_a_column_that_is_declared_is_not_pointed_out(declared):
    roles: dict[str, Any] = {declared: ["cluster"]}
    data = Dataset(sales(LEVEL[CLUSTER]), items=items(cluster=CLUSTER), freq="D", **roles)
    assert codes(data) == []


@pytest.mark.parametrize(
    "column",
    [
        CLUSTER * 100.5,  # no whole numbers
        np.arange(ITEMS),  # each item its own
        CLUSTER % 2,  # a flag
        np.argsort(np.argsort(LEVEL))[CLUSTER],  # in the order of the level
        RANDOM.permutation(CLUSTER),  # without a meaning
    ],
)
def test_numbers_are_not_pointed_out(column):
    assert codes(Dataset(sales(LEVEL[CLUSTER]), items=items(size=column), freq="D")) == []


def test_an_event_code_that_moves_the_sales_of_each_item_is_pointed_out():
    code = RANDOM.integers(0, 8, (ITEMS, DAYS))
    effect = np.array([1.0, 6.0, 0.5, 3.0, 8.0, 0.3, 4.0, 0.7])[code]
    data = Dataset(sales(LEVEL[CLUSTER], effect), related(code), freq="D", past=["code"])
    (found,) = codes(data)
    assert "of how the target moves as categories" in found.message


def test_the_hour_of_a_smooth_day_is_no_code():
    hour = np.arange(DAYS) % 24
    moves = np.broadcast_to(np.exp(np.sin(2 * np.pi * hour / 24)), (ITEMS, DAYS))
    assert codes(Dataset(sales(LEVEL[CLUSTER], moves), related(hour), freq="D", past=["code"])) == []


def test_a_cluster_in_the_related_table_is_compared_between_items():
    data = Dataset(sales(LEVEL[CLUSTER]), related(CLUSTER[:, None]), freq="D", past=["code"])
    (found,) = codes(data)
    assert "of how the target's level differs between items" in found.message


def test_a_saved_panel_does_not_tell_what_was_declared_and_is_not_judged(tmp_path):
    Dataset(sales(LEVEL[CLUSTER]), items=items(cluster=CLUSTER), freq="D").save(tmp_path / "panel")
    assert codes(Dataset.open(tmp_path / "panel")) == []
