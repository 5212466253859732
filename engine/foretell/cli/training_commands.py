"""Commands that train a model and forecast with it: train, tune, predict."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from foretell.cli.console import bare_output, say, say_replaced, show_findings, show_summary, show_validation
from foretell.cli.option_groups import (
    CommonOptions,
    DataOptions,
    GoingOnOptions,
    Overwrite,
    RecipeOptions,
    RunOptions,
    Sales,
    SearchOptions,
    Spreadsheet,
    TaskOptions,
)
from foretell.cli.recipe_choice import horizon_of, one_recipe, recipe_of_preset, settings_asked
from foretell.cli.tables import as_in_training, open_dataset, open_model
from foretell.cli.values import level_list, names, required, some_names
from foretell.errors import ForetellError
from foretell.system.csv_text import write_csv

if TYPE_CHECKING:
    from foretell.hierarchy.coherent import Hierarchy
    from foretell.models.model import Model
    from foretell.recipe.forecast import Forecast
    from foretell.system.frame_writers import Destination
    from foretell.system.results import Result

EXPLAINED = 12  # items, of `predict --explain`
ModelFolder = Annotated[Path | None, Option(metavar="FOLDER", help="Where the model goes.")]
PresetName = Annotated[
    str | None,
    Option(metavar="NAME", help="fast, balanced or best in place of a recipe: the time that it is worth."),
]
StudyFolder = Annotated[
    Path | None,
    Option(metavar="FOLDER", help="Where best.toml, trials.csv and the study go; a study there goes on."),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """Where a forecast goes."""

    out: Annotated[
        Path | None,
        Option(
            metavar="FILE",
            help="A .csv, .parquet or .xlsx file, or a .delta folder; default: CSV to standard output.",
        ),
    ] = None
    to: Annotated[
        str | None,
        Option(
            metavar="URL",
            help="A database in place of --out: postgresql://user@host/shop, sqlite:///shop.db.",
        ),
    ] = None
    table: Annotated[
        str | None,
        Option(metavar="NAME", help="Of the table there, made where there is none; default: forecasts."),
    ] = None
    run: Annotated[
        str | None,
        Option(
            metavar="NAME",
            help="Of this run, in a column of the table: it replaces its own rows alone; default: all rows.",
        ),
    ] = None
    round: Annotated[
        float | None,
        Option(metavar="UNITS", help="Round mean and quantiles to multiples of it: 1 for whole units."),
    ] = None
    report: Annotated[
        Path | None,
        Option(metavar="FILE", help="A page to look at: totals, groups, each item with its picture (.html)."),
    ] = None
    spreadsheet: Spreadsheet = False
    overwrite: Overwrite = False

    def place(self) -> Destination | None:
        """Where it goes, None for standard output; raises ForetellError for two places at once."""
        from foretell.system.sql_table import SqlTable

        if self.to is None:
            for option, value, what in (("--run", self.run, "the rows of a"), ("--table", self.table, "a")):
                if value is not None:
                    raise ForetellError(f"{option} names {what} database's table: give --to as well.")
            return self.out
        if self.out is not None:
            raise ForetellError("--out and --to are two places. Give one.")
        return SqlTable("forecasts" if self.table is None else self.table, self.to, run=self.run)


def train(  # noqa: PLR0913  (each is an option of its own)
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    recipes: RecipeOptions,
    run: RunOptions,
    going_on: GoingOnOptions,
    common: CommonOptions,
    out: ModelFolder = None,
    preset: PresetName = None,
    overwrite: Overwrite = False,
) -> None:
    """Train one recipe (default: mqrnn) on all of the data and save the model."""
    from foretell.ingest.panel_folder import is_panel
    from foretell.system.folder_lock import claimed
    from foretell.system.results import TRAINING, may_begin_anew, may_replace
    from foretell.workflows.train import load
    from foretell.workflows.train import train as run_train

    common.begin()
    if going_on.start is None:
        asked = _from_scratch(recipes, preset, task, run)
    elif preset is not None:
        raise ForetellError(
            "--from names the recipe of its model: leave out --preset, or train without --from"
        )
    else:
        asked = _from_model(load(going_on.start, device=run.device), recipes, task)
        data = data if any(map(is_panel, sales)) else as_in_training(asked["start"].schema, data)
    steps = asked["start"].task.horizon if "start" in asked else asked["horizon"]
    folder = required("--out", out, "the folder that the model goes to")
    overwrite = overwrite or going_on.resume
    with claimed(folder):
        old = may_replace(folder, "model", overwrite=overwrite)
        may_begin_anew(folder / TRAINING, overwrite=overwrite)
        model = run_train(
            open_dataset(sales, data, horizon=steps),
            calibrate=recipes.calibrate,
            out=folder / TRAINING,
            resume=going_on.resume,
            **asked,
            **asdict(run),
        )
        model.save(folder, overwrite=overwrite)
        shutil.rmtree(folder / TRAINING, ignore_errors=True)  # its checkpoints are no longer needed
    say_replaced(old)
    show_summary(model.summary())
    show_findings(model.findings)
    show_validation(model.recipe.name, model.scores)
    say(f"trained {model.recipe.name} in {model.fit_seconds:.1f} s; the model is in {folder}")


def _from_scratch(
    recipes: RecipeOptions, preset: str | None, task: TaskOptions, run: RunOptions
) -> dict[str, Any]:
    """What `train` is to do without a model to start from."""
    from foretell.workflows.train import seconds_of

    recipe = one_recipe(recipes, "train") if preset is None else recipe_of_preset(preset, recipes)
    seconds_of(run.time_limit, [recipe])  # a wrong limit is named before the data are read
    return {"recipe": recipe, "horizon": horizon_of(task), "levels": level_list(task.levels)}


def _from_model(start: Model, recipes: RecipeOptions, task: TaskOptions) -> dict[str, Any]:
    """What `train` is to do with the model to start from; what the options leave out is as in that."""
    asked, given = some_names("--recipe", recipes.recipe), settings_asked(recipes)
    strange = [name for name in (*asked, *given) if name != start.recipe.name]
    if strange:
        raise ForetellError(
            f"--from names a model of {start.recipe.name}, but {strange[0]} is asked for. Leave it out, or train without"
            " --from."
        )
    levels = None if task.levels == TaskOptions().levels else level_list(task.levels)
    settings = given.get(start.recipe.name)
    return {"start": start, "settings": settings, "horizon": task.horizon, "levels": levels}


def tune(  # noqa: PLR0913  (each is an option of its own)
    sales: Sales,
    data: DataOptions,
    task: TaskOptions,
    recipes: RecipeOptions,
    search: SearchOptions,
    run: RunOptions,
    common: CommonOptions,
    out: StudyFolder = None,
    overwrite: Overwrite = False,
) -> None:
    """Search the hyperparameters of one recipe; best.toml is what `train --config` takes."""
    from foretell.recipe.registry import search_space
    from foretell.system.results import may_replace, result_in
    from foretell.workflows.tune import tune as run_tune

    common.begin()
    if recipes.calibrate:
        raise ForetellError("tune compares levels as a recipe makes them: leave --calibrate to train")
    recipe = one_recipe(recipes, "tune")
    search_space(type(recipe))  # before the data are read
    horizon, levels = horizon_of(task), level_list(task.levels)
    folder = required("--out", out, "the folder that the result goes to")
    old = result_in(folder)
    if old is None or old.kind != "study":  # which search a study is of, only the data tell
        may_replace(folder, "study", overwrite=overwrite)
    found = run_tune(
        open_dataset(sales, data, horizon=horizon),
        recipe=recipe,
        horizon=horizon,
        levels=levels,
        windows=search.held_out,
        trials=search.trials,
        out=folder,
        overwrite=overwrite,
        **{**asdict(run), "time_limit": run.time_limit or "30m"},
    )
    now = result_in(folder)
    if old is not None and (now is None or now.names != old.names):
        say_replaced(old)
    rows = found.trials.astype(object).where(found.trials.notna(), None)
    show_summary({"Trials": [dict(zip(rows.columns, row, strict=True)) for row in rows.to_numpy()]})
    say(f"wQL {found.score:.4f}; the settings are in {folder / 'best.toml'}, for foretell train --config")


def predict(  # noqa: PLR0913  (each is an option of its own)
    model: Annotated[Path, Argument(metavar="MODEL", help="A folder that `foretell train` wrote.")],
    sales: Sales,
    data: DataOptions,
    common: CommonOptions,
    result: ResultOptions,
    levels: Annotated[str | None, Option(metavar="LEVELS", help="Default: those of the training.")] = None,
    horizon: Annotated[
        int | None,
        Option(metavar="STEPS", min=1, help="Forecast fewer steps than the model was trained for."),
    ] = None,
    only: Annotated[str | None, Option(metavar="ITEMS", help="Forecast these items alone.")] = None,
    total: Annotated[
        str | None,
        Option(
            metavar="COLUMNS",
            help="Forecast sums over the items of each group of these columns; all: over all items.",
        ),
    ] = None,
    hierarchy: Annotated[
        str | None,
        Option(
            metavar="PATHS",
            help="Forecast every level: region/store,category; each path with all above it, and the items.",
        ),
    ] = None,
    lead_time: Annotated[
        int | None, Option(metavar="STEPS", min=1, help="Forecast sums over so many steps from the first on.")
    ] = None,
    explain: Annotated[
        bool, Option("--explain", help=f"On the page of --report: why, of the {EXPLAINED} largest forecasts.")
    ] = False,
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto",
    devices: Annotated[int, Option(min=1, help="Each forecasts its share of the items.")] = 1,
) -> None:
    """Forecast what comes after the end of the data, with a trained model."""
    from foretell.models.model import fitted_of
    from foretell.recipe.forecast import check_unit

    common.begin()
    if total is not None and hierarchy is not None:
        raise ForetellError(
            "--total and --hierarchy make two tables: ask for one. A hierarchy has the totals in it."
        )
    if explain and result.report is None:
        raise ForetellError("--explain adds to the page of --report: give that too, or use foretell explain")
    place = result.place()
    old = None if place is None else replaced_by_forecasts(place, overwrite=result.overwrite)
    check_page(result.report, overwrite=result.overwrite)
    check_unit(result.round)
    wanted = None if levels is None else level_list(levels)
    trained, tables = open_model(model, sales, data, device=device, devices=devices)
    items = None if only is None else some_names("--only", [only])
    steps = fitted_of(trained).steps(horizon)
    check_lead_time(lead_time, steps, whose="the model's" if horizon is None else "a")
    asked: Any = {"items": items, "horizon": steps}
    as_asked = Printed(result, place, old)
    if hierarchy is not None:
        forecast = trained.predict(tables, **asked)
        as_asked.write_levels(forecast.hierarchy(by=names(hierarchy), steps=lead_time, levels=wanted))
    elif total is not None or lead_time is not None:
        forecast = trained.predict(tables, **asked)
        as_asked.write(forecast.total(steps=lead_time, by=_groups(total), levels=wanted), "totals")
    elif result.report is not None:
        forecast = trained.predict(tables, levels=wanted, **asked)
        as_asked.write(forecast, f"items, {steps} steps each")
    elif place is None:
        for number, piece in enumerate(trained.predict_in_pieces(tables, levels=wanted, **asked)):
            as_asked.show(piece, header=number == 0)
    else:
        count = trained.predict_to(
            place,
            tables,
            levels=wanted,
            overwrite=result.overwrite,
            spreadsheet=result.spreadsheet,
            unit=result.round,
            **asked,
        )
        say_replaced(old)
        say(f"forecast {count} items, {steps} steps each: {place}")
    if result.report is not None:
        why = trained.explain(tables, items=_largest(forecast)) if explain else None
        grouped = names(hierarchy) or names(None if total == "all" else total) or None
        forecast.save_report(result.report, by=grouped, why=why, overwrite=result.overwrite)
        say(f"a page to look at: {result.report}")


def _largest(forecast: Forecast) -> list[tuple[str, ...]]:
    """The items whose forecasts are explained."""
    order = (-forecast.mean.sum(axis=1)).argsort(kind="stable")[:EXPLAINED]
    return [tuple(map(str, row)) for row in forecast.keys.iloc[order].itertuples(index=False)]


def _groups(total: str | None) -> list[str] | None:
    """The columns of `--total`; none for all items, and None where items stay apart."""
    return None if total is None else [] if total.strip() == "all" else names(total)


def check_lead_time(lead_time: int | None, horizon: int, *, whose: str = "the model's") -> None:
    """Raises ForetellError for more steps than are forecast."""
    if lead_time is not None and lead_time > horizon:
        raise ForetellError(f"--lead-time is at most {whose} horizon of {horizon} steps, got {lead_time}")


@dataclass(frozen=True, slots=True)
class Printed:
    """Where forecasts are printed or saved, and how."""

    asked: ResultOptions
    place: Destination | None
    old: Result | None  # what stands there

    def write_levels(self, made: Hierarchy) -> None:
        """All levels of a hierarchy."""
        self.write(made, f"levels with {sum(map(len, made.parts.values()))} series")

    def write(self, made: Forecast | Hierarchy, what: str) -> None:
        """All of a forecast."""
        if self.place is None:
            self.show(made, header=True)
            return
        asked = self.asked
        self._rounded(made).save(self.place, spreadsheet=asked.spreadsheet, overwrite=asked.overwrite)
        say_replaced(self.old)
        say(f"forecast {len(made)} {what}: {self.place}")

    def show(self, made: Forecast | Hierarchy, *, header: bool) -> None:
        """CSV to standard output."""
        frame = self._rounded(made).to_frame()
        bare_output()
        write_csv(frame, sys.stdout, header=header, spreadsheet=self.asked.spreadsheet)

    def _rounded(self, made: Forecast | Hierarchy) -> Forecast | Hierarchy:
        return made if self.asked.round is None else made.rounded(self.asked.round)


def check_page(
    path: Path | None, *, overwrite: bool, kinds: tuple[str, ...] = (".html",), option: str = "--report"
) -> None:
    """Raises ForetellError, before any work, for a file that a page (or picture) cannot be written to."""
    from foretell.system.atomic_files import ensure_writable
    from foretell.system.results import may_replace_page

    if path is None:
        return
    if path.suffix.lower() not in kinds:
        raise ForetellError(f"{option} must end in {' or '.join(kinds)}, got {str(path)!r}")
    ensure_writable(path.parent)
    may_replace_page(path, overwrite=overwrite)


def replaced_by_forecasts(out: Destination, *, overwrite: bool) -> Result | None:
    """What a forecast replaces; raises ForetellError, before any work, for a place that it cannot be written to."""
    from foretell.system.atomic_files import ensure_writable
    from foretell.system.frame_writers import check_place
    from foretell.system.results import may_replace_file
    from foretell.system.sql_table import SqlTable

    check_place(out)
    if isinstance(out, SqlTable):
        return None
    out = Path(out)
    ensure_writable(out.parent)
    return may_replace_file(out, overwrite=overwrite)
