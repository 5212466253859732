"""A model takes tables as they are, and reads them as those of its training."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError

DAYS = pd.date_range("2024-01-01", periods=40)
ITEMS = pd.DataFrame({"code": ["a", "b"], "family": ["mug", "bag"]})


def sales(days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    """Text as a spreadsheet of Germany writes it."""
    values = [f"{1000 + k % 7}".replace("1", "1.", 1) + ",5" for k in range(len(days))]
    frame = pd.DataFrame({"datum": days.strftime("%d.%m.%Y"), "menge": values})
    return pd.concat([frame.assign(sku=i, shop="x") for i in "ab"], ignore_index=True)


def promo(days: int = 50) -> pd.DataFrame:
    return pd.DataFrame(
        {"tag": pd.date_range("2024-01-01", periods=days).strftime("%d.%m.%Y"), "promo": np.arange(days) % 2}
    )


SPELT: dict[str, Any] = {
    "item_id": {"target": "sku", "items": "code"},
    "timestamp": {"target": "datum", "related": "tag"},
    "target_column": "menge",
    "date_format": "%d.%m.%Y",
    "decimal": ",",
    "thousands": ".",
    "dimensions": ["shop"],
}


def read(frame: pd.DataFrame) -> foretell.Dataset:
    return foretell.Dataset(frame, promo(), ITEMS, freq="D", known=["promo"], **SPELT)


@pytest.fixture
def loaded(tmp_path: Path) -> foretell.Model:
    foretell.train(read(sales()), recipe="seasonal_naive", horizon=7).save(tmp_path / "model")
    return foretell.load(tmp_path / "model")


def test_a_loaded_model_reads_bare_tables_as_those_of_its_training(loaded: foretell.Model) -> None:
    made = loaded.predict(sales(), related=promo(), metadata=ITEMS)
    same = loaded.predict(read(sales()))
    pd.testing.assert_frame_equal(made.to_frame(), same.to_frame())
    assert made.to_frame()["mean"].between(1000, 1008).all()


def test_paths_do_as_well_and_for_all_that_a_model_makes(loaded: foretell.Model, tmp_path: Path) -> None:
    sales().to_csv(tmp_path / "sales.csv", index=False)
    tables: dict[str, Any] = {"related": promo(), "metadata": ITEMS}
    path = tmp_path / "sales.csv"
    whole = loaded.predict(path, **tables, items=["a"])
    assert loaded.predict_to(tmp_path / "out.csv", path, **tables, items=["a"]) == len(whole) == 1
    assert sum(map(len, loaded.predict_in_pieces(path, **tables))) == 2
    assert loaded.whatif(path, {"more": "promo = 1"}, **tables).baseline.to_frame().shape == (14, 7)
    assert len(loaded.explain(path, **tables, items=["a"], permutations=4).keys) == 1


def test_what_is_given_to_read_wins_over_what_the_training_had(loaded: foretell.Model) -> None:
    plain = sales().assign(menge=1001.5).rename(columns={"menge": "sold"})
    plain["sold"] = plain["sold"].astype(str)
    data = loaded.read(plain, related=promo(), metadata=ITEMS, target_column="sold", decimal=".")
    assert np.unique(data.panel.target).tolist() == [1001.5]
    with pytest.raises(
        ForetellError, match="the model was trained at frequency 'D', these data are read at 'W-SUN'"
    ):
        loaded.read(sales(), related=promo(), metadata=ITEMS, freq="W")


def test_a_table_with_usual_names_is_read_too(loaded: foretell.Model) -> None:
    usual = sales().rename(columns={"datum": "timestamp", "menge": "target", "sku": "item_id"})
    assert len(loaded.predict(usual, related=promo(), metadata=ITEMS)) == 2


def test_another_aggregation_or_zone_than_the_training_s_is_said(tmp_path: Path) -> None:
    twice = pd.DataFrame({"item_id": "a", "timestamp": DAYS.repeat(2), "target": 1.0})
    data = foretell.Dataset(twice, freq="D", aggregation={"target": "sum"})
    model = foretell.train(data, recipe="seasonal_naive", horizon=7)
    assert model.read(twice).panel.target.tolist() == [2.0] * 40
    other = model.read(twice, aggregation={"target": "mean"}, timezone="Europe/Berlin")
    said = [each.message for each in other.findings if each.code == "read_otherwise"]
    assert "'target' become one by mean, in the model's training it was sum" in said[0]
    assert "in the zone Europe/Berlin" in said[1]
    assert other.panel.target.tolist() == [1.0] * 40


def test_a_saved_panel_keeps_how_its_tables_were_spelt(tmp_path: Path) -> None:
    read(sales()).save(tmp_path / "panel")
    model = foretell.train(foretell.Dataset.open(tmp_path / "panel"), recipe="seasonal_naive", horizon=7)
    assert model.schema.reading == read(sales()).schema.reading
    assert len(model.predict(sales(), related=promo(), metadata=ITEMS)) == 2
    assert len(model.predict(tmp_path / "panel")) == 2


def test_tables_beside_a_data_set_are_refused(loaded: foretell.Model) -> None:
    with pytest.raises(
        ForetellError, match="related= goes with a target table, and the data set has its own"
    ):
        loaded.predict(read(sales()), related=promo())
    with pytest.raises(
        ForetellError, match="metadata= goes with a target table, and no target table is given"
    ):
        loaded.predict(metadata=ITEMS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("decimal", ";"), ("date_format", "day"), ("aggregation", {"target": "count"}), ("x", 1)],
)
def test_a_reading_that_no_table_has_is_a_damaged_model(tmp_path: Path, field: str, value: object) -> None:
    foretell.train(read(sales()), recipe="seasonal_naive", horizon=7).save(tmp_path / "model")
    manifest = json.loads((tmp_path / "model/manifest.json").read_text())
    manifest["schema"]["reading"][field] = value
    (tmp_path / "model/manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ForetellError, match=r"manifest\.json is damaged"):
        foretell.load(tmp_path / "model")


def test_a_model_that_says_nothing_of_it_reads_usual_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({"item_id": "a", "timestamp": DAYS, "target": np.arange(40.0)})
    foretell.train(foretell.Dataset(frame, freq="D"), recipe="seasonal_naive", horizon=7).save(
        tmp_path / "model"
    )
    manifest = json.loads((tmp_path / "model/manifest.json").read_text())
    del manifest["schema"]["reading"]
    (tmp_path / "model/manifest.json").write_text(json.dumps(manifest))
    assert foretell.load(tmp_path / "model").predict(frame).horizon == 7


def test_a_forecast_warns_of_what_check_finds_once(caplog: pytest.LogCaptureFixture) -> None:
    weeks = pd.date_range("2023-01-02", periods=60, freq="W-MON")
    frame = pd.DataFrame({"item_id": "a", "timestamp": weeks, "target": np.arange(60.0) % 5 + 3})
    model = foretell.train(foretell.Dataset(frame, freq="D"), recipe="seasonal_naive", horizon=7)
    newer = foretell.Dataset(frame, freq="D")
    with caplog.at_level(logging.WARNING):
        caplog.clear()
        model.predict(newer)
        # which the training had said in full
        assert [each.split(" and ")[0] for each in caplog.messages if "frequency" in each] == [
            "as in the training: 2 warnings (frequency, mostly_gaps)"
        ]
        caplog.clear()
        model.predict(newer)
        assert caplog.messages == []
