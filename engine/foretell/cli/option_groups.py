"""The command line's options: each declared once, in groups, and readable from a TOML file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer
from typer import Argument, Option

from foretell.cli.config_file import read_config
from foretell.cli.console import shown_progress
from foretell.cli.exit_status import user_errors
from foretell.cli.shown_log import show_all, shown_log
from foretell.recipe.levels import DEFAULT_LEVELS

Precision = Literal["auto", "float32", "bf16"]
Sales = Annotated[
    list[str],
    Argument(
        metavar="SALES",
        default_factory=list,
        show_default=False,
        help="The target table: CSV, Parquet or Excel files, or globs; a Delta table; or a folder that `foretell ingest` wrote; or --sql.",
    ),
]
Spreadsheet = Annotated[
    bool,
    Option("--spreadsheet", help="Texts in CSV that begin with = + - @ or a tab get an apostrophe in front."),
]
Overwrite = Annotated[
    bool, Option("--overwrite", help="Replace the result of foretell that --out holds, if it holds one.")
]
LikeModel = Annotated[
    Path | None,
    Option("--model", metavar="MODEL", help="Read the tables as those this model was trained on."),
]
_SPELT = {"sales": "SALES", "sql": "--sql", "items": "--items", "items_sql": "--items-sql"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """The three tables and how they are read."""

    related: Annotated[
        list[str], Option(metavar="FILE", help="Related series; repeat for several tables.")
    ] = field(default_factory=list)
    items: Annotated[str | None, Option(metavar="FILE", help="Item metadata, one row an item.")] = None
    sql: Annotated[
        str | None,
        Option(metavar="SELECT", help="The target table as a query of --database, in place of SALES."),
    ] = None
    related_sql: Annotated[
        list[str], Option(metavar="SELECT", help="Related series as a query; repeat for several.")
    ] = field(default_factory=list)
    items_sql: Annotated[
        str | None, Option(metavar="SELECT", help="Item metadata as a query, in place of --items.")
    ] = None
    database: Annotated[
        str | None,
        Option(metavar="URL", help="Of the queries: sqlite:///shop.db, postgresql://user@host/shop."),
    ] = None
    freq: Annotated[
        str | None,
        Option(
            metavar="ALIAS",
            help="D, W-FRI, MS, h, 15min, ...; 1 for integer time. Default: what all items have.",
        ),
    ] = None
    known: Annotated[str | None, Option(metavar="COLUMNS", help="Related columns known ahead.")] = None
    past: Annotated[str | None, Option(metavar="COLUMNS", help="Related columns not known ahead.")] = None
    open: Annotated[
        str | None, Option(metavar="COLUMN", help="A known 0/1 column: 0 where nothing can sell.")
    ] = None
    categorical: Annotated[
        str | None, Option(metavar="COLUMNS", help="Columns whose numbers are codes, without an order.")
    ] = None
    numeric: Annotated[
        str | None, Option(metavar="COLUMNS", help="Columns of numbers: a word among them is an error.")
    ] = None
    text_values: Annotated[
        int | None,
        Option(metavar="N", help="Values of a text that get a column (default: those often seen)."),
    ] = None
    dimensions: Annotated[
        str | None, Option(metavar="COLUMNS", help="Columns that make the key, besides the item.")
    ] = None
    id: Annotated[str | None, Option(metavar="COLUMN", help="The item's column, if not item_id.")] = None
    related_id: Annotated[
        list[str], Option(metavar="COLUMN", help="The same in --related, if another; repeat for each.")
    ] = field(default_factory=list)
    items_id: Annotated[str | None, Option(metavar="COLUMN", help="The same in --items, if another.")] = None
    timestamp: Annotated[
        str | None, Option(metavar="COLUMN", help="The time's column, if not timestamp.")
    ] = None
    related_timestamp: Annotated[
        list[str], Option(metavar="COLUMN", help="The same in --related, if another; repeat for each.")
    ] = field(default_factory=list)
    date_format: Annotated[
        str | None, Option(metavar="FORMAT", help="Of dates that are not ISO, such as %d.%m.%Y.")
    ] = None
    decimal: Annotated[
        str | None, Option(metavar="MARK", help="The decimal mark of numbers in text: . (the default) or ,")
    ] = None
    thousands: Annotated[
        str | None, Option(metavar="MARK", help="The mark between thousands in text: , . ' or a blank.")
    ] = None
    target: Annotated[str | None, Option(metavar="COLUMN", help="The target's column, if not target.")] = None
    season: Annotated[
        str | None, Option(metavar="STEPS", help="Seasonal periods, if not the usual ones.")
    ] = None
    ends: Annotated[
        Literal["last", "own"] | None,
        Option(help="Do all series end at the last timestamp (the default), or each at its own?"),
    ] = None
    partial: Annotated[
        Literal["drop", "keep"] | None,
        Option(help="Is a step at the end that is not whole left out (the default), or kept?"),
    ] = None
    filling: Annotated[
        list[str],
        Option(
            metavar="COLUMN.PLACE=METHOD", help="Fill gaps: target.middle=zero, price.future=3.5; repeat."
        ),
    ] = field(default_factory=list)
    aggregation: Annotated[
        list[str], Option(metavar="COLUMN=METHOD", help="Aggregate repeated rows, e.g. target=sum; repeat.")
    ] = field(default_factory=list)
    holidays: Annotated[
        str | None,
        Option(
            metavar="COUNTRIES",
            help="Holidays known ahead: DE or DE,US-CA; @country: of that metadata column.",
        ),
    ] = None
    holiday_days: Annotated[
        int, Option(metavar="DAYS", help="Days before and after holidays with a column each.")
    ] = 1
    timezone: Annotated[
        str | None, Option(metavar="ZONE", help="Whose clock counts where times have offsets: Europe/Berlin.")
    ] = None
    partitions: Annotated[
        bool, Option("--partitions", help="Folders named column=value are columns of the files in them.")
    ] = False
    strict: Annotated[
        bool,
        Option(
            "--strict",
            help="Timestamps off the frequency, undeclared codes in CSV and undeclared roles are errors.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """What is asked."""

    horizon: Annotated[int | None, Option(metavar="STEPS", help="Steps to forecast.")] = None
    levels: Annotated[str, Option(metavar="LEVELS", help="Quantile levels between 0 and 1.")] = ",".join(
        map(str, DEFAULT_LEVELS)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowOptions:
    """Where a backtest's windows lie."""

    windows: Annotated[int, Option(help="Windows, the last ending with the data.")] = 1
    stride: Annotated[
        int | None, Option(metavar="STEPS", help="From one origin to the next; default: the horizon.")
    ] = None
    cutoffs: Annotated[str | None, Option(metavar="DATES", help="The origins themselves, instead.")] = None
    refit: Annotated[
        Literal["never", "every"], Option(help="Train once, before the earliest origin, or in every window.")
    ] = "never"
    resume: Annotated[
        bool, Option("--resume", help="Go on from the windows that an interrupted backtest left in --out.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeOptions:
    """Which recipe, its hyperparameters, and whether its levels are adjusted."""

    recipe: Annotated[
        list[str], Option(metavar="NAME", help="A recipe (see `foretell recipes`); repeat for several.")
    ] = field(default_factory=list)
    set: Annotated[
        list[str],
        Option(metavar="RECIPE.NAME=VALUE", help="A hyperparameter, e.g. mqrnn.hidden_size=96; repeat."),
    ] = field(default_factory=list)
    calibrate: Annotated[
        bool, Option("--calibrate", help="Adjust each level by what held-out windows say.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How far a search goes."""

    trials: Annotated[int, Option(min=1, help="Settings to try, those of earlier runs included.")] = 20
    held_out: Annotated[
        int | None, Option(min=1, metavar="WINDOWS", help="Validation windows; default: by the histories.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How it is carried out."""

    seed: Annotated[int, Option(help="Everything random comes from it.")] = 0
    device: Annotated[str, Option(help="auto, cpu, cuda, cuda:1 or mps.")] = "auto"
    devices: Annotated[
        int, Option(min=1, help="That train a network, and forecast, together; processes without a GPU.")
    ] = 1
    precision: Annotated[Precision, Option(help="Of the networks' arithmetic.")] = "auto"
    threads: Annotated[int | None, Option(min=1, help="Of torch, on a CPU; default: 1.")] = None
    processes: Annotated[
        int | None,
        Option(
            min=1, help="At work at a time: recipes of a backtest, models of series; default: one a core."
        ),
    ] = None
    time_limit: Annotated[
        str | None, Option(metavar="TIME", help="End each training in time: 90s, 10m, 1.5h.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingOnOptions:
    """What a training goes on from."""

    resume: Annotated[bool, Option("--resume", help="Go on from an interrupted training in --out.")] = False
    start: Annotated[
        Path | None, Option("--from", metavar="MODEL", help="Go on from a network trained on earlier data.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonOptions:
    """What every command that reads data takes."""

    config: Annotated[
        list[Path],
        Option(
            is_eager=True,
            callback=read_config,
            metavar="FILE",
            help="A TOML file whose keys are options; the command line wins. Repeat: a later file wins.",
        ),
    ] = field(default_factory=list)
    verbose: Annotated[bool, Option("--verbose", "-v", help="Show the log.")] = False

    def begin(self) -> None:
        """Send the log to standard error where it is asked for. Every command calls this first."""
        if self.verbose:
            show_all()


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with each parameter that is a dataclass replaced by its fields, as typer wants them.

    What a user can put right ends it with a message and exit status 2.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters = [inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)]
    for name, parameter in inspect.signature(command).parameters.items():
        own = parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        parameters += _parameters(groups[name]) if name in groups else [own]

    def flat(context: typer.Context, **values: Any) -> None:
        _prefer_command_line(context, values)
        packed = {
            name: kind(**{f.name: values.pop(f.name) for f in fields(kind)}) for name, kind in groups.items()
        }
        with user_errors(), shown_log(), shown_progress():
            command(**values, **packed)

    flat.__name__, flat.__doc__, flat.__module__ = command.__name__, command.__doc__, command.__module__
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # functions take it, stubs do not say
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _prefer_command_line(context: typer.Context, values: dict[str, Any]) -> None:
    """Of a table that the file of options gives one way and the command line another, drop the file's from `values`."""
    for pair in (("sales", "sql"), ("items", "items_sql")):
        if not all(values.get(name) for name in pair):
            continue
        sources = {name: getattr(context.get_parameter_source(name), "name", "") for name in pair}
        asked = [name for name in pair if sources[name] == "COMMANDLINE"]
        if len(asked) == 1:
            (dropped,) = set(pair) - set(asked)
            files = " and ".join(map(str, values["config"]))
            values[dropped] = [] if dropped == "sales" else None
            typer.echo(
                f"{_SPELT[asked[0]]} of the command line is taken; {_SPELT[dropped]} in {files} is not used",
                err=True,
            )


def _parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    parameters = []
    for option in fields(group):
        hints[option.name].__metadata__[0].rich_help_panel = group.__name__.removesuffix("Options")
        default = option.default if option.default_factory is MISSING else option.default_factory()
        parameters.append(
            inspect.Parameter(
                option.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hints[option.name]
            )
        )
    return parameters
