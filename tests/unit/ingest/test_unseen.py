"""Categories that a model was not trained on are found and logged, in the metadata and in the related tables."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from foretell.ingest.dataset import Dataset

DAYS = pd.date_range("2024-01-01", periods=12)
ITEMS = ("a", "b", "c")


def tables(families, weather):
    sales = pd.concat(
        pd.DataFrame({"item_id": item, "timestamp": DAYS, "target": np.arange(12.0) + i})
        for i, item in enumerate(ITEMS)
    )
    related = pd.DataFrame({"timestamp": DAYS, "weather": weather})
    return {
        "target": sales,
        "related": related,
        "items": pd.DataFrame({"item_id": ITEMS, "family": families}),
        "freq": "D",
    }


TRAINED = tables(["bag", "mug", None], ["sun", "rain"] * 6)
NEWER = tables(["cup", "mug", "cup"], ["sun", "snow", "hail"] * 3 + ["snow", "sun", None])


@pytest.mark.parametrize("given", [False, True])
def test_unseen_categories_are_found_with_the_commonest_and_logged(given, caplog):
    schema = Dataset(**TRAINED).schema
    data = Dataset(**NEWER, schema=schema if given else None)
    with caplog.at_level(logging.WARNING, logger="foretell"):
        for _ in range(2):
            data._encode(schema, horizon=2)
    unseen = [finding for finding in data.findings if finding.code == "unseen"]
    assert [(finding.severity, finding.count) for finding in unseen] == [("warning", 2), ("warning", 7)]
    assert "'family'" in unseen[0].message
    assert "'cup'" in unseen[0].message
    assert "'weather'" in unseen[1].message
    assert "'snow'" in unseen[1].message
    assert all(caplog.messages.count(finding.message) == 2 for finding in unseen)


def test_seen_and_missing_categories_are_not_reported():
    schema = Dataset(**TRAINED).schema
    data = Dataset(**tables(["mug", None, "bag"], ["rain", None] * 6))
    data._encode(schema)
    assert "unseen" not in [finding.code for finding in data.findings]


def test_texts_that_training_merged_are_no_warning():
    texts = [f"t{i}" for i in range(40)]
    days = pd.date_range("2024-01-01", periods=40)
    data = Dataset(
        pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(40.0)}),
        related=pd.DataFrame({"timestamp": days, "text": texts}),
        freq="D",
    )
    data._encode(data.schema, horizon=60)
    assert "unseen" not in [finding.code for finding in data.findings if finding.severity == "warning"]


def unseen(texts):
    """What is told of texts of newer data by a model of the texts t0 to t39, of which 8 were merged."""
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(40.0)})
    first = Dataset(sales, pd.DataFrame({"timestamp": days, "text": [f"t{i}" for i in range(40)]}), freq="D")
    newer = Dataset(sales, pd.DataFrame({"timestamp": days, "text": texts}), freq="D")
    newer._encode(first.schema)
    return [(f.severity, f.count) for f in newer.findings if f.code == "unseen"]


def test_a_text_that_training_has_not_seen_is_told_from_one_that_it_merged():
    assert unseen([f"t{i}" for i in range(40)]) == []
    assert unseen([f"t{i}" for i in range(39, -1, -1)]) == []
    assert unseen(["new"] * 3 + [f"t{i}" for i in range(37)]) == [("warning", 3)]


def test_a_model_that_does_not_keep_what_it_merged_notes_a_text_that_may_be_new():
    texts = ["new"] * 3 + [f"t{i}" for i in range(37)]
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(40.0)})
    schema = Dataset(sales, pd.DataFrame({"timestamp": days, "text": texts}), freq="D").schema
    data = Dataset(
        sales,
        pd.DataFrame({"timestamp": days, "text": ["newer"] * 40}),
        freq="D",
        schema=replace(schema, merged={}),
    )
    (found,) = [f for f in data.findings if f.code == "unseen"]
    assert found.severity == "note"
