"""The three tables may call the time and the item otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset

WEEKS = pd.date_range("2024-01-01", periods=12, freq="W-MON")
SALES = pd.concat([pd.DataFrame({"sku": i, "date": WEEKS, "target": np.arange(12.0)}) for i in "ab"])
PROMO = pd.concat([pd.DataFrame({"article": i, "week": WEEKS, "promo": float(i == "b")}) for i in "ab"])
CALENDAR = pd.DataFrame({"begins": WEEKS, "school": np.arange(12) % 2})
ITEMS = pd.DataFrame({"code": ["a", "b"], "family": ["mug", "bag"]})


def read(**changed: Any) -> Dataset:
    tables: dict[str, Any] = {"target": SALES, "related": [PROMO, CALENDAR], "items": ITEMS, "freq": "W-MON"}
    return Dataset(**(tables | changed))


def test_each_table_has_its_own_name_of_the_time_and_the_item() -> None:
    data = read(
        item_id={"target": "sku", "related": ["article", None], "items": "code"},
        timestamp={"target": "date", "related": ["week", "begins"]},
    )
    assert data.schema.roles == {"promo": "past", "school": "past", "family": "static"}
    assert data.panel.past.reshape(2, 12, 2)[:, 0].tolist() == [[0, 0], [1, 0]]
    assert data.panel.static_cat.ravel().tolist() == [2, 1]  # bag, mug


def test_one_name_is_that_of_the_related_tables_that_have_it() -> None:
    data = read(
        related=[PROMO, CALENDAR.rename(columns={"begins": "week"})],
        item_id={"target": "sku", "related": "article", "items": "code"},
        timestamp={"target": "date", "related": "week"},
    )
    assert data.panel.past.reshape(2, 12, 2)[1, :2].tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("argument", "given", "said"),
    [
        ("timestamp", {"target": "date", "related": "wek"}, "no column 'wek'. Did you mean 'week'?"),
        ("timestamp", {"target": "date", "related": ["week", "day"]}, "names 2 columns, and there are 1"),
        ("timestamp", {"items": "day"}, "names by table ('target', 'related')"),
        ("item_id", {"target": "sku", "items": 3}, "must be names of columns, got 3"),
        ("item_id", {"target": "sku", "related": "article", "items": "cod"}, "Did you mean 'code'?"),
    ],
)
def test_a_name_that_no_table_has_is_refused(argument: str, given: object, said: str) -> None:
    names: dict[str, Any] = {
        "item_id": {"target": "sku", "related": "article", "items": "code"},
        "timestamp": {"target": "date", "related": "week"},
    }
    with pytest.raises(ForetellError) as caught:
        read(**({"related": PROMO} | names | {argument: given}))
    assert said in str(caught.value)


def test_a_name_for_several_related_tables_that_is_in_none_is_refused() -> None:
    with pytest.raises(
        ForetellError, match=r"no related table has a column 'artcle'\. Did you mean 'article'"
    ):
        read(
            item_id={"target": "sku", "related": "artcle", "items": "code"},
            timestamp={"target": "date", "related": ["week", "begins"]},
        )


def test_the_target_read_as_a_related_table_by_another_time_is_not_shared() -> None:
    steps = np.tile(np.arange(12), 2)
    sales = SALES.assign(date=steps, promised=steps + 1, price=np.arange(24.0))
    names = {"target": "date", "related": "promised"}
    data = Dataset(sales, sales, freq="1", item_id="sku", timestamp=names, past=["price"])
    assert data.panel.past[1:3, [column.source for column in data.schema.past].index("price")].tolist() == [
        0,
        1,
    ]
