"""Files that are broken, empty, or differ from one another: each is named, with its line where it has one."""

import gzip

import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app
from foretell.data.columns import names_of
from foretell.errors import ForetellError
from foretell.ingest import csv_files as delimited
from foretell.ingest.dataset import Dataset

HEAD = "item_id,timestamp,target\n"
ROWS = "a,2024-01-01,1\na,2024-01-02,2\nb,2024-01-01,3\n"


def folder_of(path, **files):
    """A folder with files of these names and contents."""
    for name, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        (path / f"{name}.csv").write_bytes(data)
    return path


@pytest.mark.slow
def test_a_byte_order_mark_other_delimiters_and_line_ends_change_nothing(tmp_path):
    plain = (HEAD + ROWS).encode()
    ways = {
        "bom": b"\xef\xbb\xbf" + plain,
        "semicolon": plain.replace(b",", b";"),
        "tab": plain.replace(b",", b"\t"),
        "bar": plain.replace(b",", b"|"),
        "windows": plain.replace(b"\n", b"\r\n"),
        "blank": plain + b"\n\n",
        "open": plain[:-1],
        "quoted": plain.replace(b"a,", b'"a",').replace(b"item_id", b'"item_id"'),
        "spaced": plain.replace(b"item_id,timestamp", b"item_id, timestamp"),
    }
    folder_of(tmp_path, plain=plain, **ways)
    expected = Dataset(tmp_path / "plain.csv", freq="D").fingerprint
    for name in ways:
        assert Dataset(tmp_path / f"{name}.csv", freq="D").fingerprint == expected, name


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,2024-01-03\n", r"b.csv, line 5: expected 3 columns, as the header has, got 2: 'a,2024-01-03'"),
        ("a,2024-01-03,4,5\n", r"b.csv, line 5: expected 3 columns, as the header has, got 4"),
        ('"a,2024-01-03,4\n', r"b.csv, line 5: a quote is not closed"),
        ('"a"x,2024-01-03,4\n', r"b.csv, line 5: a quote is not closed, or not doubled inside a value"),
        ("é,2024-01-03,4\n".encode("latin-1"), r"b.csv is not UTF-8"),
    ],
)
@pytest.mark.parametrize("ending", ["*.csv", "b.csv"])
def test_a_broken_row_is_named_with_its_file_and_line(tmp_path, ending, rows, message):
    bad = (HEAD + ROWS).encode() + (rows if isinstance(rows, bytes) else rows.encode())
    folder_of(tmp_path, a=HEAD + ROWS.replace("2024", "2023"), b=bad)
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path / ending, freq="D")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 5),
        ('"two\nlines",2024-01-01,1\n', 7),  # as an editor shows it, not as records are counted
        ('"one\n\nand ""four""\n",2024-01-01,1\n' + '"x\ny",2024-01-01,1\n', 11),
        ("\n\n", 7),
        ('5" pipe,2024-01-01,1\n', 6),  # a quote inside a value opens nothing
    ],
)
@pytest.mark.parametrize(
    ("row", "message"),
    [("a,2024-01-03\n", "expected 3 columns"), ('"a,2024-01-03,4\n', "a quote is not closed")],
)
def test_lines_are_counted_as_an_editor_does_where_values_hold_line_breaks(
    tmp_path, end, before, line, row, message
):
    text = (HEAD + before + ROWS + row).replace("\n", end)
    folder_of(tmp_path, sales=text)
    with pytest.raises(ForetellError, match=f"sales.csv, line {line}: {message}"):
        Dataset(tmp_path / "sales.csv", freq="D")
    compressed = tmp_path / "sales.csv.gz"
    compressed.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(ForetellError, match=f"sales.csv.gz, line {line}: {message}"):
        Dataset(compressed, freq="D")


def test_where_counting_lines_would_take_long_the_row_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(delimited, "_COUNTED", 4)
    folder_of(tmp_path, sales=HEAD + ROWS + "a,2024-01-03\n")
    with pytest.raises(ForetellError, match=r"sales.csv, row 5: expected 3 columns"):
        Dataset(tmp_path / "sales.csv", freq="D")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("row", "message"),
    [("a,2024-01-03\n", "line 30005: expected 3 columns"), ("é,2024-01-03,4\n", "line 30005: not UTF-8")],
)
def test_a_broken_row_far_down_is_named_too(tmp_path, row, message):
    days = pd.date_range("1900-01-01", periods=30_000).strftime("%Y-%m-%d")
    long = HEAD + "".join(f"long,{day},1\n" for day in days) + ROWS
    folder_of(tmp_path, sales=long.encode() + row.encode("latin-1"))
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path / "sales.csv", freq="D")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"b.csv is empty \(0 bytes\)"),
        ("\n" + HEAD, "b.csv, line 1: empty, expected the names of the columns"),
        ("item_id,timestamp,target,target\n", "b.csv, line 1: the column 'target' is there twice"),
        ("item_id,timestamp,target\n".encode("utf-16"), "b.csv is not UTF-8"),
        (
            "item_id,timestamp\na,2024-01-05\n",
            "b.csv has no column 'target', which other files of the target table",
        ),
        ("item_id,target\na,1\n", "b.csv has no column 'timestamp'"),
        ("timestamp,target\n2024-01-05,1\n", "b.csv has no column 'item_id'"),
    ],
)
def test_a_file_of_a_glob_that_is_empty_or_lacks_a_column_is_named(tmp_path, content, message):
    folder_of(tmp_path, a=HEAD + ROWS, b=content)
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path, freq="D")


def test_a_header_alone_adds_nothing_beside_other_files_and_is_an_error_alone(tmp_path):
    folder_of(tmp_path, a=HEAD + ROWS, b=HEAD)
    assert Dataset(tmp_path, freq="D").fingerprint == Dataset(tmp_path / "a.csv", freq="D").fingerprint
    with pytest.raises(ForetellError, match=r"the target table \(b.csv\) has no rows"):
        Dataset(tmp_path / "b.csv", freq="D")


def test_files_of_a_glob_may_order_their_columns_in_any_way(tmp_path):
    folder_of(tmp_path, a=HEAD + ROWS, b="target;item_id;timestamp\n9;a;2024-01-03\n")
    assert Dataset(tmp_path, freq="D").panel.history(0).tolist() == [1, 2, 9]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_covariate_that_a_file_lacks_is_missing_there_and_said_so(tmp_path, ending):
    folder_of(tmp_path, sales=HEAD + ROWS)
    days = pd.date_range("2024-01-01", periods=2)
    one = pd.DataFrame({"item_id": "a", "timestamp": days, "price": [1.0, 2.0], "promo": 0})
    two = one.assign(item_id="b").drop(columns="price")
    for name, frame in (("one", one), ("two", two)):
        (frame.to_csv if ending == "csv" else frame.to_parquet)(tmp_path / f"r_{name}.{ending}", index=False)
    data = Dataset(tmp_path / "sales.csv", tmp_path / f"r_*.{ending}", freq="D", known=["price", "promo"])
    said = [finding.message for finding in data.findings if finding.code == "lacking"]
    assert len(said) == 1
    assert f"r_two.{ending} has no column 'price'" in said[0]
    assert names_of(data.panel.schema.known) == ("price", "price is missing", "promo")


def test_a_column_that_is_empty_in_one_file_is_still_a_number(tmp_path):
    folder_of(
        tmp_path,
        sales=HEAD + ROWS,
        r1="item_id,timestamp,price\na,2024-01-01,\n",
        r2="item_id,timestamp,price\nb,2024-01-01,2\n",
    )
    data = Dataset(tmp_path / "sales.csv", tmp_path / "r*.csv", freq="D", past=["price"])
    assert data.schema.past[0].name == "price"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("a", "2024-01-09", "many"),
            r"item 'a' at 2024-01-09 in .*part2.{}: 'target' must be a number, got 'many'",
        ),
        (("a", "Jan 9", "1"), r"item 'a' in .*part2.{}: 'timestamp' 'Jan 9' does not parse"),
        (
            ("a", "9999-12-31", "1"),
            r"item 'a' in .*part2.{}: 'timestamp' '9999-12-31' does not parse.*from 1678 to 2261",
        ),
        (("a", None, "1"), r"item 'a' in .*part2.{}: 'timestamp' is empty"),
        ((None, "2024-01-09", "1"), r"1 rows have no 'item_id', first at 2024-01-09 in .*part2.{}"),
        (("", "2024-01-09", "1"), r"1 rows have no 'item_id', first at 2024-01-09 in .*part2.{}"),
        (
            ("a", "2024-01-09", "inf"),
            r"item 'a' at 2024-01-09 in .*part2.{}: 'target' must be a finite number",
        ),
        (
            ("a", "2024-01-01", "1"),
            r"item 'a': 2 rows at 2024-01-01 in the target table .*part1.{0} and .*part2.{0}",
        ),
        (("a", "2024-01-09 12:00", "1"), r"item 'a' at 2024-01-09 12:00 in .*part2.{}: not on the frequency"),
    ],
)
def test_a_fault_in_one_file_of_a_glob_is_named_with_that_file(tmp_path, ending, row, message):
    names = ["item_id", "timestamp", "target"]
    good = pd.DataFrame([("a", f"2024-01-0{day}", str(day)) for day in (1, 2, 3)], columns=names)
    for part, frame in (("part1", good), ("part2", pd.DataFrame([row], columns=names, dtype="string"))):
        (frame.to_csv if ending == "csv" else frame.to_parquet)(tmp_path / f"{part}.{ending}", index=False)
    strict = "12:00" in str(row[1])
    with pytest.raises(ForetellError, match=message.format(ending)):
        Dataset(tmp_path / f"part*.{ending}", freq="D", strict=strict)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,1\n", r"item 'a': 2 rows in the items table .*i1.csv and .*i2.csv"),
        (",1\n", r"1 rows lack a part of their key \(item_id\), first in .*i2.csv"),
    ],
)
def test_a_fault_in_the_item_table_is_named_with_its_file(tmp_path, rows, message):
    folder_of(tmp_path, sales=HEAD + ROWS, i1="item_id,size\na,1\nb,2\n", i2="item_id,size\n" + rows)
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path / "sales.csv", items=tmp_path / "i*.csv", freq="D")


@pytest.mark.parametrize("ids", [[7, 7, 8], [7.0, 7.0, 8.0], ["7", "7", "8"], [7, "7", 8.0]])
@pytest.mark.parametrize("others", [[7, 8], [7.0, 8.0], ["7", "8"], ["7", 8]])
def test_an_id_joins_whatever_its_type_in_either_table(ids, others):
    sales = pd.DataFrame(
        {"item_id": ids, "timestamp": ["2024-01-01", "2024-01-02", "2024-01-01"], "target": 1.0}
    )
    panel = Dataset(sales, items=pd.DataFrame({"item_id": others, "size": [3, 4]}), freq="D").panel
    assert panel.names == ["7", "8"]
    assert panel.static_real.tolist() == [[3], [4]]


def test_ids_that_differ_by_zeros_alone_are_pointed_out(tmp_path):
    sales = pd.DataFrame({"item_id": [7, 8], "timestamp": "2024-01-01", "target": 1.0})
    for items in (["007", "008"], ["7.0", "8.0"]):
        data = Dataset(sales, items=pd.DataFrame({"item_id": items, "size": [3, 4]}), freq="D")
        said = [finding.message for finding in data.findings if finding.code == "unlike_ids"]
        assert len(said) == 1
        assert f"'{items[0]}' there is '7' in the target table" in said[0]


@pytest.mark.parametrize(
    ("form", "texts"),
    [
        ("%d.%m.%Y", ["31.12.2023", "01.02.2024", "2024-02-02"]),
        ("%m/%d/%y", ["12/31/23", "02/01/24", "2024-02-02 00:00"]),
        ("%Y%m%d", ["20231231", "20240201", "20240202"]),
        ("%Y%m%d", [20231231, 20240201, 20240202]),
        ("%d %b %Y %H:%M", ["31 Dec 2023 10:30", "01 Feb 2024 00:00", "02 Feb 2024 23:59"]),
    ],
)
@pytest.mark.parametrize("ending", ["csv", "parquet", "frame"])
def test_dates_of_another_format_are_read_as_it_says(tmp_path, form, texts, ending):
    source = frame = pd.DataFrame({"item_id": "a", "timestamp": texts, "target": [1.0, 2.0, 3.0]})
    if ending != "frame":
        source = tmp_path / f"sales.{ending}"
        (frame.to_csv if ending == "csv" else frame.to_parquet)(source, index=False)
    panel = Dataset(source, freq="D", date_format=form).panel
    assert str(panel.frequency.timestamps(panel.start[:1])[0])[:10] == "2023-12-31"
    assert panel.lengths.tolist() == [34]


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        (None, "31.12.2024", "'31.12.2024' does not parse.*other formats need date_format="),
        ("%d.%m.%Y", "12.31.2024", "'12.31.2024' does not parse.*as the format '%d.%m.%Y' says"),
        ("%Y-%d-%m", "2024-01-31", "'2024-01-31' does not parse.*as the format '%Y-%d-%m' says"),
        ("%d.%m.%Q", "12.31.2024", "cannot be read.*%Q|format"),
        ("D.M.Y", "31.12.2024", "date_format must be spelt as strptime does"),
        (7, "31.12.2024", "date_format must be spelt as strptime does"),
    ],
)
def test_a_date_that_is_not_in_the_format_is_named(form, text, message):
    frame = pd.DataFrame({"item_id": "a", "timestamp": [text], "target": 1.0})
    with pytest.raises(ForetellError, match=message):
        Dataset(frame, freq="D", date_format=form)


GERMAN = "item_id;timestamp;target;price;size\n1,5;2024-01-01;1234,5;0,99;2,5\n1,5;2024-01-02;-7;;2,5\n1,5;2024-01-03; ;1e3;2,5\n"


def test_a_decimal_comma_is_read_where_it_is_asked_for(tmp_path):
    folder_of(tmp_path, sales=GERMAN, items="item_id;size\n1,5;2,5\n")
    related = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=3), "cost": ["1,5", "", "2"]})
    related = related.astype({"timestamp": str})
    related.to_csv(tmp_path / "related.csv", index=False, sep=";")
    panel = Dataset(
        tmp_path / "sales.csv",
        tmp_path / "related.csv",
        tmp_path / "items.csv",
        freq="D",
        decimal=",",
        past=["cost"],
    ).panel
    assert panel.names == ["1,5"]  # an id is text
    assert panel.history(0).tolist()[:2] == [1234.5, -7]
    assert panel.past[:, 0].tolist()[::2] == [1.5, 2]
    assert panel.static_real.tolist() == [[2.5]]


@pytest.mark.parametrize(
    ("value", "decimal", "message"),
    [
        ("1.234,5", ",", "'target' must be a number, got '1.234,5'"),
        ("1.234", ",", "'target' must be a number, got '1.234'"),
        ("1,2,3", ",", "'target' must be a number, got '1,2,3'"),
        ("12,5", ".", r"got '12,5' .* Where a comma is the decimal mark, say so: decimal=','\."),
        (
            "1,040",
            ".",
            r"Where ',' stands between thousands, say so: thousands=','\. Where a comma is the decimal",
        ),
        ("1.234,5", ".", r"got '1.234,5' .* say so: thousands='\.' and decimal=','\.$"),
        ("1,234.5", ".", r"got '1,234.5' .* say so: thousands=','\.$"),
        ("1'234", ".", r"""got "1'234" .* say so: thousands="'"\.$"""),
        ("1.234", ",", r"got '1.234' .* say so: thousands='\.'\.$"),
        ("1.234,5", ",", r"got '1.234,5' .* say so: thousands='\.'\.$"),
        ("1,2,3", ".", r"observed\.$"),
        ("1", ";", "decimal must be '.' or ',', got ';'"),
    ],
)
def test_a_number_with_the_other_mark_is_refused_rather_than_guessed(tmp_path, value, decimal, message):
    folder_of(tmp_path, sales=f"item_id;timestamp;target\na;2024-01-01;1\na;2024-01-02;{value}\n")
    with pytest.raises(ForetellError, match=message):
        Dataset(tmp_path / "sales.csv", freq="D", decimal=decimal)


def test_numbers_with_a_comma_that_become_categories_are_reported(tmp_path):
    folder_of(tmp_path, sales=GERMAN.replace("1234,5", "1234"), items="item_id;size;tag\n1,5;2,5;2,5 kg\n")
    related = pd.DataFrame({"timestamp": ["2024-01-01", "2024-01-02"], "cost": ["1,5", "2"]})
    related.to_csv(tmp_path / "related.csv", index=False, sep=";")
    files = [tmp_path / f"{name}.csv" for name in ("sales", "related", "items")]
    found = {
        f.message.split("'")[1]: f for f in Dataset(*files, freq="D").findings if f.code == "decimal_comma"
    }
    assert set(found) == {"cost", "size"}
    assert "such as '1,5'" in found["cost"].message
    assert not [f for f in Dataset(*files, freq="D", decimal=",").findings if f.code == "decimal_comma"]


def test_text_of_frames_has_a_decimal_comma_too_and_numbers_stay_as_they_are():
    frame = pd.DataFrame({"item_id": "a", "timestamp": ["2024-01-01", "2024-01-02"], "target": ["1,5", "2"]})
    assert Dataset(frame, freq="D", decimal=",").panel.target.tolist() == [1.5, 2]
    assert Dataset(frame.assign(target=[1.5, 2.0]), freq="D", decimal=",").panel.target.tolist() == [1.5, 2]


def test_the_command_line_takes_a_decimal_mark(tmp_path):
    folder_of(tmp_path, sales=GERMAN)
    words = [
        "ingest",
        str(tmp_path / "sales.csv"),
        "--freq",
        "D",
        "--decimal",
        ",",
        "--out",
        str(tmp_path / "panel"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert Dataset.open(tmp_path / "panel").panel.target[0] == 1234.5


def refused_dates():
    return pd.DataFrame({"item_id": "a", "timestamp": ["01.02.2024 23:30 +0500"], "target": [1.0]})


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (
            refused_dates(),
            {"date_format": "%d.%m.%Y %H:%M %z"},
            "has %z: an offset or a zone is read in ISO times only",
        ),
        (pd.DataFrame(), {}, "the target table has no columns"),
        (pd.DataFrame(columns=["item_id", "timestamp", "target"]), {}, "the target table has no rows"),
    ],
)
def test_tables_that_hold_nothing_and_offsets_in_a_format_are_refused(table, options, message):
    with pytest.raises(ForetellError, match=message):
        Dataset(table, freq="D", **options)


def test_a_folder_without_tables_and_a_file_of_another_kind_are_named(tmp_path):
    with pytest.raises(ForetellError, match="holds no CSV or Parquet file"):
        Dataset(tmp_path, freq="D")
    (tmp_path / "sales.sav").write_bytes(b"PK")
    with pytest.raises(ForetellError, match=r"sales\.sav' must be CSV .* Save it as one of these"):
        Dataset(tmp_path / "sales.sav", freq="D")


@pytest.mark.parametrize(("freq", "reported"), [("W-FRI", True), ("MS", False)])
def test_where_days_become_weeks_it_is_said_which_day_these_begin_on(freq, reported):
    days = pd.date_range("2024-01-01", periods=60)
    data = Dataset(pd.DataFrame({"item_id": "a", "timestamp": days, "target": 1.0}), freq=freq)
    assert [
        f.message for f in data.findings if f.code == "weeks" and "'W-FRI' begins on its day" in f.message
    ] == ([f.message for f in data.findings if f.code == "weeks"])
    assert any(finding.code == "weeks" for finding in data.findings) is reported


def test_a_bad_number_in_a_row_whose_time_cannot_be_read_is_named_without_a_time(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "a,31.12.2023,many\n")
    said = CliRunner().invoke(app, ["check", str(path), "--freq", "D", "--json"]).output
    assert "item 'a' in " in said
    assert "'target' must be a number, got 'many'" in said
    assert "None" not in said
