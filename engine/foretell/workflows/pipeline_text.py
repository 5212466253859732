"""A pipeline as its TOML spells it: read once, by type, with nothing in it that is not known."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from foretell.errors import ForetellError
from foretell.recipe.levels import check_levels
from foretell.system.notices import Notify
from foretell.system.regular_files import read_regular
from foretell.system.typed import Within, typed

_MOST: Final = 1 << 20  # bytes of a pipeline
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

Count = Annotated[int, Within(1, 100_000)]
Share = Annotated[float, Within(0, 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the tables are: with `connection` they are queries, else files, folders, globs or s3://."""

    target: str | tuple[str, ...]
    related: tuple[str, ...] = ()
    items: str | None = None
    connection: str | None = None

    def __post_init__(self) -> None:
        if self.connection is not None and not isinstance(self.target, str):
            raise ForetellError("target must be one query where a connection is named")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What stops a run before a bad forecast goes out."""

    max_errors: Annotated[int, Within(0, 1 << 30)] = 0  # of the check
    max_rows_lost: Share = 0.1  # of the rows that there should be, by the last accepted run
    max_wql_ratio: Annotated[float, Within(0, 1e6)] | None = None  # to that of the last accepted back-test


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is trained, and when."""

    horizon: Count
    recipe: str = "auto"
    every: Count = 1  # runs; between them the model forecasts newer data
    warm: bool = True  # a network goes on from the model before
    settings: Mapping[str, Any] = field(default_factory=dict)
    time_limit: str | float | None = None
    calibrate: bool = False
    seed: Annotated[int, Within(0, (1 << 32) - 1)] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecasting:
    """What is forecast: quantiles of items, and of the totals of groups such as "family" or "region/store"."""

    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    totals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_levels(self.levels)
        for total in self.totals:
            if not all(part.strip() for part in total.split("/")):
                raise ForetellError(f"totals are columns, as in family or region/store, got {total!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where forecasts go: a table of a write connection, or a file (.csv, .parquet, .xlsx, .delta).

    Totals go beside them: `forecasts_family`, `forecasts_family.csv`.
    """

    connection: str | None = None
    table: str | None = None
    path: str | None = None
    replace: Literal["run", "all"] = "run"  # of a table: the rows of this run, or all that it holds

    def __post_init__(self) -> None:
        if (self.connection is None) != (self.table is None):
            raise ForetellError("connection and table go together")
        if (self.path is None) == (self.table is None):
            raise ForetellError("name either a connection and its table, or a path")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is done about a model that gets worse."""

    retrain_when: Literal["drift", "never"] = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pipeline:
    """From tables to forecasts where planners work, as a file says it."""

    name: str
    source: Source
    train: Training
    target: Target
    dataset: Mapping[str, Any] = field(default_factory=dict)  # arguments of `foretell.Dataset`
    gate: Gate = field(default_factory=Gate)
    forecast: Forecasting = field(default_factory=Forecasting)
    notify: Notify = field(default_factory=Notify)
    monitor: Watch = field(default_factory=Watch)
    schedule: str | None = None  # cron: minute hour day month weekday; the server's affair
    timezone: str = "UTC"  # of the schedule

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ForetellError(
                f"name must be 1 to 64 letters, digits, '.', '-' or '_', beginning with a letter or digit, got {self.name!r}"
            )
        for taken in ("target", "related", "items", "schema", "scratch", "tolerant"):
            if taken in self.dataset:
                raise ForetellError(f"dataset.{taken} is the pipeline's own affair. Leave it out.")


def read_pipeline(path: str | Path) -> Pipeline:
    """The pipeline of a file; raises ForetellError that names the file and the first thing that is wrong."""
    try:
        return parse_pipeline(read_regular(Path(path), most=_MOST).decode())
    except UnicodeDecodeError as error:
        raise ForetellError(f"{path} is no UTF-8 text: {error}") from error
    except FileNotFoundError as error:
        raise ForetellError(f"there is no pipeline {str(path)!r}") from error
    except ForetellError as error:
        raise ForetellError(f"{path}: {error}") from error


def parse_pipeline(text: str) -> Pipeline:
    """The pipeline of a text of TOML; raises ForetellError for what is wrong in it, naming the field."""
    if len(text) > _MOST:
        raise ForetellError(f"a pipeline has at most {_MOST:,} characters, got {len(text):,}")
    try:
        return typed(Pipeline, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ForetellError(f"this is no TOML: {error}") from error
