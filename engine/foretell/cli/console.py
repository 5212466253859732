"""What a person at the prompt sees: tables of findings, scores and summaries, and the lines beside them.

All of it goes through `say` and `standard_output`, which show texts as they are: names come from anybody's data.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Column, Table
from rich.text import Text

from foretell.cli.option_names import as_options
from foretell.data.findings import TAKEN, gravest_first
from foretell.reporting.numbers import short
from foretell.system.listener import Event, listening
from foretell.system.plain_text import printable

if TYPE_CHECKING:
    import pandas as pd

    from foretell.checks.check import Checkup
    from foretell.data.findings import Finding
    from foretell.ingest.dataset import Dataset
    from foretell.recipe.protocols import Summary
    from foretell.reporting.report import Report
    from foretell.system.results import Result

FINDINGS_SHOWN = 8
_AROUND: Final = ("backtest", "tune", "judge")  # stages that consist of others, outermost first
_LINE_SECONDS: Final = 60.0  # between two lines on progress
TEXTS = (
    "code",
    "default",
    "meaning",
    "remark",
    "role",
    "first item",
    "family",
    "what it is",
    "value",
    "found",
    "what it means, and the option that changes it",
)


def show_data(data: Dataset, findings: Iterable[Finding]) -> None:
    """What was taken as what, and the gravest of `findings`; `foretell check` shows them all."""
    roles: dict[str, list[str]] = {}
    for column, role in data.schema.roles.items():
        roles.setdefault(role, []).append(column)
    meanings = {"known": "known ahead", "past": "past only", "static": "metadata"}
    parts = [f"{meaning}: {', '.join(roles[role])}" for role, meaning in meanings.items() if role in roles]
    say(f"{len(data.panel)} items; " + ("; ".join(parts) or "no related series, no metadata"))
    show_findings(findings)


def show_findings(findings: Iterable[Finding]) -> None:
    """A line for each of the gravest, and for each guess of a column's role and of the frequency."""
    found = gravest_first(findings)
    shown = [f for place, f in enumerate(found) if place < FINDINGS_SHOWN or f.code in TAKEN]
    for finding in shown:
        say(f"{finding.severity}: {as_options(finding.message)}")
    if len(found) > len(shown):
        say(f"and {len(found) - len(shown)} more findings: foretell check shows them all")


def show_checkup(checkup: Checkup) -> None:
    """The tables, then errors, warnings and notes apart, each with what it means and what changes it."""
    show_summary(checkup.tables)
    for title, severity in (("Errors", "error"), ("Warnings", "warning"), ("Notes", "note")):
        found = [finding for finding in checkup if finding.severity == severity]
        standard_output().print(f"{title}: {len(found) or 'none'}")
        if found:
            table = flush_table("code", "found", "what it means, and the option that changes it")
            for finding in found:
                option = as_options(finding.option)
                means = f"{finding.meaning}\n-> {option}" if option else finding.meaning
                table.add_row(finding.code, as_options(finding.message), means)
            show_table(table)


def show_report(report: Report, out: Path | None) -> None:
    """The leaderboard and how each recipe was fitted; then which files `out` holds."""
    show_table(_leaderboard(report.leaderboard))
    for recipe, window, summary in report.summaries:
        show_summary(summary, f"{recipe}, origin {window.day}: ")
    if out is None:
        say("nothing was written: --out names a folder for the report, the forecasts and all scores")
    else:
        say(f"in {out}: {', '.join(sorted(path.name for path in out.iterdir() if path.is_file()))}")


def show_validation(recipe: str, scores: Mapping[str, float]) -> None:
    """What a training scored on the windows that it held out."""
    if scores:
        say("validation: " + ", ".join(f"{name} {_score(value)}" for name, value in scores.items()))
    else:
        say(f"no validation scores: {recipe} held out no window. foretell backtest scores it")


def show_summary(summary: Summary, prefix: str = "") -> None:
    """What a predictor says of how it was fitted."""
    for title, rows in summary.items():
        standard_output().print(prefix + title)
        table = flush_table(*(str(name) for name in (rows[0] if rows else ())))
        for row in rows:
            table.add_row(*(_summary_cell(value) for value in row.values()))
        show_table(table)


@contextmanager
def shown_progress() -> Iterator[None]:
    """Inside, what the library tells is shown: in one bar where a person looks on, else as a line a minute at most."""
    _SHOWN.append(ShownProgress(bars=interactive()))
    try:
        with listening(_SHOWN[-1]):
            yield
    finally:
        _SHOWN.pop().end()


class ShownProgress:
    """A listener that writes to standard error: how far the action at hand is, within those around it.

    Trials of `tune` are lines, for each is a result.
    """

    def __init__(self, *, bars: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._bars, self._clock = bars, clock
        self._around: dict[str, str] = {}  # how far the actions are that the one at hand is part of
        self._what, self._began, self._first = (
            "",
            clock(),
            0,
        )  # the one at hand, since when, how far it was then
        self._said = clock()  # when the last line was written
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __call__(self, event: Event) -> None:
        if event.stage == "tune":
            self.end()
            say(_trial(event))
        if event.stage in _AROUND:
            self._go_on(event)
        what = event.message if event.stage in _AROUND else f"{event.recipe} {event.stage}".strip()
        if (
            what != self._what or not self._first
        ):  # the pace is that from the first step on, which takes longer
            self._what, self._began, self._first = what, self._clock(), event.done
        if self._bars:
            self._draw(event)
        elif self._clock() - self._said >= _LINE_SECONDS:
            self._said = self._clock()
            say(", ".join(filter(None, (self._text(event, count=True), self._left(event)))))

    def end(self) -> None:
        """Take the bar away; the next event brings it back."""
        if self._bar is not None:
            self._bar.stop()
        self._bar = None

    def _go_on(self, event: Event) -> None:
        """Note how far an action around others is; those inside it have ended."""
        for inner in _AROUND[_AROUND.index(event.stage) :]:
            self._around.pop(inner, None)
        if event.done != event.total:
            self._around[event.stage] = f"[{event.done}/{event.total}] "

    def _text(self, event: Event, *, count: bool) -> str:
        """What is done, and how good it is."""
        numbers = f": {event.done:,}" + ("" if event.total is None else f" of {event.total:,}")
        counted = numbers if count and event.stage not in _AROUND and event.done else ""
        return "".join(self._around.values()) + self._what + counted + _figures(event)

    def _left(self, event: Event) -> str:
        """The time that is left at the pace so far; empty where that is not known yet."""
        took, done = self._clock() - self._began, event.done - self._first
        if event.stage in _AROUND or event.total is None or took < 1 or done <= 0:
            return ""
        seconds = took / done * max(event.total - event.done, 0)
        return f"{_spelt(seconds)} left" if seconds >= 1 else ""

    def _draw(self, event: Event) -> None:
        inside, text = event.stage not in _AROUND, printable(self._text(event, count=False))
        if self._bar is None:
            self._bar = _progress()
            self._task = self._bar.add_task(text, total=None, left="")
            self._bar.start()
        done = event.done if inside else 0
        self._bar.update(self._task, completed=done, description=text, left=self._left(event))
        self._bar.tasks[0].total = (
            event.total if inside else None
        )  # `update` leaves it alone where it is None


_SHOWN: Final[list[ShownProgress]] = []  # of the command that runs


def _spelt(seconds: float) -> str:
    """A time for people: 40 s, 12 min, 2.5 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _figures(event: Event) -> str:
    """Loss and validation score of a training, where there are such."""
    figures = {"loss": event.loss, "validation wQL": None if event.stage == "tune" else event.score}
    return "".join(f", {name} {value:.4f}" for name, value in figures.items() if value is not None)


def _trial(event: Event) -> str:
    spoken = (
        ", ".join(f"{name}={_summary_cell(value)}" for name, value in event.settings.items()) or "as given"
    )
    return f"[{event.done}] {spoken}: " + (event.message if event.score is None else f"wQL {event.score:.4f}")


def say_replaced(old: Result | None) -> None:
    """What stood in the place of a result before, where something did."""
    if old is not None:
        say(old.replaced)


def say(message: str) -> None:
    """What accompanies a result goes to standard error, so that the result can be piped on."""
    typer.echo(printable(message), err=True)


def show_json(value: Mapping[str, Any]) -> None:
    """For programs: control characters are escapes in it."""
    import orjson

    bare_output()
    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def show_version(asked: bool) -> None:
    """Which release this is, then what it stands on; it ends the program where it was asked for."""
    if asked:
        from foretell.system.environment import versions

        found = versions()
        typer.echo(f"foretell {found.pop('foretell', 'that is not installed')}")
        typer.echo(", ".join(f"{name} {number}" for name, number in found.items()))
        raise typer.Exit


def show_heading(name: str, text: str) -> None:
    """A name that stands out, and what it is."""
    line = Text.assemble("\n", (printable(name), "bold"), f"  {printable(text)}")
    standard_output().print(line)


def _leaderboard(board: pd.DataFrame) -> Table:
    """The main columns; leaderboard.csv has them all."""
    intervals = [column for column in board.columns if column.startswith("interval[")]
    scores = ["wQL", "RMSE", "WAPE", "bias", "MAPE", "MASE", *intervals[-1:]]
    columns = ["recipe", *scores, "fit_seconds", "predict_seconds", "fallbacks"]
    table = flush_table(*(name.replace("_seconds", " s") for name in columns))
    for row in board[columns].itertuples(index=False):
        name, *values, fit, predicting, fallbacks = row
        scored = [
            f"{value:+.3f}" if column == "bias" and not math.isnan(value) else _score(value)
            for column, value in zip(scores, values, strict=True)
        ]
        seconds = ("-" if math.isnan(value) else f"{value:.1f}" for value in (fit, predicting))
        table.add_row(str(name), *scored, *seconds, str(fallbacks))
    return table


def flush_table(*columns: str) -> Table:
    """An empty table with these columns: the first one and texts to the left, numbers to the right.

    Where there is not room for all, texts go on below, and all else is kept whole.
    """
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), collapse_padding=True, pad_edge=False)
    for position, column in enumerate(columns):
        left = position == 0 or column in TEXTS
        table.add_column(
            column, justify="left" if left else "right", no_wrap=column not in TEXTS, overflow="fold"
        )
    return table


def show_table(table: Table) -> None:
    """Print a table, all of it: as wide as it must be where no terminal says how wide, on a terminal in blocks of columns."""
    console, columns = standard_output(), table.columns
    least = [max(_header_width(column), _cells_width(column)) for column in columns]
    narrow = [max(_header_width(column, wraps=True), _cells_width(column)) for column in columns]
    if not console.is_terminal:
        console.width = max(console.width, _total(least))
    if (
        _total(narrow) <= console.width < _total(least)
    ):  # room for it, if words of a header stand below each other
        blocks, least = [list(range(len(columns)))], narrow
    else:
        blocks = _blocks(least, console.width)
    for block in blocks:
        console.print(_part(table, block, least))


def _total(widths: Sequence[int]) -> int:
    """Of a table: a blank stands before and behind each column."""
    return sum(widths) + 2 * len(widths)


def _header_width(column: Column, *, wraps: bool = False) -> int:
    return max(map(cell_len, _unbroken(str(column.header), wraps=wraps or not column.no_wrap)), default=0)


def _cells_width(column: Column) -> int:
    """Room for all of a cell, or for its longest word where it may go on below."""
    parts = (part for cell in column.cells for part in _unbroken(str(cell), wraps=not column.no_wrap))
    return max(map(cell_len, parts), default=0)


def _unbroken(text: str, *, wraps: bool) -> list[str]:
    return text.split() if wraps else text.splitlines()


def _blocks(least: Sequence[int], width: int) -> list[list[int]]:
    """The columns that fit side by side, by position; the first one begins each block."""
    blocks, room = [[0]], width - least[0] - 2
    for position, need in enumerate(least[1:], start=1):
        if room < need + 2 and len(blocks[-1]) > 1:
            blocks.append([0])
            room = width - least[0] - 2
        blocks[-1].append(position)
        room -= need + 2
    return blocks


def _part(table: Table, block: Sequence[int], least: Sequence[int]) -> Table:
    """Some columns of a table, each at least so wide."""
    columns = [table.columns[position] for position in block]
    part = flush_table(*(str(column.header) for column in columns))
    for position, column in zip(block, part.columns, strict=True):
        column.no_wrap = table.columns[position].no_wrap
        if column.no_wrap:
            column.width = least[position]
        else:
            column.min_width = least[position]
        column.header = Text(str(column.header), no_wrap=False)
    for cells in zip(*(column.cells for column in columns), strict=True):
        part.add_row(*cells)
    return part


def _summary_cell(value: Any) -> str:
    return "-" if value is None else short(value) if isinstance(value, float) else str(value)


def _score(value: float) -> str:
    """Four figures; a score that is not defined is a dash."""
    return "-" if math.isnan(value) else short(value)


class _PlainConsole(Console):
    """A console to which texts are texts: no markup, no emoji, no highlighting, no control characters."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As rich's, for whatever is printed or stands in a table."""
        plainly = {"markup": False, "emoji": False, "highlight": False}
        return super().render_str(printable(text), **{**options, **plainly})


def bare_output() -> None:
    """Take the bar away before something is written to standard output, which may be the same terminal."""
    for shown in _SHOWN:
        shown.end()


def standard_output() -> Console:
    """Standard output; 100 columns where it is no terminal, more for a table that needs them."""
    bare_output()
    return _PlainConsole() if sys.stdout.isatty() else _PlainConsole(width=100)


def _progress() -> Progress:
    """A bar on standard error of which the description is taken as it is; what goes to standard output is let alone."""
    # the bar gives way to the text where both do not fit
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="fold"))
    bar = BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=8, max_width=40))
    shown = (text, bar, TaskProgressColumn(), TextColumn("{task.fields[left]}", markup=False))
    return Progress(
        *shown, console=_PlainConsole(stderr=True), transient=True, redirect_stdout=False, expand=True
    )


def interactive() -> bool:
    """Whether a person watches standard error."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
