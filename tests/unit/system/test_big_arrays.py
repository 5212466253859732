"""Grids in memory and in files are the same grids; a full disk is an error."""

from __future__ import annotations

import errno
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest import spilled_rows
from foretell.ingest.dataset import Dataset
from foretell.system import big_arrays as grids


@pytest.fixture
def tiny_memory(monkeypatch):
    """Every grid of more than 64 bytes goes to a file."""
    monkeypatch.setattr(grids, "SHARE", 1 << 40)
    monkeypatch.setattr(grids, "memory", lambda: 1 << 46)


def test_a_large_grid_is_a_nameless_file_of_the_scratch_folder(tiny_memory, tmp_path):
    small, large = grids.allocate((16,)), grids.allocate((4, 100), scratch=tmp_path)
    assert small.base is None
    assert isinstance(large.base, np.memmap)
    assert list(tmp_path.iterdir()) == []
    large[2] = 7
    assert (large.shape, large.dtype, large.sum()) == ((4, 100), np.float32, 700)


@pytest.mark.parametrize("cells", [1, 1000, 5000])
def test_rows_put_by_bucket_lie_where_they_lie_when_put_one_by_one(monkeypatch, tmp_path, cells):
    monkeypatch.setattr(spilled_rows, "CELLS", 64)
    rng = np.random.default_rng(cells)
    batches = [(rng.integers(0, cells, 700), [rng.normal(size=700), rng.normal(size=700)]) for _ in range(3)]
    whole, apart = np.full((2, 2, cells), 7, np.float32)
    blanked = []

    def blank(part):
        blanked.append(part)
        apart[:, part] = np.nan

    whole[:] = np.nan
    with spilled_rows.RowBuckets(cells, 2, scratch=tmp_path) as kept:
        for cell, values in batches:
            kept.add(cell, values)
            for grid, column in zip(whole, values, strict=True):
                grid[cell] = column  # of two rows of a cell the last one stays
        kept.scatter(list(apart), blank)
    np.testing.assert_array_equal(apart, whole)
    assert len(blanked) == -(-cells // 64)
    assert list(tmp_path.iterdir()) == []


def test_rows_that_the_disk_cannot_hold_are_an_error_that_names_the_folder(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spilled_rows, "_write", full)
    with (
        spilled_rows.RowBuckets(10, 1, scratch=tmp_path) as kept,
        pytest.raises(
            ForetellError, match=rf"table of the rows of a grid does not fit into '{tmp_path}': No space left"
        ),
    ):
        kept.add(np.arange(3), [np.ones(3)])


def test_zeros_are_zero_in_memory_and_in_a_file(tiny_memory):
    assert not grids.zeros((8,), np.uint8).any()
    assert not grids.zeros((1000,), np.uint8).any()


def test_a_grid_that_the_disk_cannot_hold_is_an_error_that_names_the_folder(
    tiny_memory, monkeypatch, tmp_path
):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(grids, "reserve", full)
    with pytest.raises(ForetellError, match=rf"does not fit into '{tmp_path}': No space left.*scratch="):
        grids.allocate((1000,), scratch=tmp_path)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_space_is_reserved_when_the_grid_is_made_and_not_when_it_is_written(monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate")
    with open("/dev/full", "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        grids.reserve(file, 100)


def test_a_panel_whose_grids_are_files_equals_the_one_in_memory(monkeypatch):
    rng = np.random.default_rng(5)
    rows = pd.DataFrame(
        {
            "item_id": rng.choice(list("abcdef"), 900),
            "timestamp": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 99, 900), "D"),
            "target": rng.normal(size=900),
        }
    )
    related = rows.drop_duplicates(["item_id", "timestamp"]).rename(columns={"target": "price"})
    related["mood"] = rng.choice(np.array(["good", "bad", None], object), len(related))
    related["region"] = related.pop("item_id").map(dict(zip("abcdef", "xxyyzz", strict=True)))
    related = related.drop_duplicates(["region", "timestamp"])
    items = pd.DataFrame({"item_id": list("abcdef"), "region": list("xxyyzz")})
    options: dict[str, Any] = {
        "freq": "D",
        "known": ["price"],
        "past": ["mood"],
        "aggregation": {"target": "sum"},
        "filling": {"target": {"middle": "mean"}, "mood": {"middle": "previous"}},
    }
    plain = Dataset(rows, related, items, **options)
    earlier = plain.panel.until(20)
    monkeypatch.setattr(grids, "SHARE", 1 << 60)
    mapped = Dataset(rows, related, items, **options)
    assert isinstance(mapped.panel.past.base, np.memmap)
    assert mapped.fingerprint == plain.fingerprint
    np.testing.assert_array_equal(mapped.panel.filled, plain.panel.filled)
    np.testing.assert_array_equal(mapped.panel.past_filled, plain.panel.past_filled)
    again = mapped.panel.until(20)
    np.testing.assert_array_equal(again.target, earlier.target)
    np.testing.assert_array_equal(again.past, earlier.past)
