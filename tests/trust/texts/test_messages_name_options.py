"""Whoever meets a message at the prompt is told the options there are, never arguments of Python."""

from __future__ import annotations

import ast
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import typer
from typer.testing import CliRunner

import foretell
from foretell.cli.app import app
from foretell.cli.option_names import OPTIONS, as_options

ROOT: Final = Path(foretell.__file__).parents[2]
SOURCES: Final = [
    path
    for package in ("engine", "recipes")
    for path in (ROOT / package).rglob("*.py")
    if not {"reporting", "testing", "cli"} & set(path.parts)
]
# what stands before = in messages and is no argument of a function: hyperparameters, and code that an author writes
OTHERS: Final = {
    "hidden_size",
    "num_heads",
    "hidden_dimensions",
    "batch_norm",
    "frozen",
    "kw_only",
    "name",
    "store_id",
}
ARGUMENT: Final = re.compile(r"(?<![\w.'\"-])([a-z][a-z_]+)=(?!=)")
# words of Python alone, and requests whose object is an argument
ASKED: Final = "resume|calibrate|strict|holidays|windows|stride|cutoffs|partitions|start|out"
BARE: Final = re.compile(
    r"\b(?:freq|date_format|text_values|holiday_days|time_limit|target_column|overwrite)\b(?!=|-)"
    rf"|\b[Ll]eave (?:{ASKED}) (?:out|off)\b|\b(?:[Ww]ithout|another|goes on with)(?: an?)? (?:{ASKED})\b(?!=)"
)
# errors of classes and functions that no command calls in that way
PYTHON_ONLY: Final = ("foretell.Dataset(", "model.predict(data)", "Dataset.open(", "a total is over steps or")


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Each text of several words in a file, but docstrings and SQL, with its line; what is put into it is ?."""
    tree = ast.parse(path.read_text())
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in parts | docs:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values)
        else:
            continue
        if " " in text and not re.match(r"\s*([A-Z]{3,}\b|<)", text) and "(SELECT" not in text:
            yield node.lineno, text


def test_no_message_speaks_of_an_argument_that_the_prompt_has_not() -> None:
    wrong, seen = [], 0
    for path in SOURCES:
        for line, text in messages(path):
            if any(words in text for words in PYTHON_ONLY):
                continue
            seen += 1
            said = as_options(text)
            left = [name for name in ARGUMENT.findall(said) if name not in OTHERS]
            bare = BARE.search(said)
            if left or (bare and "--" not in said[max(0, bare.start() - 2) : bare.start()]):
                wrong.append(f"{path.name}:{line}: {left or bare}: {said}")
    assert seen > 500
    assert not wrong, "\n".join(wrong)


def test_every_argument_with_an_option_of_its_name_is_translated() -> None:
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined]
    spelt = {name for command in commands for parameter in command.params for name in parameter.opts}
    elsewhere = {"--sql", "--related-sql", "--items-sql", "--database", "--config", "--verbose", "--help"}
    prompt_alone = {
        "--total",
        "--hierarchy",
        "--report",
        "--explain",
        "--related-id",
        "--related-timestamp",
        "--items-id",
        "--anonymous",
        "--lead-time",
        "--change",
        "--only",
        "--model",
        "--json",
        "--full",
        "--spreadsheet",
        "--held-out",
        "--precision",
        *("--home", "--host", "--port", "--workers", "--demo", "--testing", "--s3-root"),  # of the service
        *("--state", "--retrain"),  # of foretell run
    }
    options = {name for name in spelt if name.startswith("--")} - elsewhere - prompt_alone
    assert options <= set(OPTIONS.values()) | {"--processes", "--set"}


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"{item},2024-01-{day:02d},{day}" for item in "ab" for day in range(1, 29)]
    (tmp_path / "sales.csv").write_text("\n".join(["item_id,timestamp,target", *rows]) + "\n")
    ahead = [f"2024-01-{day:02d},{day % 2}" for day in range(1, 30)]
    (tmp_path / "ahead.csv").write_text("\n".join(["timestamp,promo", *ahead]) + "\n")
    return tmp_path


TRAIN: Final = "train sales.csv --freq D --horizon 3 --recipe seasonal_naive"
TEST: Final = "backtest sales.csv --freq D --horizon 3 --recipe seasonal_naive"
BAD: Final = [
    "train sales.csv --horizon 3",
    "train sales.csv --freq X --horizon 3",
    "train sales.csv --freq 1 --horizon 3",
    f"{TRAIN} --horizon 0",
    f"{TRAIN} --horizon 90",
    f"{TRAIN} --horizon -3",
    f"{TRAIN} --levels 50",
    f"{TRAIN} --levels x",
    f"{TRAIN} --levels ,",
    f"{TRAIN} --seed -1",
    f"{TRAIN} --season 0",
    f"{TRAIN} --season x",
    f"{TRAIN} --known promo",
    f"{TRAIN} --past promo",
    f"{TRAIN} --open promo",
    f"{TRAIN} --related ahead.csv --known promo --past promo",
    f"{TRAIN} --related ahead.csv --past promo --open promo",
    f"{TRAIN} --related ahead.csv --known promoo",
    f"{TRAIN} --categorical a --numeric a",
    f"{TRAIN} --text-values -1",
    f"{TRAIN} --dimensions store",
    f"{TRAIN} --id sku",
    f"{TRAIN} --target units",
    f"{TRAIN} --timestamp day",
    f"{TRAIN} --date-format %d.%m.%Y",
    f"{TRAIN} --date-format %z",
    f"{TRAIN} --date-format %G",
    f"{TRAIN} --decimal ;",
    f"{TRAIN} --filling target.middel=zero",
    f"{TRAIN} --filling target.middle=linear",
    f"{TRAIN} --filling price.middle=zero",
    f"{TRAIN} --aggregation target=most",
    f"{TRAIN} --aggregation price=sum",
    f"{TRAIN} --holidays XX",
    f"{TRAIN} --holidays DE --holiday-days 900",
    f"{TRAIN} --holidays @country",
    f"{TRAIN} --timezone Berlin",
    f"{TRAIN} --time-limit soon",
    f"{TRAIN} --time-limit 5m",
    f"{TRAIN} --resume",
    f"{TRAIN} --calibrate --horizon 13",
    f"{TRAIN} --recipe ets",
    f"{TRAIN} --recipe ,",
    f"{TRAIN} --set ets.season=2",
    f"{TRAIN} --from nowhere",
    f"{TRAIN} --out sales.csv",
    f"{TRAIN} --processes 0",
    f"{TEST} --windows 0",
    f"{TEST} --windows 99",
    f"{TEST} --stride 0",
    f"{TEST} --stride 9 --windows 9",
    f"{TEST} --cutoffs soon",
    f"{TEST} --cutoffs 2030-01-01",
    f"{TEST} --cutoffs 2024-01-20 --stride 3",
    f"{TEST} --cutoffs 2024-01-20,2024-01-20",
    f"{TEST} --cutoffs 2024-01-20 --ends own",
    f"{TEST} --resume",
    f"{TEST} --recipe ets --set mqrnn.seed=2",
    f"{TEST} --recipe ets --recipe ets",
    "tune sales.csv --freq D --horizon 13 --recipe ets --out tuned",
    "tune sales.csv --freq D --horizon 3 --recipe seasonal_naive --out tuned",
    "evaluate sales.csv sales.csv --freq D",
    "check sales.csv --freq D --horizon 0",
    "ingest sales.csv --freq D",
    "predict sales.csv sales.csv",
    "predict nowhere sales.csv",
]


@pytest.mark.parametrize("line", BAD)
def test_a_bad_command_line_is_one_message_of_options(line: str, tables: Path) -> None:
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 2, done.output
    assert isinstance(done.exception, SystemExit), done.exception
    said = [name for name in ARGUMENT.findall(done.output) if name not in OTHERS]
    assert not said, done.output
    assert not BARE.search(re.sub(r"--[a-z-]+", "--x", done.output)), done.output


def test_warnings_of_the_log_are_spelt_as_options_and_with_names_as_they_are(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(self: object) -> None:
        logging.getLogger("foretell.any").warning("%s: resume=True goes on, or ends='own'", "price\x1b[2J")

    monkeypatch.setattr("foretell.cli.option_groups.CommonOptions.begin", read)
    done = CliRunner().invoke(app, ["check", "sales.csv", "--freq", "D"])
    assert "price\\x1b[2J: --resume goes on, or --ends own" in done.stderr
    assert "\x1b" not in done.output


@pytest.mark.parametrize("option", ["--only ,", "--only="])
def test_a_list_of_no_items_is_not_a_forecast_of_all(option: str, tables: Path) -> None:
    assert CliRunner().invoke(app, [*TRAIN.split(), "--out", "model"]).exit_code == 0
    done = CliRunner().invoke(app, ["predict", "model", "sales.csv", "--freq", "D", *option.split()])
    assert done.exit_code == 2
    assert "--only takes names separated by commas" in done.stderr
