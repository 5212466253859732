"""What a training found is one line of what a forecast says."""

import logging
from pathlib import Path

import pandas as pd
import pytest

import foretell
from foretell.data.findings import Finding
from foretell.data.known_findings import known_findings, only_new
from foretell.models.model import fitted_of

WARNED = [
    Finding("warning", "ended", "3 items have ended, first 'a' on 2024-05-01", 3),
    Finding("warning", "gaps", "12 steps are missing", 12),
    Finding("note", "aggregated", "78 steps hold several rows", 78),
]
LATER = [
    Finding("warning", "ended", "3 items have ended, first 'a' on 2024-06-01", 3),
    Finding("warning", "gaps", "40 steps are missing", 40),
    Finding("note", "aggregated", "80 steps hold several rows", 80),
    Finding("note", "known", "promo is known ahead", 1),
]


def test_what_holds_as_in_the_training_is_one_line_and_what_has_grown_is_said_again() -> None:
    said = only_new(LATER, known_findings(WARNED))
    assert said[:2] == (LATER[1], LATER[3])  # three times as many gaps, and the role of a column
    assert said[2].message == "as in the training: 1 warning (ended) and 1 note; foretell check lists them"
    assert only_new(LATER[:1], known_findings(WARNED)) == tuple(LATER[:1])  # a line in place of a line
    assert only_new(LATER, ()) == tuple(LATER)


def test_a_saved_model_remembers_what_its_training_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.concat(
        pd.DataFrame({"item_id": name, "timestamp": days, "target": value})
        for name, value in (("a", 0.0), ("b", 5.0), ("c", 7.0))
    )
    foretell.train(foretell.Dataset(sales, freq="D"), recipe="seasonal_naive", horizon=30).save(
        tmp_path / "m"
    )
    model = foretell.load(tmp_path / "m")
    codes = {each.code for each in fitted_of(model).warned}
    assert {"all_zero", "constant", "short"} <= codes
    caplog.clear()
    model.predict(foretell.Dataset(sales, freq="D"))
    (line,) = [text for text in caplog.messages if text.startswith("as in the training: ")]
    assert "all_zero" in line
    said = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    assert not [text for text in said if "zero throughout" in text]
