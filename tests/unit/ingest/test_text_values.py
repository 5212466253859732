"""Values of a text covariate that are seen often enough keep a column of their own; what is merged is told."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.data.schema import Schema
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


def test_check_says_that_more_than_32_values_all_keep_their_columns(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sales, related = tables(PROMOTIONS)
    (note,) = [f for f in Dataset(sales, related, freq="D").findings if f.code == "many_values"]
    assert (note.severity, note.count) == ("note", 60)
    assert "all 60 values of 'promotion' have a column of their own" in note.message
    few = Dataset(*tables([f"p{i % 32}" for i in range(320)]), freq="D")
    asked = Dataset(sales, related, freq="D", text_values=100)
    assert "many_values" not in [finding.code for data in (few, asked) for finding in data.findings]


def test_a_schema_keeps_the_values_that_were_merged_unless_they_are_too_many():
    sales, related = tables([f"t{i:02}" for i in range(40)])
    schema = Dataset(sales, related, freq="D").schema
    assert schema.merged == {"promotion": tuple(f"t{i}" for i in range(32, 40))}
    assert Schema.from_json(json.loads(json.dumps(schema.to_json()))).merged == schema.merged
    assert Dataset(*tables(PROMOTIONS), freq="D").schema.merged == {"promotion": ()}
    assert Dataset(*tables([f"text {i}" for i in range(10_050)]), freq="D").schema.merged == {}
    assert Dataset(*tables([f"{i:030000}" for i in range(70)]), freq="D").schema.merged == {}
