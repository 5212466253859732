"""The command that watches a model in use: monitor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer import Argument, Option

from foretell.cli.console import (
    flush_table,
    say,
    say_replaced,
    show_findings,
    show_json,
    show_table,
    standard_output,
)
from foretell.cli.option_groups import CommonOptions, DataOptions, Overwrite, Sales, Spreadsheet
from foretell.cli.tables import open_dataset
from foretell.cli.values import names

if TYPE_CHECKING:
    import pandas as pd

    from foretell.monitoring.result import Monitor

EXIT: Final = {"fine": 0, "watch": 3, "retrain": 4}  # 2 is an error
_RUNS_SHOWN: Final = 12
_GROUPS_SHOWN: Final = 10


def monitor(  # noqa: PLR0913  (each is an option of its own)
    model: Annotated[
        Path,
        Argument(metavar="MODEL", help="A folder that `foretell train` wrote, or one of forecasts alone."),
    ],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    forecasts: Annotated[
        list[str],
        Option(
            metavar="FILES",
            default_factory=list,
            show_default=False,
            help="What predict wrote, a file a run: a folder, a glob, a file; repeat. Default: MODEL/forecasts.",
        ),
    ],
    backtest: Annotated[
        Path | None,
        Option(
            metavar="FOLDER",
            help="The model's back-test. Default: MODEL/backtest; without it, the first runs.",
        ),
    ] = None,
    by: Annotated[
        str | None, Option(metavar="COLUMNS", help="Groups of items too: family,region/family.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print it for programs.")] = False,
    out: Annotated[Path | None, Option(metavar="FOLDER", help="Where tables and report go.")] = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Judge a model's saved forecasts by what came. Exit status: 0 fine, 3 watch, 4 retrain, 2 error."""
    from foretell.monitoring.monitor import monitor as run_monitor
    from foretell.monitoring.watched import Watched
    from foretell.system.results import may_replace

    common.begin()
    old = None if out is None else may_replace(out, "monitor", overwrite=overwrite)
    schema = Watched.of(model).schema
    found = run_monitor(
        model,
        open_dataset(sales, data, schema, quiet=as_json),
        list(forecasts) or None,
        backtest=backtest,
        by=names(by),
        out=out,
        overwrite=overwrite,
        spreadsheet=spreadsheet,
    )
    say_replaced(old)
    if as_json:
        show_json(found.to_json())
    else:
        _show(found, out)
    if EXIT[found.verdict]:
        raise typer.Exit(EXIT[found.verdict])


def _show(found: Monitor, out: Path | None) -> None:
    say(str(found.settings["model"]))
    show_findings(found.findings)
    standard_output().print(found.verdict)
    for reason in found.reasons:
        standard_output().print(f"- {reason.verdict}: {reason.text}")
    show_table(_table(found.runs, ("origin", "until"), _RUNS_SHOWN, verdict=True))
    if len(found.groups):
        show_table(_table(found.groups, ("by", "group"), _GROUPS_SHOWN, verdict=False))
    if out is None:
        say("nothing was written: --out names a folder for the report and all tables")
    else:
        say(f"in {out}: {', '.join(sorted(path.name for path in out.iterdir() if path.is_file()))}")


def _table(frame: pd.DataFrame, first: tuple[str, ...], most: int, *, verdict: bool) -> Any:
    """The latest runs, or the largest groups, beside what is usual."""
    inside = next(c for c in frame.columns if c.startswith(("interval", "at or below")))
    columns = [*first, "wQL", "usual wQL", "WAPE", "bias", inside, f"usual {inside}"]
    table = flush_table(*columns, *(["verdict"] if verdict else []))
    shown = frame.tail(most) if verdict else frame.head(most)
    for row in shown.to_dict("records"):
        cells = [_cell(row[name]) for name in columns]
        table.add_row(*cells, *([str(row["verdict"]) or "-"] if verdict else []))
    return table


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value) or "-"
    return "-" if value != value else f"{value:.4f}"
