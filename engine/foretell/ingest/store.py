"""`Store`: one in-memory DuckDB, which opens no files but those it is given."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pandas as pd

from foretell.errors import ForetellError
from foretell.ingest.csv_files import explain_broken_line
from foretell.system.big_arrays import SHARE, memory
from foretell.system.listener import heed, on_cancel, tell
from foretell.system.scratch import scratch_folder, scratch_place
from foretell.system.sql_text import file_pattern, literal, literals

# rows of one Arrow batch: a few MB, so memory stays flat however long the table is
BATCH_ROWS: Final = 1 << 17
_SETTINGS: Final = (
    "SET TimeZone = 'UTC'",
    "SET preserve_insertion_order = false",  # nothing here depends on the order of rows, and order costs memory
    "SET autoinstall_known_extensions = false",  # never download anything
    "SET streaming_buffer_size = '64MB'",  # DuckDB's threads read on while rows are put on the grid
)
# Rules of DuckDB's optimizer that change results: it reads a CSV column as the type that TRY_CAST tries, and then a row of
# another type is an error where TRY_CAST has NULL (2.0.0 and 2.0.1).
_WRONG_RULES: Final = "type_pushdown"
_AGAIN: Final = 0.05  # seconds between two interruptions of a query whose time is up
_LEAST_MEMORY: Final = 1 << 30  # bytes that DuckDB may use at least; past its limit it spills to disk


class Store:
    """One in-memory DuckDB; a context manager. What DuckDB rejects becomes a ForetellError.

    It reads `files` and what it has spooled itself, and writes to its own folders alone: whatever SQL it is handed, no
    other file is opened, no extension loaded, and no setting changed.
    """

    def __init__(
        self,
        timezone: str | None = None,
        *,
        files: Sequence[str] = (),
        scratch: str | os.PathLike[str] | None = None,
    ) -> None:
        import duckdb

        self.timezone = timezone  # the zone in which times with an offset or a zone are read; None: their own
        self.scratch: Final = scratch_place(scratch or None)  # for what does not fit into memory
        self._failure: type[Exception] = duckdb.Error
        self._connection: Any = duckdb.connect()
        self._open = ExitStack()
        self._own: Final = os.fspath(self._open.enter_context(scratch_folder(self.scratch)))
        limit = f"{max(memory() // SHARE, _LEAST_MEMORY)}B"  # the grids need memory too
        rules = self._connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()
        ((bar,),) = self._connection.execute("SELECT current_setting('enable_progress_bar')").fetchall()
        self._set(
            *_SETTINGS,
            # asked only where there is one: in Jupyter without ipywidgets DuckDB refuses the question itself
            *(["SET enable_progress_bar = false"] if bar else []),
            *([f"SET disabled_optimizers = {literal(_WRONG_RULES)}"] if (_WRONG_RULES,) in rules else []),
            f"SET temp_directory = {literal(os.path.join(self._own, 'spilled'))}",
            f"SET memory_limit = {literal(limit)}",
            f"SET allowed_paths = {literals([*files, *map(file_pattern, files)])}",  # patterns are looked up too
            f"SET allowed_directories = {literals([self._own + os.sep, file_pattern(self._own) + os.sep])}",
            "SET enable_external_access = false",  # but for what is allowed: it cannot be turned on again
            "SET lock_configuration = true",
        )

    def _set(self, *settings: str) -> None:
        with self._asking():
            for setting in settings:
                self._connection.execute(setting)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._open.close()

    def spooled(self, name: str) -> str:
        """The path of a file called `name` that lives as long as the store."""
        return os.path.join(self._own, name)

    def execute(self, sql: str) -> None:
        """Run a statement for its effect. Raises ForetellError for what DuckDB cannot read, as `rows`, `frame` and `batches` do."""
        with self._asking():
            self._connection.execute(self._single(sql))

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small result; raises ForetellError for what DuckDB cannot read."""
        with self._asking():
            rows: list[tuple[Any, ...]] = self._connection.execute(self._single(sql)).fetchall()
        return rows

    def frame(self, sql: str) -> pd.DataFrame:
        """A small result as a frame; raises ForetellError for what DuckDB cannot read."""
        with self._asking():
            frame: pd.DataFrame = self._connection.execute(self._single(sql)).df()
        return frame

    def batches(self, sql: str) -> Iterator[Any]:
        """A result of any size as a stream of Arrow record batches; raises ForetellError for what DuckDB cannot read."""
        with self._asking(OSError):  # Arrow wraps what DuckDB raises in the middle of a stream
            relation = self._connection.sql(self._single(sql))
            # `to_arrow_reader` is the name since DuckDB 1.5, `fetch_arrow_reader` the one before
            read = (
                relation.to_arrow_reader
                if hasattr(relation, "to_arrow_reader")
                else relation.fetch_arrow_reader
            )
            done = 0
            with read(BATCH_ROWS) as reader:
                for batch in reader:
                    yield batch
                    done += len(batch)
                    tell("ingest", done, message="rows")

    def register(self, name: str, table: Any) -> None:
        """Make an Arrow table or a frame readable under `name`; raises ForetellError for types that DuckDB does not have."""
        with self._asking():
            self._connection.register(name, table)

    @contextmanager
    def ending_at(self, moment: float) -> Iterator[None]:
        """Inside, a query that still runs at `moment` (of time.monotonic) is ended, with a ForetellError."""
        left = threading.Event()

        def end() -> None:
            if not left.wait(max(moment - time.monotonic(), 0)):
                while not left.wait(_AGAIN):  # one call is lost on a query that has not quite begun
                    self._connection.interrupt()

        watch = threading.Thread(target=end, daemon=True)
        watch.start()
        try:
            yield
        finally:
            left.set()
            watch.join()

    def _single(self, sql: str) -> str:
        """`sql`, if it is one statement; raises ForetellError otherwise."""
        count = len(self._connection.extract_statements(sql))
        if count != 1:
            raise ForetellError(f"DuckDB is asked one thing at a time, got {count} statements")
        return sql

    @contextmanager
    def _asking(self, *failures: type[Exception]) -> Iterator[None]:
        """What goes wrong inside becomes a ForetellError; a cancel ends the query that runs."""
        heed()
        try:
            with on_cancel(self._connection.interrupt):
                yield
        except (self._failure, *failures) as error:
            heed()
            raise _unreadable(error) from error


def _unreadable(error: Exception) -> ForetellError:
    line = explain_broken_line(str(error))
    if line is not None:
        return ForetellError(line)
    text = str(error).split("LINE 1:")[0]  # what follows is our own SQL
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return ForetellError("the data cannot be read: " + " ".join(lines[:4]))
