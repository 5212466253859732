"""The jobs of what-if analyses: the related series changed or replaced within the horizon, and forecast again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import duckdb

from foretell.errors import ForetellError
from foretell.service.amazon.imports import ImportPlan, import_files
from foretell.service.amazon.schemas import RELATED, TARGET, Columns, parsed_condition_value
from foretell.service.amazon.work.forecasting import selected, write_forecast
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.tables import GroupTables, key_of, write_tables
from foretell.service.amazon.work.training import TABLES
from foretell.system.sql_text import file_patterns, literal, quoted, real

_OPERATORS: Final = {"ADD": "+", "SUBTRACT": "-", "MULTIPLY": "*", "DIVIDE": "/"}
_COMPARISONS: Final = {"EQUALS": "=", "NOT_EQUALS": "<>", "LESS_THAN": "<", "GREATER_THAN": ">"}


def run_analysis(place: Workplace) -> None:
    """The series that its forecasts are of."""
    forecast = place.result(place.parameters["forecast"])
    chosen = selected(place, place.parameters["selection"], forecast)
    place.finish(items=forecast["items"] if chosen is None else chosen)


def run_whatif_forecast(place: Workplace) -> None:
    """The forecast under the changed plan."""
    asked = place.parameters
    forecast, trained = place.result(asked["forecast"]), place.result(asked["predictor"])
    tables = write_tables(place, forecast["content"], trained["dimensions"], place.folder / TABLES)
    assert tables.related is not None
    changed = place.folder / TABLES / "changed.parquet"
    if asked["replacements"] is None:
        _transform(tables, asked["transformations"], changed)
    else:
        _replace(place, tables, asked["replacements"], changed)
    items = place.result(asked["analysis"])["items"]
    question = {"predictor": asked["predictor"], "levels": forecast["levels"]}
    write_forecast(place, trained, replace(tables, related=changed), question, items=items)
    place.finish(**{name: forecast[name] for name in forecast if name not in ("content", "items")})


def _transform(tables: GroupTables, changes: Sequence[Mapping[str, Any]], out: Path) -> None:
    """Each change in turn, of the rows after the end of the target that meet all of its conditions."""
    columns = tables.columns[RELATED]
    with duckdb.connect() as database:
        _load(database, tables)
        for change in changes:
            action = change["Action"]
            name, operator = quoted(action["AttributeName"]), _OPERATORS[action["Operation"]]
            conditions = [_condition(columns, each) for each in change.get("TimeSeriesConditions", [])]
            where = " AND ".join(["timestamp > (SELECT last FROM ends)", *conditions])
            database.execute(
                f"UPDATE plan SET {name} = {name} {operator} {real(float(action['Value']))} WHERE {where}"
            )
        database.execute(f"COPY plan TO {literal(str(out))} (FORMAT PARQUET)")


def _load(database: Any, tables: GroupTables) -> None:
    """The tables `plan`, of which numbers are reals, and `ends`, of one row."""
    columns = tables.columns[RELATED]
    assert tables.related is not None
    shown = ", ".join(
        f"{quoted(name)}::DOUBLE AS {quoted(name)}" if kind in ("integer", "float") else quoted(name)
        for name, kind in columns.types.items()
        if kind != "geolocation"
    )
    database.execute(
        f"CREATE TABLE plan AS SELECT {shown} FROM read_parquet({file_patterns([str(tables.related)])})"
    )
    database.execute(
        f"CREATE TABLE ends AS SELECT max(timestamp) AS last FROM read_parquet({file_patterns([str(tables.target)])})"
    )


def _condition(columns: Columns, condition: Mapping[str, Any]) -> str:
    name = condition["AttributeName"]
    value = parsed_condition_value(columns.types[name], condition)
    if isinstance(value, float):
        spelt = real(value)
    elif isinstance(value, str):
        spelt = literal(value)
    else:
        spelt = f"TIMESTAMP {literal(value.isoformat(sep=' '))}"
    return f"{quoted(name)} {_COMPARISONS[condition['Condition']]} {spelt}"


def _replace(place: Workplace, tables: GroupTables, source: Mapping[str, Any], out: Path) -> None:
    """Values of rows with the same key give way to those of the replacement rows."""
    columns, domain = tables.columns[RELATED], tables.columns[TARGET].domain
    names = [each["AttributeName"] for each in source["schema"]["Attributes"]]
    given = Columns(domain, RELATED, columns_of_names(columns, names))
    file = place.folder / "replacements.parquet"
    plan = ImportPlan(source["url"], given, source["format"], source["timestamp_format"])
    import_files(place.storage, plan, file)
    key = [name for name in key_of(columns, _texts(columns, names)) if name in names]
    values = [name for name in given.numbers if name in columns.types]
    if not values:
        raise ForetellError("the replacement rows have no number to replace")
    same = " AND ".join(f"plan.{quoted(name)} = new.{quoted(name)}" for name in key)
    sets = ", ".join(f"{quoted(name)} = new.{quoted(name)}" for name in values)
    with duckdb.connect() as database:
        _load(database, tables)
        database.execute(f"CREATE TABLE new AS SELECT * FROM read_parquet({file_patterns([str(file)])})")
        database.execute(f"UPDATE plan SET {sets} FROM new WHERE {same}")
        database.execute(f"COPY plan TO {literal(str(out))} (FORMAT PARQUET)")


def columns_of_names(columns: Columns, names: Sequence[str]) -> dict[str, str]:
    """The types of some attributes, in the order of `names`."""
    return {name: columns.types[name] for name in names}


def _texts(columns: Columns, names: Sequence[str]) -> list[str]:
    return [name for name in names if columns.types[name] == "string" and name != columns.domain.item]
