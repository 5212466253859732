"""Ids that only Unicode tells apart are one; ISO weeks, weeks of the year and days of the year are dates."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.models.item_lookup import find_items

NFC, NFD = (unicodedata.normalize(form, "Käse") for form in ("NFC", "NFD"))


def read(spelt, form, tmp_path, freq, *, frame=False):
    table = pd.DataFrame({"item_id": "a", "timestamp": spelt, "target": np.arange(len(spelt)) + 1.0})
    table.to_csv(tmp_path / "t.csv", index=False)
    return Dataset(table if frame else tmp_path / "t.csv", freq=freq, date_format=form).panel


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize(
    ("form", "spelt", "freq", "days"),
    [
        ("%G-W%V-%u", ["2020-W52-1", "2020-W53-1", "2021-W01-1"], "W-MON", ["12-21", "12-28", "01-04"]),
        ("%G-%V-%u", ["2020-52-1", "2020-53-1", "2021-01-1"], "W-MON", ["12-21", "12-28", "01-04"]),
        ("%G-W%V", ["2020-W52", "2020-W53", "2021-W01"], "W-MON", ["12-21", "12-28", "01-04"]),
        ("%Y-W%W-%w", ["2020-W51-1", "2020-W52-1", "2021-W01-1"], "W-MON", ["12-21", "12-28", "01-04"]),
        ("%Y-%j", ["2020-365", "2020-366", "2021-001"], "D", ["12-30", "12-31", "01-01"]),
        ("%d.%m.%Y", ["31.12.2020", "2021-01-01", "02.01.2021"], "D", ["12-31", "01-01", "01-02"]),
    ],
)
def test_dates_of_every_format_are_read(form, spelt, freq, days, tmp_path, frame):
    panel = read(spelt, form, tmp_path, freq, frame=frame)
    assert [str(s)[5:10] for s in panel.frequency.timestamps(panel.start[0] + np.arange(3))] == days
    assert panel.history(0).tolist() == [1, 2, 3]


@pytest.mark.parametrize("form", ["%Y-W%V-%u", "%G-W%V-%w", "%G-%m-%d", "%Y-W%W-%u", "%Y-W%U-%u"])
def test_parts_of_a_date_that_do_not_go_together_are_refused(form, tmp_path):
    with pytest.raises(ForetellError, match=r"Write '%[GY]-W%[VW]-%[uw]'"):
        read(["2020-W01-1"], form, tmp_path, "W-MON")


def rows(names, **columns):
    count = len(names)
    return pd.DataFrame({"item_id": names, "timestamp": pd.date_range("2024-01-01", periods=count)} | columns)


@pytest.mark.parametrize("route", ["frame", "csv", "categories"])
def test_two_spellings_of_one_id_are_one_item_and_reported(tmp_path, route):
    table = rows([NFC, NFD, NFC, "z"], target=[1.0, 2, 3, 4])
    source = table.astype({"item_id": "category"}) if route == "categories" else table
    if route == "csv":
        table.to_csv(tmp_path / "t.csv", index=False)
        source = tmp_path / "t.csv"
    data = Dataset(source, freq="D")
    assert data.panel.names == [NFC, "z"]
    assert data.panel.history(0)[:3].tolist() == [1, 2, 3]
    (twins,) = [finding for finding in data.findings if finding.code == "twin_ids"]
    assert (twins.severity, twins.count) == ("warning", 1)
    assert NFC in twins.message


def test_tables_join_whatever_their_spelling():
    price = rows([NFD] * 3, price=[5.0, 6, 7])
    items = pd.DataFrame({"item_id": [NFD], "kind": [NFD]})
    data = Dataset(rows([NFC] * 3, target=[1.0, 2, 3]), price, items, freq="D", past=["price"])
    assert data.panel.names == [NFC]
    assert data.panel.past[:, 0].tolist() == [5, 6, 7]
    assert data.panel.static_cat.tolist() == [[1]]
    assert [finding.count for finding in data.findings if finding.code == "decomposed_ids"] == [1, 1]
    assert find_items(data.panel.keys, [NFD]).tolist() == [0]


def test_ids_in_plain_or_composed_letters_have_no_finding():
    assert not Dataset(rows([NFC] * 3, target=[1.0, 2, 3]), freq="D").findings
