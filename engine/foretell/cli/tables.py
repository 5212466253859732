"""The data set that the options name: files, queries or a saved panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.cli.console import say, show_data
from foretell.cli.option_groups import DataOptions
from foretell.cli.values import names, pairs, parse_filling, spelt_filling, whole_numbers
from foretell.errors import ForetellError

if TYPE_CHECKING:
    from foretell.data.known_findings import KnownFinding
    from foretell.data.reading import Reading
    from foretell.data.schema import Schema
    from foretell.ingest.dataset import Dataset
    from foretell.ingest.sql_source import Sql
    from foretell.models.model import Model


def open_model(
    folder: Path, sales: list[str], options: DataOptions, *, device: str, devices: int = 1
) -> tuple[Model, Dataset]:
    """A trained model, with the line that says what it is, and the tables read as those it was trained on.

    Raises ForetellError for a folder that is no model's, and as `open_dataset`.
    """
    from foretell.models.model import fitted_of
    from foretell.workflows.train import load

    model = load(folder, device=device, devices=devices)
    say(f"{folder}: {model.origin}")
    warned = fitted_of(model).warned
    return model, open_dataset(sales, options, model.schema, horizon=model.task.horizon, known=warned)


def open_dataset(
    sales: list[str],
    options: DataOptions,
    schema: Schema | None = None,
    *,
    quiet: bool = False,
    tolerant: bool = False,
    scratch: Path | None = None,
    horizon: int | None = None,
    known: Sequence[KnownFinding] = (),
) -> Dataset:
    """The tables that the options name; with a model's `schema`, read as those it was trained on.

    What was read is shown unless `quiet`, with what `check` would warn of over `horizon` steps; what is `known` from
    a training is one line. Raises ForetellError for
    what is missing or cannot be read.
    """
    from foretell.checks.alarms import new_alarms
    from foretell.ingest.panel_folder import is_panel

    if any(is_panel(path) for path in sales):
        data = _open_panel(sales, options)
    else:
        data = _read_tables(sales, options, schema, tolerant=tolerant, scratch=scratch)
    if not quiet:
        show_data(data, new_alarms(data, horizon=horizon, trained=schema is not None, known=known))
    return data


def _read_tables(
    sales: list[str], options: DataOptions, schema: Schema | None, *, tolerant: bool, scratch: Path | None
) -> Dataset:
    from foretell.ingest.dataset import Dataset
    from foretell.ingest.fixed_options import check_fixed

    target, related, items = _sources(sales, options)
    if schema is not None and options.ends is not None:
        check_fixed("ends", options.ends, schema.ends)
    if schema is not None and options.partial is not None:
        check_fixed("partial", options.partial, schema.partial)
    return Dataset(
        target,
        related=related,
        items=items,
        freq=options.freq,
        item_id=_by_table(options.id, options.related_id, options.items_id),
        timestamp=_by_table(options.timestamp, options.related_timestamp),
        date_format=options.date_format,
        decimal=options.decimal,
        thousands=options.thousands,
        target_column=options.target,
        dimensions=names(options.dimensions),
        known=names(options.known),
        past=names(options.past),
        open=options.open,
        categorical=names(options.categorical),
        numeric=names(options.numeric),
        text_values=options.text_values,
        season=whole_numbers("--season", options.season) or None,
        ends=options.ends or (schema.ends if schema else "last"),
        partial=options.partial or (schema.partial if schema else "drop"),
        aggregation=pairs("--aggregation", options.aggregation),
        filling=parse_filling(options.filling),
        strict=options.strict,
        tolerant=tolerant,
        timezone=options.timezone,
        holidays=options.holidays,
        holiday_days=options.holiday_days,
        partitions=options.partitions,
        schema=schema,
        scratch=scratch,
    )


def _by_table(target: str | None, related: list[str], items: str | None = None) -> Mapping[str, object]:
    """The names of a column by table, as the library takes them."""
    of_related = [name or None for name in related]  # an empty one is a usual name
    return {"target": target, "related": of_related} | ({"items": items} if items else {})


def _sources(sales: list[str], data: DataOptions) -> tuple[object, list[object], object]:
    """The target, the related tables and the items, each files or a query; raises ForetellError for both or neither."""
    if bool(sales) == (data.sql is not None):
        raise ForetellError(
            "the target table is given twice: as SALES and as --sql. Keep one of them."
            if sales
            else "the target table is missing: name its files (SALES), or give --sql and --database."
        )
    if data.items is not None and data.items_sql is not None:
        raise ForetellError("the item table is given twice: as --items and as --items-sql. Keep one of them.")
    files: object = sales if len(sales) > 1 else "".join(sales)
    return (
        files if data.sql is None else _query("--sql", data.sql, data.database),
        [*data.related, *(_query("--related-sql", text, data.database) for text in data.related_sql)],
        data.items if data.items_sql is None else _query("--items-sql", data.items_sql, data.database),
    )


def _query(option: str, text: str, database: str | None) -> Sql:
    if database is None:
        raise ForetellError(f"{option} needs --database: sqlite:///shop.db or postgresql://user@host/shop.")
    from foretell.ingest.sql_source import Sql

    return Sql(text, database)


def _open_panel(sales: list[str], options: DataOptions) -> Dataset:
    """The saved panel that is given in place of the tables."""
    from foretell.ingest.dataset import Dataset

    if len(sales) > 1:
        raise ForetellError(
            f"{sales[0]!r} and {sales[1]!r}: a saved panel is a whole data set, no table joins it. Give one folder."
        )
    data = Dataset.open(sales[0])
    if options.freq and not data.schema.frequency.fits(options.freq):
        raise ForetellError(
            f"{sales[0]} was ingested with --freq {data.schema.frequency.alias}, asked is --freq {options.freq}. Ingest the"
            " tables again with that, or leave it out."
        )
    given = [name for name, value in asdict(options).items() if value != asdict(DataOptions())[name]]
    if given:  # a file of options serves all commands, so this is no error
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        say(f"{sales[0]} is read as it was ingested; {listed} not used")
    return data


def as_in_training(schema: Schema, options: DataOptions) -> DataOptions:
    """The options with what they leave out taken from a model's schema; categories are read anew, for new ones may have come.

    Columns of tables that are not given are left out: forecasts are scored on the target alone.
    """
    given = {"static": bool(options.items or options.items_sql)}
    given |= dict.fromkeys(("known", "past"), bool(options.related or options.related_sql))
    columns = {
        role: ",".join(name for name, its in schema.roles.items() if its == role and given[role])
        for role in ("known", "past")
    }
    texts = ",".join(name for name in schema.vocabularies if given.get(schema.roles.get(name, ""), False))
    return replace(
        options,
        **_spelt_as(schema.reading, options),
        freq=options.freq or schema.frequency.alias,
        open=options.open or (schema.open if given["known"] else None),
        dimensions=options.dimensions or ",".join(schema.key[1:]),
        known=options.known or columns["known"],
        past=options.past or columns["past"],
        categorical=options.categorical or texts,
        season=options.season or ",".join(map(str, schema.seasons)),
        ends=options.ends or schema.ends,
        partial=options.partial or schema.partial,
        timezone=options.timezone or schema.timezone,
        filling=options.filling or spelt_filling({"target": schema.filling.get("target", {})}),
    )


def like_model(model: Path | None, sales: list[str], options: DataOptions) -> DataOptions:
    """The options for tables that are read as those of a model's training, without its columns; a saved panel needs none."""
    from foretell.ingest.panel_folder import is_panel
    from foretell.workflows.train import load

    if model is None or any(map(is_panel, sales)):
        return options
    return as_in_training(load(model, device="cpu").schema, options)


def _spelt_as(reading: Reading, options: DataOptions) -> dict[str, Any]:
    """The options that say how tables are spelt, with what they leave out as in a training."""
    ids, times = reading.item_id, reading.timestamp
    tables = len(options.related) + len(options.related_sql)
    of_related = {
        name: [each or "" for each in names.related] if len(names.related) in (1, tables) else []
        for name, names in (("related_id", ids), ("related_timestamp", times))
    }
    return {
        "id": options.id or ids.target,
        "related_id": options.related_id or of_related["related_id"],
        "items_id": options.items_id or ids.items,
        "timestamp": options.timestamp or times.target,
        "related_timestamp": options.related_timestamp or of_related["related_timestamp"],
        "target": options.target or reading.target,
        "date_format": options.date_format or reading.date_format,
        "decimal": options.decimal or reading.decimal,
        "thousands": options.thousands or reading.thousands,
        "aggregation": options.aggregation or [f"{name}={way}" for name, way in reading.aggregation.items()],
        "partitions": options.partitions or reading.partitions,
    }
