"""Commands that plan with a trained model: whatif, explain."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from foretell.cli.console import flush_table, say, say_replaced, show_findings, show_table
from foretell.cli.option_groups import CommonOptions, DataOptions, Overwrite, Sales, Spreadsheet
from foretell.cli.tables import open_model
from foretell.cli.training_commands import check_page, replaced_by_forecasts
from foretell.cli.values import level_list, names, required
from foretell.errors import ForetellError

if TYPE_CHECKING:
    import pandas as pd

    from foretell.explain.explanation import Explanation
    from foretell.explain.whatif_result import WhatIf

_UNNAMED = "what if"  # the scenario of changes without a name
Page = Annotated[
    Path | None,
    Option(
        metavar="FILE", help="A page to look at: totals, weeks, groups, each item with its picture (.html)."
    ),
]
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
        Path | None, Option(metavar="FILE", help="A file, as in predict, for the forecasts of all scenarios.")
    ] = None,
    report: Page = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Forecast with a trained model, and what it would forecast if columns that are known ahead were other."""
    common.begin()
    scenarios = scenarios_asked(required("--change", change or None, "what to change, such as 'promo = 1'"))
    old = None if out is None else replaced_by_forecasts(out, overwrite=overwrite)
    check_page(report, overwrite=overwrite)
    wanted = None if levels is None else level_list(levels)
    trained, tables = open_model(model, sales, data, device=device)
    result = trained.whatif(tables, scenarios, items=names(only) or None, levels=wanted)
    show_findings(result.findings)
    _show_totals(result.totals(names(by)))
    if out is not None:
        result.save(out, spreadsheet=spreadsheet, overwrite=overwrite)
        say_replaced(old)
        say(f"the baseline and {len(result)} scenarios: {out}")
    _save_page(result, report, overwrite=overwrite)


def explain(  # noqa: PLR0913  (each is an option of its own)
    model: Annotated[Path, Argument(metavar="MODEL", help="A folder that `foretell train` wrote.")],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    only: Annotated[str | None, Option(metavar="ITEMS", help="Explain these items alone.")] = None,
    by: Annotated[
        str | None,
        Option(metavar="COLUMNS", help="Explain sums by parts of the key and metadata; `all` is one of all."),
    ] = None,
    level: Annotated[
        float | None, Option(metavar="LEVEL", help="Explain this quantile, not the mean: 0.9.")
    ] = None,
    permutations: Annotated[
        int | None,
        Option(help="Drawn, an even number: more, smaller errors. Default: 32 for few drivers and recipes."),
    ] = None,
    seed: Annotated[int, Option(help="Of what is drawn.")] = 0,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    out: Annotated[
        Path | None,
        Option(metavar="FILE", help="A file, as in predict, for the contributions, step by step."),
    ] = None,
    report: Page = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Say what the columns, holidays, calendar and history add to the forecast of a trained model."""
    common.begin()
    old = None if out is None else replaced_by_forecasts(out, overwrite=overwrite)
    check_page(report, overwrite=overwrite)
    trained, tables = open_model(model, sales, data, device=device)
    groups = None if by is None else [] if by == "all" else names(by)
    result = trained.explain(
        tables, items=names(only) or None, by=groups, level=level, permutations=permutations, seed=seed
    )
    show_findings(result.findings)
    _show_totals(result.impact(), fine=("impact", "share"))
    if out is not None:
        result.save(out, spreadsheet=spreadsheet, overwrite=overwrite)
        say_replaced(old)
        say(f"the contributions of {len(result.drivers)} drivers: {out}")
    _save_page(result, report, overwrite=overwrite)


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


def _save_page(result: WhatIf | Explanation, report: Path | None, *, overwrite: bool) -> None:
    if report is not None:
        result.save_report(report, overwrite=overwrite)
        say(f"a page to look at: {report}")


def _show_totals(totals: pd.DataFrame, *, fine: Sequence[str] = ()) -> None:
    """Print a table; the columns `fine` with two decimals, all others with one."""
    table = flush_table(*totals.columns)
    for row in totals.itertuples(index=False):
        table.add_row(
            *(_cell(each, 1 + (name in fine)) for name, each in zip(totals.columns, row, strict=True))
        )
    show_table(table)


def _cell(value: object, digits: int) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{round(value, digits) + 0.0:,.{digits}f}"  # no -0.0
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
