"""Values of a text covariate that are seen often enough keep a column of their own; what is merged is told."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset


def tables(texts):
    days = pd.date_range("2000-01-01", periods=len(texts))
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": np.arange(len(texts)) % 7.0})
    return sales, pd.DataFrame({"timestamp": days, "promotion": texts})


def merged(data):
    return [finding for finding in data.findings if finding.code == "merged"]


PROMOTIONS = [f"p{i % 60:02}" for i in range(600)]


def test_sixty_promotions_seen_on_ten_days_each_keep_their_own_columns():
    sales, related = tables(PROMOTIONS)
    data = Dataset(sales, related, freq="D")
    assert len(data.schema.vocabularies["promotion"]) == 60
    assert merged(data) == []


def test_texts_that_are_hardly_seen_are_merged_and_told():
    sales, related = tables(["often"] * 9 + ["twice"] * 2 + [f"text {i:05}" for i in range(10_000)])
    data = Dataset(sales, related, freq="D")
    words = data.schema.vocabularies["promotion"]
    assert (len(words), words[:2], words[-1]) == (32, ("often", "text 00000"), "twice")
    (finding,) = merged(data)
    assert (finding.severity, finding.count) == ("warning", 10_002 - 32)
    assert "99.6% of its rows" in finding.message
    assert "'text 00030'" in finding.message


def test_a_text_seen_in_many_rows_of_few_steps_is_not_seen_often():
    sales, related = tables([f"t{i}" for i in range(40)])
    many = pd.concat([related.assign(item_id=item) for item in "abcdefgh"])
    data = Dataset(pd.concat([sales.assign(item_id=item) for item in "abcdefgh"]), many, freq="D")
    assert len(data.schema.vocabularies["promotion"]) == 32


def test_another_number_may_be_asked_for():
    sales, related = tables(PROMOTIONS)
    data = Dataset(sales, related, freq="D", text_values=40)
    assert len(data.schema.vocabularies["promotion"]) == 40
    assert "20 values of 'promotion'" in merged(data)[0].message
    with pytest.raises(ForetellError, match="text_values must be a whole number from 32"):
        Dataset(sales, related, freq="D", text_values=0)


def test_check_tells_what_was_merged_and_the_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sales, related = tables(PROMOTIONS)
    sales.to_csv("sales.csv", index=False)
    related.to_csv("related.csv", index=False)
    words = ["check", "sales.csv", "--related", "related.csv", "--freq", "D"]
    assert "--text-values" in CliRunner().invoke(app, [*words, "--text-values", "40"]).output
    assert "--text-values" not in CliRunner().invoke(app, words).output
