"""The command that draws forecasts: plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from foretell.cli.console import say
from foretell.cli.option_groups import CommonOptions, DataOptions, LikeModel, Overwrite, Sales
from foretell.cli.tables import like_model, open_dataset
from foretell.cli.training_commands import check_page
from foretell.cli.values import required, some_names

KINDS = (".png", ".svg")


def plot(  # noqa: PLR0913  (each is an option of its own)
    forecasts: Annotated[
        str,
        Argument(metavar="FORECASTS", help="What predict or backtest wrote, or anybody's: CSV or Parquet."),
    ],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    model: LikeModel = None,
    only: Annotated[
        str | None, Option(metavar="ITEMS", help="Draw these items; default: the six largest.")
    ] = None,
    recipe: Annotated[
        str | None, Option(metavar="NAME", help="Of several in the table; default: the first.")
    ] = None,
    out: Annotated[Path | None, Option(metavar="FILE", help="A .png or .svg file.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw forecasts as fans with the history before them, and what happened where it is known."""
    from foretell.reporting.figures import save_figure
    from foretell.workflows.saved_forecasts import read_forecast

    common.begin()
    place = required("--out", out, "the picture's file, such as forecast.png")
    check_page(place, overwrite=overwrite, kinds=KINDS, option="--out")
    tables = open_dataset(sales, like_model(model, sales, data))
    forecast = read_forecast(forecasts, tables, recipe=recipe)
    items = [] if only is None else some_names("--only", [only])
    axes = forecast.plot(*(tuple(name.split(" / ")) if " / " in name else name for name in items))
    save_figure(axes.figure, place, overwrite=overwrite)
    say(f"{len(items) or min(len(forecast), 6)} of {len(forecast)} items: {place}")
