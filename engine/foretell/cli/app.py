"""The command line: one function a command, each one call into the library."""

from __future__ import annotations

import inspect
import logging
import math
import shutil
import sys
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import asdict, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer import Argument, Option

from foretell.cli.console import (
    flush_table,
    interactive,
    say,
    say_step,
    say_trial,
    show_checkup,
    show_data,
    show_findings,
    show_report,
    show_summary,
    standard_output,
)
from foretell.cli.option_groups import (
    CommonOptions,
    DataOptions,
    GoingOnOptions,
    RecipeOptions,
    RunOptions,
    SearchOptions,
    TaskOptions,
    WindowOptions,
    grouped,
    tables,
)
from foretell.cli.values import level_list, names, nested, pairs, whole_numbers
from foretell.errors import ForetellError

if TYPE_CHECKING:
    from foretell.data.schema import Schema
    from foretell.ingest.dataset import Dataset
    from foretell.models.model import Model
    from foretell.recipe.protocols import Recipe

T = TypeVar("T")
DEMO_STEPS = 500
DEMO_RECIPES: dict[str, dict[str, Any]] = {  # those that show what there is within four minutes
    "mqrnn": {"max_steps": DEMO_STEPS},
    "deepar": {"max_steps": DEMO_STEPS},
    "ets": {},
    "arima": {},
    "seasonal_naive": {},
}

app = typer.Typer(
    name="foretell",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
    help="Self-hosted probabilistic demand forecasting: three tables in, quantiles, scores and a report out.",
)
Sales = Annotated[
    list[str],
    Argument(
        metavar="SALES",
        default_factory=list,
        show_default=False,
        help="The target table: CSV or Parquet files, or globs; or a folder that `foretell ingest` wrote; or --sql.",
    ),
]


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Register a function of option groups as a command."""
    app.command()(grouped(function))
    return function


@command
def backtest(
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    windows: WindowOptions,
    recipes: RecipeOptions,
    run: RunOptions,
    common: CommonOptions,
    out: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where the report goes; default: nowhere.")
    ] = None,
) -> None:
    """Forecast windows of the past with each recipe (default: with all) and score the forecasts."""
    from foretell.recipe.registry import recipe_names
    from foretell.system.atomic_files import ensure_writable
    from foretell.workflows.backtest import backtest as run_backtest
    from foretell.workflows.backtest import name_recipes
    from foretell.workflows.train import seconds_of

    _start(common)
    chosen = name_recipes(
        [name for text in recipes.recipe for name in names(text)] or recipe_names(),
        nested("--set", recipes.set),
    )
    seconds_of(run.time_limit, list(chosen.values()))  # before the data are read
    horizon, levels = _horizon(task.horizon), level_list(task.levels)
    cutoffs = names(windows.cutoffs) or None
    if out is not None:
        ensure_writable(out)
    report = run_backtest(
        _dataset(sales, data),
        horizon=horizon,
        recipes=chosen,
        levels=levels,
        windows=windows.windows,
        stride=windows.stride,
        cutoffs=cutoffs,
        refit=windows.refit,
        calibrate=recipes.calibrate,
        out=out,
        progress=interactive(),
        on_step=say_step,
        **asdict(run),
    )
    show_report(report, out)


@command
def train(
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    recipes: RecipeOptions,
    run: RunOptions,
    going_on: GoingOnOptions,
    common: CommonOptions,
    out: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where the model goes; a model there is replaced.")
    ] = None,
) -> None:
    """Train one recipe (default: mqrnn) on all of the data and save the model."""
    from foretell.ingest.panel_folder import is_panel
    from foretell.models.model_folder import TRAINING, check_replaceable
    from foretell.system.atomic_files import ensure_writable
    from foretell.workflows.train import load, seconds_of
    from foretell.workflows.train import train as run_train

    _start(common)
    if going_on.start is None:
        asked: dict[str, Any] = {
            "recipe": _one_recipe(recipes, "train"),
            "horizon": _horizon(task.horizon),
            "levels": level_list(task.levels),
        }
        seconds_of(run.time_limit, [asked["recipe"]])
    else:
        asked = _asked_of(load(going_on.start, device=run.device), recipes, task)
        data = data if any(map(is_panel, sales)) else _as_in(asked["start"].schema, data)
    folder = _required("--out", out, "the folder that the model goes to")
    check_replaceable(folder)
    ensure_writable(folder)
    model = run_train(
        _dataset(sales, data),
        calibrate=recipes.calibrate,
        out=folder / TRAINING,
        resume=going_on.resume,
        progress=interactive(),
        **asked,
        **asdict(run),
    )
    model.save(folder)
    shutil.rmtree(folder / TRAINING, ignore_errors=True)  # its checkpoints have served
    show_summary(model.summary())
    say(f"trained {model.recipe.name} in {model.fit_seconds:.1f} s; the model is in {folder}")


@command
def tune(
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    recipes: RecipeOptions,
    search: SearchOptions,
    run: RunOptions,
    common: CommonOptions,
    out: Annotated[
        Path | None,
        Option(metavar="FOLDER", help="Where best.toml, trials.csv and the study go; a study there goes on."),
    ] = None,
) -> None:
    """Search the hyperparameters of one recipe; best.toml is what `train --config` takes."""
    from foretell.recipe.registry import search_space
    from foretell.workflows.tune import tune as run_tune

    _start(common)
    if recipes.calibrate:
        raise ForetellError("tune compares levels as a recipe makes them: leave --calibrate to train")
    recipe = _one_recipe(recipes, "tune")
    search_space(type(recipe))  # before the data are read
    horizon, levels = _horizon(task.horizon), level_list(task.levels)
    folder = _required("--out", out, "the folder that the result goes to")
    given = {
        key: value for key, value in asdict(run).items() if key not in ("time_limit", "precision", "devices")
    }
    found = run_tune(
        _dataset(sales, data),
        recipe=recipe,
        horizon=horizon,
        levels=levels,
        windows=search.held_back,
        trials=search.trials,
        time_limit=run.time_limit or "30m",
        out=folder,
        on_trial=say_trial,
        **given,
    )
    rows = found.trials.astype(object).where(found.trials.notna(), None)
    show_summary({"Trials": [dict(zip(rows.columns, row, strict=True)) for row in rows.to_numpy()]})
    say(f"wQL {found.score:.4f}; the settings are in {folder / 'best.toml'}, for foretell train --config")


@command
def predict(  # noqa: PLR0913  (each is an option of its own)
    model: Annotated[Path, Argument(metavar="MODEL", help="A folder that `foretell train` wrote.")],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    levels: Annotated[str | None, Option(metavar="LEVELS", help="Default: those of the training.")] = None,
    only: Annotated[str | None, Option(metavar="ITEMS", help="Forecast these items alone.")] = None,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    devices: Annotated[int, Option(min=1, help="Each forecasts its share of the items.")] = 1,
    out: Annotated[
        Path | None, Option(metavar="FILE", help="A .csv or .parquet file; default: CSV to standard output.")
    ] = None,
) -> None:
    """Forecast what comes after the end of the data, with a trained model."""
    from foretell.system.atomic_files import ensure_writable
    from foretell.workflows.train import load

    _start(common)
    if out is not None:
        if out.suffix.lower() not in (".csv", ".parquet"):
            raise ForetellError(f"--out must end in .csv or .parquet, got {str(out)!r}")
        ensure_writable(out.parent)
    wanted = None if levels is None else level_list(levels)
    trained = load(model, device=device, devices=devices)
    tables, items = _dataset(sales, data, trained.schema), names(only) or None
    if out is None:
        for number, forecast in enumerate(trained.predict_in_pieces(tables, items=items, levels=wanted)):
            forecast.to_frame().to_csv(sys.stdout, index=False, header=number == 0, lineterminator="\n")
    else:
        count = trained.predict_to(out, tables, items=items, levels=wanted)
        say(f"forecast {count} items, {trained.task.horizon} steps each: {out}")


@command
def ingest(
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    model: Annotated[
        Path | None, Option(metavar="MODEL", help="Read the tables as those this model was trained on.")
    ] = None,
    out: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where the panel goes; a panel there is replaced.")
    ] = None,
) -> None:
    """Read the tables once and save them as a panel, which every command takes in their place."""
    from foretell.ingest.panel_folder import check_replaceable
    from foretell.system.folder_lock import claimed
    from foretell.workflows.train import load

    _start(common)
    folder = _required("--out", out, "the folder that the panel goes to")
    check_replaceable(folder)
    schema = None if model is None else load(model, device="cpu").schema
    with claimed(folder):
        tables = _dataset(sales, data, schema, scratch=folder.resolve().parent)
        tables.save(folder)
    size = sum(file.stat().st_size for file in folder.iterdir())
    say(f"{len(tables.panel)} items, {len(tables.panel.target):,} steps, {size / 1e6:,.1f} MB: {folder}")


@command
def evaluate(
    forecasts: Annotated[
        str,
        Argument(
            metavar="FORECASTS", help="Forecast table: item, timestamp, mean, p10, ... as CSV or Parquet."
        ),
    ],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    out: Annotated[
        Path | None, Option(metavar="FOLDER", help="Where the report goes; default: nowhere.")
    ] = None,
) -> None:
    """Score anybody's forecasts on the actuals of the data, as backtest scores its own."""
    from foretell.workflows.evaluate import evaluate as run_evaluate

    _start(common)
    report = run_evaluate(forecasts, _dataset(sales, data), out=out)
    show_findings(report.remarks)
    show_report(report, out)


@command
def check(
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    horizon: Annotated[
        int | None, Option(metavar="STEPS", help="Check that known columns reach so far.")
    ] = None,
    as_json: Annotated[bool, Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Say what is in the data and what is wrong with them, before anything is trained."""
    from foretell.checks.check import Checkup
    from foretell.checks.check import check as run_check
    from foretell.data.findings import Finding, gravest_first

    _start(common)
    try:
        checkup = run_check(_dataset(sales, data, quiet=True, tolerant=True), horizon=horizon)
    except ForetellError as error:
        if not (as_json or error.findings):
            raise
        last = Finding("error", "unreadable", str(error))
        checkup = Checkup(gravest_first((*error.findings, last)))
    if as_json:
        import orjson

        typer.echo(orjson.dumps(checkup.to_json(), option=orjson.OPT_INDENT_2).decode())
    else:
        show_checkup(checkup)
    errors = checkup.errors
    if errors:
        raise ForetellError(f"{len(errors)} of the findings must be put right, first: {errors[0].message}")


@command
def recipes(
    name: Annotated[list[str] | None, Argument(metavar="NAME", help="Default: all recipes.")] = None,
) -> None:
    """Show the recipes and their hyperparameters."""
    from foretell.recipe.hyperparameters import hyperparameters
    from foretell.recipe.registry import recipe_class, recipe_names

    for each in name or recipe_names():
        kind = recipe_class(each)
        console = standard_output()
        console.print(f"\n[bold]{each}[/bold]  {_first_line(kind)}", highlight=False)
        table = flush_table("hyperparameter", "default", "meaning")
        for parameter in hyperparameters(kind):
            table.add_row(parameter.name, str(parameter.default), parameter.meaning)
        console.print(table)


@command
def demo(
    run: RunOptions,
    common: CommonOptions,
    out: Annotated[Path, Option(metavar="FOLDER", help="Where the report goes.")] = Path("foretell-demo"),
) -> None:
    """Back-test the sample data (daily sales of 200 items) with five recipes."""
    from foretell.recipe.registry import recipe_names
    from foretell.system.atomic_files import ensure_writable
    from foretell.workflows.backtest import backtest as run_backtest

    _start(common)
    ensure_writable(out)
    data = sample_data()
    show_data(data)
    recipes = [name for name in DEMO_RECIPES if name in recipe_names()]
    quick = {name: settings for name, settings in DEMO_RECIPES.items() if settings and name in recipes}
    say(f"networks train for {DEMO_STEPS} steps, so that the demo is over soon")
    report = run_backtest(
        data,
        horizon=28,
        recipes=recipes,
        settings=quick,
        out=out,
        progress=interactive(),
        on_step=say_step,
        **asdict(run),
    )
    show_report(report, out)


def sample_data() -> Dataset:
    """The retail sample, with its columns declared as its README explains them."""
    from foretell.ingest.dataset import Dataset

    installed = files("foretell") / "sample"
    with (
        as_file(installed)
        if installed.is_dir()
        else nullcontext(Path(__file__).parents[3] / "data/retail") as sample
    ):
        # A wheel carries the sample inside the package; an editable install has it beside the source.
        return Dataset(
            sample / "sales.csv",
            related=[sample / "related.csv", sample / "calendar.csv"],
            items=sample / "items.csv",
            freq="D",
            known=["open", "before_holiday", "weeks_to_christmas"],
            past=["price"],
            open="open",
        )


def main() -> None:
    """The entry point `foretell`."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # upstream libraries' notices to programmers
    app()


def _start(common: CommonOptions) -> None:
    if common.verbose:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s", stream=sys.stderr)


def _dataset(
    sales: list[str],
    options: DataOptions,
    schema: Schema | None = None,
    *,
    quiet: bool = False,
    tolerant: bool = False,
    scratch: Path | None = None,
) -> Dataset:
    """The tables that the options name; with a model's `schema`, read as those it was trained on."""
    from foretell.ingest.dataset import Dataset
    from foretell.ingest.panel_folder import is_panel

    if any(is_panel(path) for path in sales):
        return _opened(sales, options, quiet=quiet)
    target, related, items = tables(sales, options)
    data = Dataset(
        target,
        related=related,
        items=items,
        freq=_required(
            "--freq",
            options.freq or (schema.frequency.alias if schema else None),
            "the frequency of the data, such as D, W-FRI, MS, h or 15min",
        ),
        item_id=options.id,
        timestamp=options.timestamp,
        date_format=options.date_format,
        decimal=options.decimal,
        target_column=options.target,
        dimensions=names(options.dimensions) or (schema.key[1:] if schema else ()),
        known=names(options.known),
        past=names(options.past),
        open=options.open,
        season=whole_numbers("--season", options.season) or None,
        ends=options.ends or "last",
        aggregation=pairs("--aggregation", options.aggregation),
        filling=_filling(options.filling),
        strict=options.strict,
        tolerant=tolerant,
        timezone=options.timezone,
        holidays=options.holidays,
        holiday_days=options.holiday_days,
        schema=schema,
        scratch=scratch,
    )
    if not quiet:
        show_data(data)
    return data


def _opened(sales: list[str], options: DataOptions, *, quiet: bool) -> Dataset:
    """The saved panel that stands in place of the tables."""
    from foretell.data.frequency import Frequency
    from foretell.ingest.dataset import Dataset

    if len(sales) > 1:
        raise ForetellError(f"{sales[0]!r} and {sales[1]!r}: a saved panel stands alone. Give one folder.")
    given = [name for name, value in asdict(options).items() if value != asdict(DataOptions())[name]]
    if given:  # a file of options serves all commands, so this is no error
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        say(f"{sales[0]} is read as it was ingested; {listed} not used")
    data = Dataset.open(sales[0])
    if options.freq and Frequency.parse(options.freq) != Frequency.parse(data.schema.frequency.alias):
        raise ForetellError(
            f"{sales[0]} was ingested with freq={data.schema.frequency.alias!r}, asked is --freq {options.freq}. Ingest the"
            " tables again with that, or leave it out."
        )
    if not quiet:
        show_data(data)
    return data


def _as_in(schema: Schema, options: DataOptions) -> DataOptions:
    """The options with what they leave out taken from a model's schema; categories are read anew, for new ones may have come."""
    columns = {
        role: ",".join(name for name, its in schema.roles.items() if its == role)
        for role in ("known", "past")
    }
    return replace(
        options,
        freq=options.freq or schema.frequency.alias,
        open=options.open or schema.open,
        dimensions=options.dimensions or ",".join(schema.key[1:]),
        known=options.known or columns["known"],
        past=options.past or columns["past"],
        season=options.season or ",".join(map(str, schema.seasons)),
        ends=options.ends or schema.ends,
    )


def _asked_of(start: Model, recipes: RecipeOptions, task: TaskOptions) -> dict[str, Any]:
    """What `train` is to do with the model to start from; what the options leave out is as in that."""
    asked, given = [name for text in recipes.recipe for name in names(text)], nested("--set", recipes.set)
    strange = [name for name in (*asked, *given) if name != start.recipe.name]
    if strange:
        raise ForetellError(
            f"--from names a model of {start.recipe.name}, but {strange[0]} is asked for. Leave it out, or train without"
            " --from."
        )
    levels = None if task.levels == TaskOptions().levels else level_list(task.levels)
    return {
        "start": start,
        "settings": given.get(start.recipe.name),
        "horizon": task.horizon,
        "levels": levels,
    }


def _filling(texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`price.future=previous` as the library wants it; `price.future=3.5` and `tag.future.value=none` give a value."""
    rules: dict[str, dict[str, Any]] = {}
    for name, method in pairs("--filling", texts).items():
        column, dot, place = name.removesuffix(".value").rpartition(".")
        if not dot or not column:
            raise ForetellError(
                f"--filling takes COLUMN.PLACE=METHOD, such as target.middle=zero, got {name!r}"
            )
        value = _number(method)
        rules.setdefault(column, {})[place] = {"value": value} if name.endswith(".value") else value
    return rules


def _number(text: str) -> float | str:
    try:
        number = float(text)
    except ValueError:
        return text
    return text if math.isnan(number) else number  # nan is a method


def _one_recipe(recipes: RecipeOptions, doing: str) -> Recipe:
    """The one recipe that is asked for, mqrnn unless another is."""
    from foretell.workflows.backtest import name_recipes

    asked = [name for text in recipes.recipe for name in names(text)] or ["mqrnn"]
    if len(asked) > 1:
        raise ForetellError(
            f"{doing} takes one --recipe, got {', '.join(asked)}. Compare several with backtest."
        )
    (recipe,) = name_recipes(asked, nested("--set", recipes.set)).values()
    return recipe


def _horizon(horizon: int | None) -> int:
    from foretell.recipe.task import Task

    return Task(_required("--horizon", horizon, "the number of steps to forecast")).horizon


def _required(option: str, value: T | None, meaning: str) -> T:
    if value is None:
        raise ForetellError(f"{option} is missing: {meaning}. Give it on the command line or in --config.")
    return value


def _first_line(kind: type) -> str:
    """The first line of a recipe's module, which names the paper."""
    text = inspect.getdoc(sys.modules[kind.__module__]) or inspect.getdoc(kind) or ""
    return text.partition("\n")[0]
