"""Names that terminals, figures, pages or spreadsheets would obey are shown as they are."""

from __future__ import annotations

import ast
import io
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

import foretell
from foretell.cli.app import app
from foretell.cli.console import flush_table, show_heading, standard_output
from foretell.recipe.fan_chart import as_written
from foretell.system.csv_text import write_csv
from foretell.system.frame_writers import frame_writer, write_frame
from foretell.system.plain_text import printable

ENGINE = Path(foretell.__file__).parent
SOURCES = sorted(ENGINE.rglob("*.py"))
PRICE, TAX, ITEM, BOLD = "price [/day]", r"tax $\foo$", "<b>", "[bold]"
ITEMS = ("<b>", r"$\foo$ [bold]<script>", "=1+1\rb")
NAMES = (PRICE, TAX, ITEM, BOLD, "m[red]x", ":warning:", "a & b", "x [/]", "$a$ $b$")


# Terminals


@pytest.mark.parametrize("name", NAMES)
def test_rich_prints_a_name_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    standard_output().print(f"{name}: none")
    show_heading(name, name)
    table = flush_table("first", name)
    table.add_row("x", name)
    standard_output().print(table)
    assert capsys.readouterr().out.count(name) == 5


def test_what_a_terminal_would_obey_is_spelt_out() -> None:
    assert (
        printable("a\x1b[31mb\x07\r\u202ec\nd\te é 日 \u200d")
        == "a\\x1b[31mb\\x07\\r\\u202ec\nd\te é 日 \u200d"
    )


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Each call, by the last part of its name."""
    nodes = [
        node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    return [(getattr(node.func, "attr", getattr(node.func, "id", "")), node) for node in nodes]


def imported(path: Path) -> set[str]:
    """The modules that a file imports, and the names it takes from them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
    return found


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ENGINE)}:{getattr(node, 'lineno', 0)}"


def test_only_the_console_speaks_to_a_terminal() -> None:
    rich = [path for path in SOURCES if any(name.split(".")[0] == "rich" for name in imported(path))]
    assert [str(path.relative_to(ENGINE)) for path in rich] == ["cli/console.py"]
    loud = {
        where(path, node)
        for path in SOURCES
        for name, node in calls(path)
        if name in ("print", "secho", "echo") and not _of_console(node) and path.name != "console.py"
    }
    # JSON for programs, in which control characters are escapes; the version; one fixed word before there is a console
    assert {place.partition(":")[0] for place in loud} <= {
        "cli/data_commands.py",
        "cli/option_groups.py",
        "__main__.py",
    }
    console = (ENGINE / "cli/console.py").read_text(encoding="utf-8")
    assert "markup=True" not in console
    assert "from_markup" not in console
    assert console.count("Console(") == console.count("_PlainConsole(")


def _of_console(node: ast.Call) -> bool:
    """Whether a `print` is that of `standard_output()`."""
    owner = getattr(node.func, "value", None)
    return isinstance(owner, ast.Call) and getattr(owner.func, "id", "") == "standard_output"


# Figures


@pytest.mark.parametrize("name", NAMES)
def test_matplotlib_draws_a_name_as_it_is(name: str) -> None:
    figure = Figure()
    axes = figure.add_subplot()
    as_written(axes.set_title(name))
    drawn = io.StringIO()
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg")
    assert name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in drawn.getvalue()


DRAWN = ("set_title", "set_xlabel", "set_ylabel", "suptitle", "supxlabel", "supylabel", "annotate")


def test_every_text_of_a_figure_that_is_not_fixed_is_drawn_as_written() -> None:
    seen = 0
    for path in SOURCES:
        inside = {id(call.args[0]) for name, call in calls(path) if name == "as_written" and call.args}
        for name, call in calls(path):
            if name in DRAWN and not all(isinstance(text, ast.Constant) for text in call.args[:1]):
                assert id(call) in inside, f"{where(path, call)}: {name} of a text that is not fixed"
                seen += 1
            labels = [word for word in call.keywords if word.arg in ("xlabel", "ylabel", "title")]
            if name == "set":
                assert all(isinstance(word.value, ast.Constant) for word in labels), where(path, call)
    assert seen >= 7


# The page


def test_only_one_function_makes_html_of_text() -> None:
    escaping = [path for path in SOURCES if {"html", "html.escape"} & imported(path)]
    assert [path.name for path in escaping] == ["html_blocks.py"]
    text = escaping[0].read_text(encoding="utf-8")
    assert text.count("html.escape(") == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bold: list[str] = []
        self.text = ""
        self.scripts = 0
        self._in = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._in = tag == "bdi"
        self.scripts += tag == "script"
        assert tag not in ("img", "u", "iframe", "object")
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self._in = False

    def handle_data(self, data: str) -> None:
        if self._in:
            self.bold.append(data)
        self.text += data


# All of it, at the prompt


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=47)
    parts = [
        pd.DataFrame({"item_id": item, "timestamp": days[:40], TAX: np.arange(40) % 7}) for item in ITEMS
    ]
    pd.concat(parts).to_parquet("sales.parquet")
    pd.DataFrame({"timestamp": days, PRICE: np.arange(47) % 3}).to_parquet("known.parquet")
    pd.DataFrame({"item_id": ITEMS, "<u>[red]": ["x", "[/]", "$y$"]}).to_parquet("items.parquet")
    tables = ("sales.parquet", "--related", "known.parquet", "--items", "items.parquet", "--freq", "D")
    return (*tables, "--known", PRICE, "--target", TAX)


def run(*words: object) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.slow
def test_the_commands_print_and_write_names_as_they_are(tables: tuple[str, ...]) -> None:
    checked = run("check", *tables)
    assert PRICE in checked.stdout
    assert "\r" not in checked.stdout
    tested = run(
        "backtest", *tables, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "runs", "--spreadsheet"
    )
    assert f"known ahead: {PRICE}" in tested.stderr
    page = _Tags()
    html = Path("runs/report.html").read_text(encoding="utf-8")
    page.feed(html)
    assert {*page.bold} == {printable(item) for item in ITEMS}
    assert page.scripts == 2  # the data of the items, and our own code
    assert "'=1+1" in Path("runs/metrics.csv").read_text(encoding="utf-8")
    run("train", *tables, "--horizon", 7, "--recipe", "seasonal_naive", "--out", "model")
    plain, sheet = (
        pd.read_csv(io.StringIO(run("predict", "model", *tables, *more).stdout), keep_default_na=False)
        for more in ((), ("--spreadsheet",))
    )
    assert sorted(set(plain["item_id"])) == sorted(ITEMS)
    assert set(sheet["item_id"]) - set(plain["item_id"]) == {"'=1+1\rb"}
    assert plain["mean"].tolist() == sheet["mean"].tolist()


# CSV


@pytest.mark.parametrize("spreadsheet", [False, True])
def test_a_lone_carriage_return_is_quoted_and_rows_end_with_a_line_feed(spreadsheet: bool) -> None:
    written = io.StringIO()
    frame = pd.DataFrame({"item\rid": ["a\rb", "c\nd", 'e"f'], "mean": [1.5, -2, np.nan]})
    write_csv(frame, written, spreadsheet=spreadsheet)
    assert written.getvalue() == '"item\rid",mean\n"a\rb",1.5\n"c\nd",-2.0\n"e""f",\n'


def test_texts_that_a_spreadsheet_computes_get_an_apostrophe_and_numbers_stay() -> None:
    written = io.StringIO()
    texts = ["=1", "+1", "-1", "@a", "\tx", "a=1", None]
    write_csv(pd.DataFrame({"=id": texts, "mean": [-1.0] * 7}), written, spreadsheet=True)
    heads, *rows = written.getvalue().splitlines()
    assert heads == "'=id,mean"
    assert [row.partition(",")[0] for row in rows] == ["'=1", "'+1", "'-1", "'@a", "'\tx", "a=1", ""]
    assert {row.partition(",")[2] for row in rows} == {"-1.0"}


def test_tables_written_whole_or_in_pieces_are_the_same_csv(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"item_id": ["a\rb", "-x"], "day": pd.to_datetime(["2024-01-01", "2024-01-02"]), "mean": 1.0}
    )
    write_frame(frame, tmp_path / "whole.csv", spreadsheet=True)
    with frame_writer(tmp_path / "pieces.csv", spreadsheet=True) as writer:
        writer.write(frame[:1])
        writer.write(frame[1:])
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "pieces.csv").read_bytes()
    assert (
        tmp_path / "whole.csv"
    ).read_bytes() == b'item_id,day,mean\n"a\rb",2024-01-01,1.0\n\'-x,2024-01-02,1.0\n'


def test_only_one_function_writes_csv() -> None:
    writers = [path.name for path in SOURCES for name, _ in calls(path) if name == "to_csv"]
    assert writers == ["csv_text.py"]
