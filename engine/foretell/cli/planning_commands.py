"""Commands that plan with a trained model: whatif."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from foretell.cli.console import flush_table, say, say_replaced, show_findings, standard_output
from foretell.cli.option_groups import CommonOptions, DataOptions, Overwrite, Sales, Spreadsheet
from foretell.cli.tables import open_dataset
from foretell.cli.training_commands import replaced_by_forecasts
from foretell.cli.values import level_list, names, required
from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd

_UNNAMED = "what if"  # the scenario of changes without a name
Changes = Annotated[
    list[str],
    Option(
        "--change",
        metavar="CHANGE",
        help="COLUMN = EXPRESSION where CONDITION, or @FILE with rows to replace; NAME: in front names the scenario. Repeat.",
    ),
]


def whatif(  # noqa: PLR0913  (each is an option of its own)
    model: Annotated[Path, Argument(metavar="MODEL", help="A folder that `foretell train` wrote.")],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    change: Changes = [],  # noqa: B006  (typer copies it)
    by: Annotated[
        str | None, Option(metavar="COLUMNS", help="Totals by parts of the key, metadata, the timestamp.")
    ] = None,
    levels: Annotated[str | None, Option(metavar="LEVELS", help="Default: those of the training.")] = None,
    only: Annotated[str | None, Option(metavar="ITEMS", help="Forecast these items alone.")] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    out: Annotated[
        Path | None,
        Option(metavar="FILE", help="A .csv or .parquet file for the forecasts of all scenarios."),
    ] = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Forecast with a trained model, and what it would forecast if columns that are known ahead were other."""
    from foretell.workflows.train import load

    common.begin()
    scenarios = scenarios_asked(required("--change", change or None, "what to change, such as 'promo = 1'"))
    old = None if out is None else replaced_by_forecasts(out, overwrite=overwrite)
    wanted = None if levels is None else level_list(levels)
    trained = load(model, device=device)
    say(f"{model}: {trained.origin}")
    tables = open_dataset(sales, data, trained.schema, horizon=trained.task.horizon)
    result = trained.whatif(tables, scenarios, items=names(only) or None, levels=wanted)
    show_findings(result.findings)
    _show_totals(result.totals(names(by)))
    if out is not None:
        result.save(out, spreadsheet=spreadsheet, overwrite=overwrite)
        say_replaced(old)
        say(f"the baseline and {len(result)} scenarios: {out}")


def scenarios_asked(changes: Sequence[str]) -> dict[str, list[Any]]:
    """The changes of `--change` by scenario: those of one name belong together, and those without a name.

    A name ends at the first colon, and holds neither = nor quotes nor @. Raises ForetellError for a name without a change.
    """
    scenarios: dict[str, list[Any]] = {}
    for text in changes:
        name, colon, change = text.partition(":")
        if not colon or any(mark in name for mark in "='\"@"):
            name, change = _UNNAMED, text
        if not change.strip() or not name.strip():
            raise ForetellError(
                f"--change takes 'NAME: COLUMN = EXPRESSION where CONDITION', or without NAME:, got {text!r}"
            )
        plain = change.strip()
        scenarios.setdefault(name.strip(), []).append(Path(plain[1:]) if plain.startswith("@") else plain)
    return scenarios


def _show_totals(totals: pd.DataFrame) -> None:
    table = flush_table(*totals.columns)
    for row in totals.itertuples(index=False):
        table.add_row(*map(_cell, row))
    standard_output().print(table)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{round(value, 1) + 0.0:,.1f}"  # no -0.0
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
