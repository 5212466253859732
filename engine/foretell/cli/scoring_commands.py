"""Commands that score forecasts: backtest, evaluate, demo."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from foretell.cli.console import say, say_replaced, show_data, show_findings, show_report
from foretell.cli.option_groups import (
    CommonOptions,
    DataOptions,
    LikeModel,
    Overwrite,
    RecipeOptions,
    RunOptions,
    Sales,
    Spreadsheet,
    TaskOptions,
    WindowOptions,
)
from foretell.cli.recipe_choice import chosen_recipes, horizon_of
from foretell.cli.tables import like_model, open_dataset
from foretell.cli.values import level_list, names

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

ReportFolder = Annotated[
    Path | None, Option(metavar="FOLDER", help="Where the report goes; default: nowhere.")
]
DEMO_STEPS = 500
DEMO_RECIPES: dict[str, dict[str, Any]] = {  # those that show what there is within four minutes
    "mqrnn": {"max_steps": DEMO_STEPS},
    "deepar": {"max_steps": DEMO_STEPS},
    "ets": {},
    "arima": {},
    "seasonal_naive": {},
}


def backtest(  # noqa: PLR0913  (each is an option of its own)
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    windows: WindowOptions,
    recipes: RecipeOptions,
    run: RunOptions,
    common: CommonOptions,
    by: Annotated[
        str | None,
        Option(
            metavar="PATHS",
            help="Score every level of a hierarchy too: region/store,category; each path with all above it.",
        ),
    ] = None,
    out: ReportFolder = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Forecast windows of the past with each recipe (default: with all) and score the forecasts."""
    from foretell.system.results import may_replace
    from foretell.workflows.backtest import backtest as run_backtest
    from foretell.workflows.train import seconds_of

    common.begin()
    chosen = chosen_recipes(recipes)
    seconds_of(run.time_limit, list(chosen.values()))  # before the data are read
    horizon, levels = horizon_of(task), level_list(task.levels)
    cutoffs = names(windows.cutoffs) or None
    overwrite = overwrite or windows.resume
    old = None if out is None else may_replace(out, "report", overwrite=overwrite)
    report = run_backtest(
        open_dataset(sales, data),
        horizon=horizon,
        recipes=chosen,
        levels=levels,
        windows=windows.windows,
        stride=windows.stride,
        cutoffs=cutoffs,
        refit=windows.refit,
        calibrate=recipes.calibrate,
        by=names(by),
        out=out,
        spreadsheet=spreadsheet,
        resume=windows.resume,
        overwrite=overwrite,
        **asdict(run),
    )
    say_replaced(old)
    show_report(report, out)


def evaluate(  # noqa: PLR0913  (each is an option of its own)
    forecasts: Annotated[
        str,
        Argument(
            metavar="FORECASTS", help="Forecast table: item, timestamp, mean, p10, ... as CSV or Parquet."
        ),
    ],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    model: LikeModel = None,
    mean: Annotated[
        str | None, Option(metavar="COLUMN", help="Of FORECASTS, the forecast itself, if not called mean.")
    ] = None,
    out: ReportFolder = None,
    spreadsheet: Spreadsheet = False,
    overwrite: Overwrite = False,
) -> None:
    """Score anybody's forecasts on the actuals of the data, as backtest scores its own."""
    from foretell.evaluation.row_counts import RowCounts
    from foretell.system.results import may_replace
    from foretell.workflows.evaluate import evaluate as run_evaluate

    common.begin()
    old = None if out is None else may_replace(out, "report", overwrite=overwrite)
    tables = open_dataset(sales, like_model(model, sales, data))
    report = run_evaluate(forecasts, tables, mean=mean, out=out, overwrite=overwrite, spreadsheet=spreadsheet)
    say_replaced(old)
    show_findings(report.remarks)
    say(str(RowCounts(**report.settings["rows"])))
    show_report(report, out)


def demo(
    run: RunOptions,
    common: CommonOptions,
    recipe: Annotated[
        list[str] | None, Option(metavar="NAME", help="In place of the five; repeat for several.")
    ] = None,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the report goes.")] = Path("foretell-demo"),
    overwrite: Overwrite = False,
) -> None:
    """Back-test the sample data (daily sales of 200 items) with five recipes, or with those that you name."""
    from foretell.recipe.registry import make_recipe, recipe_names
    from foretell.system.results import may_replace
    from foretell.workflows.backtest import backtest as run_backtest

    common.begin()
    old = may_replace(out, "report", overwrite=overwrite)
    recipes = recipe or [name for name in DEMO_RECIPES if name in recipe_names()]
    quick = {name: settings for name, settings in DEMO_RECIPES.items() if settings and name in recipes}
    for name in recipes:
        make_recipe(name)  # before the data are read
    data = sample_data()
    show_data(data, data.findings)
    if quick:
        say(f"networks train for {DEMO_STEPS} steps, so that the demo is over soon")
    report = run_backtest(
        data, horizon=28, recipes=recipes, settings=quick, out=out, overwrite=overwrite, **asdict(run)
    )
    say_replaced(old)
    show_report(report, out)


def sample_data() -> Dataset:
    """The retail sample, with its columns declared as its README explains them."""
    from foretell.ingest.dataset import Dataset

    # A wheel carries the sample inside the package; an editable install has it beside the source.
    installed, beside = files("foretell") / "sample", Path(__file__).parents[3] / "data/retail"
    with as_file(installed) if installed.is_dir() else nullcontext(beside) as sample:
        return Dataset(
            sample / "sales.csv",
            related=[sample / "related.csv", sample / "calendar.csv"],
            items=sample / "items.csv",
            freq="D",
            known=["open", "before_holiday", "weeks_to_christmas"],
            past=["price"],
            numeric=["weeks_to_christmas"],
            open="open",
        )
