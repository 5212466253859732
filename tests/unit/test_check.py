"""What `check` finds before anything is trained."""

import numpy as np
import pandas as pd
import pytest

from foretell.check import check
from foretell.dataset import Dataset
from foretell.errors import ForetellError


def table(column, **items):
    """A row an item and day from 2024-01-01 on."""
    frames = [
        pd.DataFrame({"item_id": name, "timestamp": pd.date_range("2024-01-01", periods=len(v)), column: np.array(v, float)})
        for name, v in items.items()
    ]  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def findings(data, **options):
    return {finding.code: finding for finding in check(data, **options)}


def test_zeros_constants_and_negative_values_are_counted():
    data = Dataset(table("target", a=[0, 0, 0], b=[5, 5, np.nan], c=[-1, 2, 3], d=[1, 2, 3]), freq="D")
    found = findings(data)
    assert found["all_zero"].message == "1 items are zero throughout, first 'a'"
    assert (found["constant"].count, found["negative"].count) == (1, 1)
    assert "'b'" in found["constant"].message


def test_clean_data_give_no_warning():
    found = check(Dataset(table("target", a=range(30)), freq="D"), horizon=7)
    assert {finding.severity for finding in found} <= {"note"}


def test_a_horizon_longer_than_every_history_is_an_error():
    found = findings(Dataset(table("target", a=[1, 2, 3]), freq="D"), horizon=4)
    assert found["horizon"].severity == "error"
    assert "longer than every history (the longest has 3)" in found["horizon"].message


def test_items_shorter_than_twice_the_horizon_are_a_warning():
    data = Dataset(table("target", a=range(10), b=[np.nan] * 8 + [1, 2]), freq="D")
    assert (findings(data, horizon=4)["short"].severity, findings(data, horizon=4)["short"].count) == (
        "warning",
        1,
    )


def test_known_columns_that_end_before_the_horizon_are_errors_and_come_first():
    promo = table("promo", a=range(12), b=range(11))
    data = Dataset(table("target", a=range(10), b=range(10)), promo, freq="D", known=["promo"])
    assert "known_ends" not in findings(data, horizon=1)
    first = check(data, horizon=2)[0]
    assert (first.severity, first.code, first.count) == ("error", "known_ends", 1)
    assert "item 'b': related column 'promo' ends 2024-01-11" in first.message


def test_gaps_are_reported_by_place_and_as_they_were_read():
    sold = table("target", a=[1, np.nan, 3, np.nan], b=[1, 2, 3, 4])
    assert findings(Dataset(sold, freq="D"))["gaps"].message == (
        "target: 2 missing steps in 1 series: 1 middle (not observed), 1 back (not observed)"
    )
    filled = Dataset(sold, freq="D", filling={"target": {"middle": "zero", "back": 7}})
    assert "1 middle (filled by zero), 1 back (filled by the value 7.0)" in findings(filled)["gaps"].message


def test_categories_and_missing_metadata_are_described():
    items = pd.DataFrame({"item_id": ["a", "b"], "family": ["tea", "pot"], "size": [1.0, np.nan]})
    found = findings(Dataset(table("target", a=[1, 2], b=[1, 2]), items=items, freq="D"))
    assert found["categories"].message == "family: 2 categories"
    assert found["missing_metadata"].message == "size is missing for 1 items"


def test_a_horizon_of_nothing_is_refused():
    with pytest.raises(ForetellError, match="horizon must be a whole number"):
        check(Dataset(table("target", a=[1, 2]), freq="D"), horizon=0)
