"""Files of S3 read as a dataset's schema says, and written as Parquet: typed, checked, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from foretell.errors import ForetellError
from foretell.service.amazon.errors import invalid_input
from foretell.service.amazon.s3 import Storage
from foretell.service.amazon.schemas import Columns

# As the service spells them (the samples also have hh) and as strptime does.
TIMESTAMP_FORMATS: Final[Mapping[str, str]] = {
    "yyyy-MM-dd": "%Y-%m-%d",
    "yyyy-MM-dd HH:mm:ss": "%Y-%m-%d %H:%M:%S",
    "yyyy-MM-dd hh:mm:ss": "%Y-%m-%d %H:%M:%S",
}
DEFAULT_FORMAT: Final = "yyyy-MM-dd HH:mm:ss"
GEOLOCATION_FORMATS: Final = ("LAT_LONG", "CC_POSTALCODE")
_TYPES: Final[Mapping[str, pa.DataType]] = {
    "string": pa.string(),
    "geolocation": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "timestamp": pa.timestamp("us"),
}
_SHOWN: Final = 60  # characters of a value that a message repeats
_BLOCK: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What is read, and how."""

    url: str
    columns: Columns
    format: Literal["CSV", "PARQUET"] = "CSV"
    timestamp_format: str = DEFAULT_FORMAT


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import wrote."""

    rows: int
    size: int  # bytes that were read


def check_import(request: Mapping[str, Any], columns: Columns, data_frequency: str | None) -> None:
    """Raises InvalidInputException for options that contradict each other or the dataset."""
    stamp = request.get("TimestampFormat")
    if stamp is not None and stamp not in TIMESTAMP_FORMATS:
        raise invalid_input(
            f"TimestampFormat {stamp} is not valid. Valid formats are: {', '.join(TIMESTAMP_FORMATS)}."
        )
    if stamp == "yyyy-MM-dd" and (data_frequency or "").endswith(("H", "min")):
        raise invalid_input(
            f"TimestampFormat yyyy-MM-dd is too coarse for data of frequency {data_frequency}."
        )
    zone = request.get("TimeZone")
    if zone is not None and request.get("UseGeolocationForTimeZone"):
        raise invalid_input("TimeZone and UseGeolocationForTimeZone exclude each other.")
    if zone is not None and zone not in available_timezones():
        raise invalid_input(f"TimeZone {zone} is not a name of a time zone.")
    place = request.get("GeolocationFormat")
    if place is not None and place not in GEOLOCATION_FORMATS:
        raise invalid_input(
            f"GeolocationFormat {place} is not valid. Valid formats are: {', '.join(GEOLOCATION_FORMATS)}."
        )
    if columns.geolocation and place is None:
        raise invalid_input(
            f"GeolocationFormat is required: the schema has the geolocation {columns.geolocation[0]}."
        )
    if not columns.geolocation and (place is not None or request.get("UseGeolocationForTimeZone")):
        raise invalid_input("The schema has no attribute of type geolocation.")


def import_files(storage: Storage, plan: ImportPlan, out: Path) -> Imported:
    """Read everything at `plan.url` into one Parquet file.

    Raises ForetellError naming the file, the row and the attribute that cannot be read, and for no rows at all.
    """
    files = storage.list_files(plan.url)
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in plan.columns.types.items()])
    rows = size = 0
    with pq.ParquetWriter(out, schema, compression="zstd") as writer:
        for file in files:
            row = 0
            with storage.reading(plan.url, file) as stream:
                for batch in _batches(stream, plan, file.name):
                    where = _Place(file.name, row, plan)
                    writer.write_table(
                        pa.table([where.typed(batch, name) for name in schema.names], schema=schema)
                    )
                    row += batch.num_rows
            rows, size = rows + row, size + file.size
    if rows == 0:
        raise ForetellError(f"there are no rows at {plan.url}")
    return Imported(rows, size)


def _batches(stream: Any, plan: ImportPlan, file: str) -> Iterator[Any]:
    return (
        _parquet_batches(stream, plan, file) if plan.format == "PARQUET" else _csv_batches(stream, plan, file)
    )


def _csv_batches(stream: Any, plan: ImportPlan, file: str) -> Iterator[Any]:
    """Rows as texts; a first row that repeats the attributes is no data."""
    names = list(plan.columns.names)
    try:
        reader = pacsv.open_csv(
            stream,
            read_options=pacsv.ReadOptions(column_names=names, block_size=_BLOCK),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                quoted_strings_can_be_null=True,
            ),
        )
        first = True
        for batch in reader:
            table = pa.Table.from_batches([batch])
            if first and table.num_rows and _is_header(table, names):
                table = table.slice(1)
            first = False
            yield table
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return
        raise ForetellError(
            f"{file}: it cannot be read as CSV with the {len(names)} columns of the schema: {error}"
        ) from error


def _is_header(table: Any, names: Sequence[str]) -> bool:
    row = table.slice(0, 1).to_pylist()[0]
    return all((row[name] or "").strip().casefold() == name.casefold() for name in names)


def _parquet_batches(stream: Any, plan: ImportPlan, file: str) -> Iterator[Any]:
    try:
        source = pq.ParquetFile(pa.BufferReader(stream.read()))
        missing = [name for name in plan.columns.names if name not in source.schema_arrow.names]
        if missing:
            raise ForetellError(f"{file}: it has no column {missing[0]!r} of the schema")
        for batch in source.iter_batches(columns=list(plan.columns.names)):
            yield pa.Table.from_batches([batch])
    except pa.ArrowException as error:
        raise ForetellError(f"{file}: it is no Parquet file: {error}") from error


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a batch begins, for messages."""

    file: str
    row: int
    plan: ImportPlan

    def typed(self, batch: Any, name: str) -> Any:
        """The column `name` as the schema types it."""
        columns, kind = self.plan.columns, self.plan.columns.types[name]
        values = batch[name].combine_chunks()
        if isinstance(values, pa.ChunkedArray):
            values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        found = (
            self._timestamps(values, name) if kind == "timestamp" else self._cast(values, name, _TYPES[kind])
        )
        key = name in (columns.domain.item, "timestamp", *columns.dimensions)
        self._check(found.is_null() if key else None, values, name, "is missing")
        return found

    def _timestamps(self, values: Any, name: str) -> Any:
        if pa.types.is_timestamp(values.type) or pa.types.is_date(values.type):
            return values.cast(pa.timestamp("us"), safe=False)
        texts = self._cast(values, name, pa.string())
        spelling = TIMESTAMP_FORMATS[self.plan.timestamp_format]
        found = pc.strptime(texts, format=spelling, unit="us", error_is_null=True)
        wrong = pc.and_(texts.is_valid(), found.is_null())
        self._check(wrong, values, name, f"is no time like {self.plan.timestamp_format}")
        return found

    def _cast(self, values: Any, name: str, kind: Any) -> Any:
        if pa.types.is_string(values.type) and kind in (pa.int64(), pa.float64()):
            values = pc.utf8_trim_whitespace(values)
        try:
            return values.cast(kind)
        except pa.ArrowInvalid as error:
            wrong = pa.array([_unreadable(each, kind) for each in values.to_pylist()])
            self._check(wrong, values, name, f"is no {kind}")
            raise ForetellError(f"{self.file}: {name} is no {kind}: {error}") from error

    def _check(self, wrong: Any, values: Any, name: str, what: str) -> None:
        """Raises ForetellError for the first row that is wrong."""
        if wrong is None or not pc.any(wrong).as_py():
            return
        k = pc.index(wrong, True).as_py()
        shown = repr(values[k].as_py())[:_SHOWN]
        raise ForetellError(f"{self.file}, row {self.row + k + 1}: {name} {what}: {shown}")


def _unreadable(value: Any, kind: Any) -> bool:
    if value is None:
        return False
    try:
        pa.array([value]).cast(kind)
    except pa.ArrowInvalid:
        return True
    return False


def text_of_time(at: datetime) -> str:
    """As forecastquery has it: no zone."""
    return f"{at:%Y-%m-%dT%H:%M:%S}"
