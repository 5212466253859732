"""`SqlTable`: a table of SQLite or PostgreSQL that forecasts are written to, in one transaction through ADBC."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from foretell.errors import ForetellError
from foretell.system.database import SPELLINGS, Address, driver_of, explained, parse
from foretell.system.sql_text import quoted

if TYPE_CHECKING:
    import pandas as pd

RUN: Final = "run"  # the column that says of which run a row is
_LONGEST_NAME: Final = 63  # bytes: PostgreSQL cuts what is longer without a word
_LONGEST_RUN: Final = 200  # characters


@dataclass(frozen=True, slots=True)
class SqlTable:
    """A table of a database to which `Forecast.save` and `Model.predict_to` write, whole or not at all.

    It is made where there is none. Without `run` the forecasts take the place of all that it holds. With one they get a column
    `run`, and take the place of that run's rows alone: runs of many weeks stand side by side, and one that is written twice is
    there once. Rows of a table with other columns are never touched. It needs the drivers of `foretell[sql]`.

    Args:
        name: of the table, such as `forecasts`, or `planning.forecasts` in a schema of PostgreSQL.
        database: `sqlite:///shop.db` or `postgresql://user@host:5432/shop`. It may hold a password; better is the environment's
            PGPASSWORD or a ~/.pgpass.
        run: what names the run, such as `2026-W48`; None to replace all rows.

    Raises:
        ForetellError: for a name that is none and for another kind of database. What the database rejects is raised when
            it is written to.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> model = foretell.train(foretell.Dataset(sales, freq="D"), recipe="seasonal_naive", horizon=7)
        >>> model.predict_to(foretell.SqlTable("forecasts", "sqlite:///plan.db", run="2011-W45"))
        4
    """

    name: str
    database: str
    run: str | None = None

    def __post_init__(self) -> None:
        for part in self._parts:
            if (
                not part.strip()
                or not part.isprintable()
                or len(part.encode(errors="replace")) > _LONGEST_NAME
            ):
                raise ForetellError(
                    f"a table is named by 1 to {_LONGEST_NAME} bytes of printable characters, as in forecasts or planning.forecasts, got"
                    f" {self.name!r}"
                )
            quoted(part)
        if not isinstance(self.database, str) or not self.database.strip():
            raise ForetellError(f"database must be a text, got {self.database!r}: {SPELLINGS}")
        parse(self.database)
        if self.run is not None and not _is_run(self.run):
            raise ForetellError(
                f"run must be a text of 1 to {_LONGEST_RUN} printable characters, such as 2026-W48, got {self.run!r}"
            )

    def __repr__(self) -> str:
        run = "" if self.run is None else f", run={self.run!r}"
        return f"SqlTable({self.name!r}, {parse(self.database).shown!r}{run})"

    def __str__(self) -> str:
        return f"{self.name} of {parse(self.database).shown}"

    @property
    def place(self) -> tuple[str | None, str]:
        """The schema, if one is named, and the table in it."""
        parts = self._parts
        return (parts[0], parts[1]) if len(parts) == 2 else (None, parts[0])

    @property
    def _parts(self) -> Sequence[str]:
        if not isinstance(self.name, str):
            raise ForetellError(f"a table's name must be a text, got {type(self.name).__name__}")
        return self.name.split(".", 1) if parse(self.database).driver == "postgresql" else [self.name]


def _is_run(run: object) -> bool:
    return isinstance(run, str) and 0 < len(run.strip()) <= _LONGEST_RUN and run.isprintable()


class SqlTableWriter:
    """Rows written to an `SqlTable` piece by piece, in one transaction: a context manager, after which they are all there.

    Raises ForetellError where the table holds other columns than what is written, and for what the database refuses; then
    the table is as it was.
    """

    def __init__(self, table: SqlTable) -> None:
        self._table, self._address = table, parse(table.database)
        self._stack = ExitStack()
        self._connection: Any = None
        self._columns: list[str] = []
        self._types: dict[str, Any] = {}  # of the columns that the table has, in Arrow's terms

    def __enter__(self) -> SqlTableWriter:
        address = _writable(self._address)
        driver = driver_of(address.driver, "written")
        with ExitStack() as stack:
            stack.enter_context(explained(address, exists=False))
            self._connection = stack.enter_context(driver.connect(address.uri))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *reason: Any) -> bool | None:
        if reason[0] is None and self._columns:
            try:
                self._connection.commit()
            except BaseException as error:
                self._stack.__exit__(type(error), error, error.__traceback__)
                raise
        return self._stack.__exit__(*reason)

    def beside(self, table: SqlTable) -> SqlTableWriter:
        """A writer of another table of the same database, in this one's transaction, which is ended with this one."""
        other = SqlTableWriter(table)
        other._connection = self._connection
        return other

    def write(self, frame: pd.DataFrame) -> None:
        """Append the rows of `frame`; all frames have the same columns."""
        rows = _arrow(_as_text(frame) if self._address.driver == "sqlite" else frame, self._table.run)
        schema, name = self._table.place
        new = False
        with self._connection.cursor() as cursor:
            if not self._columns:
                there = self._there()
                new = not there
                self._columns = there or rows.column_names
                if not new:
                    self._clear(cursor, rows.column_names)
            options = {} if schema is None else {"db_schema_name": schema}
            mode = "create" if new else "append"
            cursor.adbc_ingest(name, self._as_there(rows), mode=mode, **options)

    def _as_there(self, rows: Any) -> Any:
        """The rows in the order and, for numbers and times, the types of the table's columns."""
        import pyarrow as pa

        kinds = []
        for name in self._columns:
            own, its = rows.schema.field(name).type, self._types.get(name)
            alike = its is not None and all(map(_is_plain, (own, its)))
            kinds.append(pa.field(name, its if alike else own))
        return rows.select(self._columns).cast(pa.schema(kinds))

    @property
    def _place(self) -> str:
        """The table in SQL."""
        return ".".join(quoted(part) for part in self._table.place if part is not None)

    def _there(self) -> list[str]:
        """The columns of the table; none where there is no such table."""
        with self._connection.cursor() as cursor:
            if self._address.driver == "sqlite":
                cursor.execute("SELECT name FROM pragma_table_info(?)", (self._table.place[1],))
            else:
                cursor.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass($1) AND attnum > 0"
                    " AND NOT attisdropped ORDER BY attnum",
                    (self._place,),
                )
            return [str(column) for (column,) in cursor.fetchall()]

    def _clear(self, cursor: Any, columns: Sequence[str]) -> None:
        """Remove the rows whose place the new ones take; raises ForetellError for a table of something else."""
        if sorted(self._columns) != sorted(columns):
            raise ForetellError(_other_columns(self._table, self._columns, columns))
        if self._address.driver == "postgresql":  # another run must not slip in between
            cursor.execute(f"LOCK TABLE {self._place} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(f"SELECT * FROM {self._place} LIMIT 0")
            self._types = {part.name: part.type for part in cursor.fetch_arrow_table().schema}
        if self._table.run is None:
            cursor.execute(f"DELETE FROM {self._place}")
        else:
            mark = "?" if self._address.driver == "sqlite" else "$1"
            cursor.execute(f"DELETE FROM {self._place} WHERE {quoted(RUN)} = {mark}", (self._table.run,))


def _writable(address: Address) -> Address:
    """The address for a connection that writes, and makes SQLite's file where there is none."""
    if address.driver == "postgresql":
        return address
    return replace(address, uri=address.uri.removesuffix("?mode=ro") + "?mode=rwc")


def _other_columns(table: SqlTable, there: Sequence[str], new: Sequence[str]) -> str:
    added = [name for name in new if name not in there]
    lacking = [name for name in there if name not in new]
    hint = (
        " It was written without run=: leave that out, or name another table."
        if RUN in added
        else " It holds runs: name one by run=, or another table."
        if RUN in lacking
        else " Name another table, or drop it."
    )
    differ = "; ".join(
        f"{what} {', '.join(names[:5])}" for what, names in (("without", added), ("with", lacking)) if names
    )
    return f"the table {table} is {differ}, so forecasts do not go there.{hint}"


def _is_plain(kind: Any) -> bool:
    """Whether values of a type are numbers or times, which databases hold in several widths."""
    import pyarrow as pa

    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_timestamp(kind))


def _as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with times as SQLite holds them, and as a CSV file has them: dates alone where all are midnight, else ISO with a blank."""
    texts = {}
    for name in frame.columns:
        if frame[name].dtype.kind == "M":
            form = (
                "%Y-%m-%d"
                if (frame[name].dropna() == frame[name].dropna().dt.normalize()).all()
                else "%Y-%m-%d %H:%M:%S"
            )
            texts[name] = frame[name].dt.strftime(form)
    return frame.assign(**texts)


def _arrow(frame: pd.DataFrame, run: str | None) -> Any:
    """The frame as an Arrow table of types that databases have, with the column of its run."""
    import pyarrow as pa

    rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if run is not None:
        if RUN in rows.column_names:
            raise ForetellError(
                f"the forecasts have a column {RUN!r} of their own. Leave run= out, or rename that."
            )
        rows = rows.add_column(0, RUN, pa.array([run] * len(rows), pa.string()))
    return rows.cast(pa.schema([part.with_type(_type_of(part.type)) for part in rows.schema]))


def _type_of(kind: Any) -> Any:
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.timestamp("us")
    if pa.types.is_dictionary(kind):
        return pa.string()
    return pa.float64() if pa.types.is_float32(kind) else kind
