"""Tables out of workbooks of Excel and tables of Delta Lake, and forecasts into them."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pandas as pd
import pytest

from foretell import Dataset, ForetellError, train
from foretell.system.frame_writers import write_frame

DAYS = pd.date_range("2024-01-01", periods=30)
SALES = pd.DataFrame(
    {
        "item_id": np.repeat(["007", "=1+1"], 30),
        "timestamp": [*DAYS, *DAYS],
        "target": np.tile(np.arange(30.0), 2),
    }
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def sheets(path: str, **frames: pd.DataFrame) -> str:
    pytest.importorskip("openpyxl")
    with pd.ExcelWriter(path, engine="openpyxl") as writer:
        for name, frame in frames.items():
            frame.to_excel(writer, sheet_name=name, index=False)
    return path


def test_a_sheet_is_read_as_its_frame_is() -> None:
    write_frame(SALES, "sales.xlsx")
    read, given = Dataset("sales.xlsx", freq="D"), Dataset(SALES, freq="D")
    assert read.panel.keys.equals(given.panel.keys)
    np.testing.assert_array_equal(read.panel.target, given.panel.target)


def test_several_sheets_are_asked_for_by_name() -> None:
    sales = SALES.replace("=1+1", "x")  # which pandas would write as a formula
    early, late = sales[sales.timestamp < "2024-01-16"], sales[sales.timestamp >= "2024-01-16"]
    path = sheets("sales.xlsx", early=early, late=late)
    with pytest.raises(
        ForetellError, match=r"2 sheets that hold something: 'early', 'late'. Name one: 'sales.xlsx#early'"
    ):
        Dataset(path, freq="D")
    whole = Dataset([f"{path}#early", f"{path}#late"], freq="D")
    assert len(whole.panel.target) == 60
    with pytest.raises(ForetellError, match=r"no sheet 'lte'. It has 'early', 'late'"):
        Dataset(f"{path}#lte", freq="D")


def test_a_text_in_a_workbook_is_never_a_formula() -> None:
    openpyxl = pytest.importorskip("openpyxl")
    write_frame(pd.DataFrame({"=now()": ["=1+1", "+1", "\x01\ud800", "x" * 40_000]}), "out.xlsx")
    cells = [row[0] for row in openpyxl.load_workbook("out.xlsx").active.iter_rows()]
    assert {cell.data_type for cell in cells} == {"s"}
    assert [cell.value for cell in cells[:4]] == ["=now()", "=1+1", "+1", "\ufffd\ufffd"]
    assert len(cells[4].value) == 32_767


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: Path("bad.xlsx").write_bytes(b"PK\x03\x04 no archive"), "no workbook of Excel"),
        (lambda: Path("bad.xlsx").write_text("item_id,timestamp,target\n"), "no workbook of Excel"),
        (lambda: sheets("bad.xlsx", a=pd.DataFrame()), "names no columns"),
        (lambda: sheets("bad.xlsx", a=SALES.head(0)), "has no rows"),
        (lambda: sheets("bad.xlsx", a=SALES.set_axis(["x", "x", "y"], axis=1)), "the column 'x' twice"),
        (lambda: None, "no such file: 'bad.xlsx'"),
    ],
)
def test_what_is_no_table_in_a_workbook_is_one_message(made, said: str) -> None:
    pytest.importorskip("openpyxl")
    made()
    with pytest.raises(ForetellError, match=said):
        Dataset("bad.xlsx", freq="D")


@pytest.mark.parametrize(
    "damage", [lambda xml: xml[: len(xml) // 2], lambda xml: xml.replace(b"<v>", b"<v>x"), lambda _: b""]
)
def test_a_damaged_sheet_in_a_whole_archive_is_one_message(damage) -> None:
    whole = sheets("whole.xlsx", a=SALES.replace("=1+1", "x"))
    with ZipFile(whole) as source, ZipFile("bad.xlsx", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            target.writestr(name, damage(data) if name.endswith("sheet1.xml") else data)
    with pytest.raises(ForetellError, match="no workbook of Excel"):
        Dataset("bad.xlsx", freq="D")


def test_files_of_the_users_own_beside_a_delta_table_are_kept() -> None:
    pytest.importorskip("deltalake")
    forecast = train(Dataset(SALES, freq="D"), recipe="seasonal_naive", horizon=7).predict()
    forecast.save("plan.delta")
    Path("plan.delta/notes.txt").write_text("mine")
    forecast.save("plan.delta", overwrite=True)
    assert Path("plan.delta/notes.txt").read_text() == "mine"
    assert len(Dataset("plan.delta", freq="D", target_column="mean").panel.target) == 14


def test_a_workbook_that_would_fill_the_memory_is_not_unpacked() -> None:
    path = sheets("bomb.xlsx", a=SALES)
    with ZipFile(path, "a", ZIP_DEFLATED) as archive, archive.open("xl/more/sharedStrings.xml", "w") as part:
        for _ in range(513):
            part.write(b" " * (1 << 20))
    with pytest.raises(ForetellError, match=r"unpacks to 537,919,488 bytes"):
        Dataset(path, freq="D")


def test_rows_deleted_from_a_delta_table_are_not_read() -> None:
    deltalake = pytest.importorskip("deltalake")
    deltalake.write_deltalake("sales", SALES)
    table = deltalake.DeltaTable("sales")
    table.delete("item_id = '007'")
    for source in ("sales", table):
        assert Dataset(source, freq="D").panel.keys["item_id"].tolist() == ["=1+1"]


@pytest.mark.parametrize("ending", ["xlsx", "delta"])
def test_a_forecast_is_saved_and_replaces_forecasts_alone(ending: str) -> None:
    pytest.importorskip("openpyxl" if ending == "xlsx" else "deltalake")
    model = train(Dataset(SALES, freq="D"), recipe="seasonal_naive", horizon=7)
    forecast = model.predict()
    forecast.save(f"plan.{ending}")
    with pytest.raises(ForetellError, match="already holds a table of forecasts"):
        forecast.save(f"plan.{ending}")
    assert model.predict_to(f"plan.{ending}", overwrite=True) == 2
    write_frame(SALES, f"sales.{ending}")
    with pytest.raises(ForetellError, match="no table of forecasts"):
        forecast.save(f"sales.{ending}", overwrite=True)
    assert list(Path().glob("*.tmp*")) == []


def test_a_forecast_is_what_other_libraries_take() -> None:
    polars = pytest.importorskip("polars")
    forecast = train(Dataset(SALES, freq="D"), recipe="seasonal_naive", horizon=7).predict()
    frame = forecast.to_frame()
    assert forecast.to_arrow().to_pandas().equals(frame)
    table = forecast.to_polars()
    assert isinstance(table, polars.DataFrame)
    assert table.columns == list(frame.columns)
