"""Items of the training that newer data lack are named: they fall out of forecasts and totals."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell


def sales(*items: str) -> foretell.Dataset:
    days = pd.date_range("2024-01-01", periods=30)
    rows = [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(30.0) % 7}) for i in items]
    return foretell.Dataset(pd.concat(rows), freq="D")


def test_an_item_that_fell_out_of_the_export_is_named_by_predict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = foretell.train(sales("apple", "pear", "kiwi"), recipe="seasonal_naive", horizon=3)
    made.save(tmp_path / "model")
    for model in (made, foretell.load(tmp_path / "model")):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            found = model.predict(sales("apple", "kiwi", "PEAR")).findings
        (finding,) = [finding for finding in found if finding.code == "missing_items"]
        assert finding.message == (
            "1 of the 3 items that the model was trained on are not in these data, first 'pear'; 1 are new, first 'PEAR'"
        )
        assert [r.getMessage() for r in caplog.records].count(finding.message) == 1
        more = model.predict(sales("apple", "kiwi", "pear", "plum")).findings
        assert "missing_items" not in [finding.code for finding in more]


def test_a_model_of_a_great_many_items_keeps_no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretell.models.fitting._MOST_NAMES", 2)
    model = foretell.train(sales("apple", "pear", "kiwi"), recipe="seasonal_naive", horizon=3)
    assert "missing_items" not in [finding.code for finding in model.predict(sales("apple")).findings]
