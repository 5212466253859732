"""Inputs that a hostile or a careless planner gives: one message that names what is wrong, and no number without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError, nearest
from foretell.recipe.levels import check_levels
from foretell.recipe.task import MOST_SEED
from planned_shop import KNOWN, shop


def data_of(**renamed: str) -> foretell.Dataset:
    """The shop, with columns of the metadata renamed."""
    sales, plan, items = shop()
    return foretell.Dataset(
        sales, plan, items.rename(columns=renamed), freq="D", known=list(KNOWN), open="open"
    )


def forecast_of(**renamed: str) -> foretell.Forecast:
    data = data_of(**renamed)
    return foretell.train(data, recipe="seasonal_naive", horizon=7).predict(data)


@pytest.fixture(scope="module")
def forecast() -> foretell.Forecast:
    return forecast_of()


@pytest.mark.parametrize("name", ["size/colour", "</b>", "a / b"])
def test_a_column_with_a_stroke_in_its_name_is_a_column(name: str, forecast: foretell.Forecast) -> None:
    named = forecast_of(family=name)
    total, expected = named.total(by=[name]), forecast.total(by=["family"])
    np.testing.assert_array_equal(total.quantiles, expected.quantiles)
    assert list(named.hierarchy(by=[name]).names) == ["all items", name, "items"]


@pytest.mark.slow
def test_a_backtest_of_items_whose_metadata_has_a_stroke_in_a_name_is_reported(tmp_path: Path) -> None:
    data = data_of(family="size/colour")
    foretell.backtest(data, recipes=["seasonal_naive"], horizon=7, by=["size/colour"], out=tmp_path / "run")
    assert (tmp_path / "run" / "report.html").stat().st_size > 0


@pytest.mark.parametrize("name", ["mean", "p10", "timestamp"])
def test_a_table_of_totals_never_loses_a_column_to_one_of_the_data(name: str) -> None:
    named = forecast_of(family=name)
    for made in (
        (named.total(by=[name]), named.hierarchy(by=[f"{name}/size"]))
        if name != "mean"
        else (named.total(by=[name]),)
    ):
        with pytest.raises(ForetellError, match=f"the column '{name}' for something else .* Rename"):
            made.to_frame()


def test_a_level_that_would_be_called_as_the_total_is_refused() -> None:
    with pytest.raises(
        ForetellError, match="by names the column 'all items', which a table of all levels has"
    ):
        forecast_of(family="all items").hierarchy(by=["all items"])


@pytest.mark.parametrize("by", [None, 5, ["family", None], "family"])
def test_levels_that_are_no_list_of_texts_are_refused(by: object, forecast: foretell.Forecast) -> None:
    with pytest.raises(ForetellError, match="by must be a list of"):
        forecast.hierarchy(by=by)  # type: ignore[arg-type]


@pytest.mark.parametrize("by", [["/"], [""], ["family/"]])
def test_a_column_without_a_name_is_said_to_be_that(by: list[str], forecast: foretell.Forecast) -> None:
    for ask in (forecast.total, forecast.hierarchy):
        with pytest.raises(ForetellError, match=r"a column without a name: .* It has: item_id, family, size"):
            ask(by=by)


@pytest.mark.parametrize("seed", [-1, MOST_SEED + 1, 2**70, 1.5, "a", None, True])
def test_a_seed_that_is_none_is_refused(seed: object, forecast: foretell.Forecast) -> None:
    asks: list[Any] = [forecast.paths, lambda seed: forecast.total(by=[], seed=seed)]
    for ask in asks:
        with pytest.raises(ForetellError, match=r"seed must be a whole number from 0 to 4,294,967,295, got"):
            ask(seed=seed)
    data = data_of()
    model = foretell.train(data, recipe="seasonal_naive", horizon=7)
    with pytest.raises(ForetellError, match="seed must be a whole number"):
        model.explain(data, seed=seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", [1e-9, 0.9999999])
def test_a_level_that_would_be_rounded_to_nothing_or_all_is_refused(level: float) -> None:
    with pytest.raises(
        ForetellError,
        match=r"levels must lie strictly between 0 and 1 in their 6 decimals, from 0\.000001 to 0\.999999, got",
    ):
        check_levels([0.5, level])


def test_the_nearest_name_may_differ_by_capitals_alone() -> None:
    assert nearest("FAMILY", ["item_id", "family"]) == " Did you mean 'family'?"
    assert nearest("Famly", ["item_id", "FAMILY"]) == " Did you mean 'FAMILY'?"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("item_id in ('a', 'zzz')", "'item_id' has no 'zzz': that part of the condition finds nothing"),
        ("family = 'MUG' or family = 'mug'", "'family' has no 'mug': .* Did you mean 'MUG'?"),
        ("family <> 'BOWLS'", "'family' has no 'BOWLS'"),
    ],
)
def test_a_text_of_a_condition_that_nothing_has_is_said(condition: str, said: str) -> None:
    data = data_of()
    model = foretell.train(data, recipe="seasonal_naive", horizon=7)
    found = model.whatif(data, {"x": [f"promo = 1 where {condition}"]}).findings
    (finding,) = [each for each in found if each.code == "finds_nothing"]
    assert pd.Series([finding.message]).str.contains(said).all()


@pytest.mark.parametrize(
    ("database", "said"),
    [
        (None, "a database is named by a text"),
        (5, "a database is named by a text"),
        ("sqlite:///x\0y.db", "NUL"),
        ("sqlite:///x%00y.db", "NUL"),
        ("sqlite:///:memory:", "gone at once"),
    ],
)
def test_a_database_that_would_keep_nothing_is_refused(database: object, said: str) -> None:
    with pytest.raises(ForetellError, match=said):
        foretell.SqlTable("forecasts", database)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["  ", "t\n", "a\tb"])
def test_a_table_is_not_named_by_what_cannot_be_seen(name: str) -> None:
    with pytest.raises(ForetellError, match="1 to 63 bytes of printable characters"):
        foretell.SqlTable(name, "sqlite:///x.db")


def test_a_database_in_a_folder_that_is_not_there_is_said_to_be_that(
    tmp_path: Path, forecast: foretell.Forecast
) -> None:
    for place, said in ((tmp_path / "no" / "x.db", "has no folder"), (tmp_path, "is a folder")):
        with pytest.raises(ForetellError, match=said):
            forecast.save(foretell.SqlTable("forecasts", f"sqlite:///{place}"))


def sheet_with(tmp_path: Path, place: str, value: object) -> Path:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["item_id", "timestamp", "target"])
    for day in pd.date_range("2024-01-01", periods=20):
        book.active.append(["a", day.to_pydatetime(), day.day])
    book.active[place] = value
    book.save(tmp_path / "sales.xlsx")
    return tmp_path / "sales.xlsx"


def test_a_formula_that_was_never_computed_is_no_gap(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = sheet_with(tmp_path, "C3", "=1+1")
    with pytest.raises(ForetellError, match=r"cell C3 of sheet 'Sheet' has a formula without a value\. Open"):
        foretell.Dataset(path, freq="D")
    for value, shown in ((b"<v>7</v>", 7.0), (b"", np.nan)):  # an empty text has a type
        with ZipFile(path) as before, ZipFile(tmp_path / "computed.xlsx", "w") as after:
            for name in before.namelist():
                part = before.read(name)
                if name.endswith("sheet1.xml"):
                    part = part.replace(b'<c r="C3">', b'<c r="C3" t="str">' if not value else b'<c r="C3">')
                    part = part.replace(b"<v />", value).replace(b"<v/>", value).replace(b"<v></v>", value)
                after.writestr(name, part)
        got = foretell.Dataset(tmp_path / "computed.xlsx", freq="D").panel.target[1]
        np.testing.assert_equal(float(got), shown)


@pytest.mark.slow
def test_a_sheet_that_unpacks_to_far_more_than_values_do_is_refused_at_once(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    path = sheet_with(tmp_path, "C3", 2)
    with ZipFile(path, "a", ZIP_DEFLATED) as book, book.open("xl/worksheets/sheet9.xml", "w") as part:
        for _ in range(300):
            part.write(b" " * (1 << 20))
    with pytest.raises(ForetellError, match=r"unpacks .* to 314,572,800 \('xl/worksheets/sheet9.xml'\)"):
        foretell.Dataset(path, freq="D")
