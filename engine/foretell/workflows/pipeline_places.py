"""Where a pipeline reads and writes: the connections, files and hosts that a configuration lets it use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretell.errors import ForetellError
from foretell.ingest.sql_source import Sql
from foretell.system.connections import Connection, connection_named
from foretell.system.frame_writers import check_place
from foretell.system.notices import Mail
from foretell.system.sql_table import SqlTable, SqlTableWriter
from foretell.workflows.pipeline_text import Pipeline, Source, Target

if TYPE_CHECKING:
    from foretell.recipe.forecast import Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What a configuration allows."""

    connections: Mapping[str, Connection] = field(default_factory=dict)
    hooks: Sequence[str] = ()  # hosts that a webhook may call
    mail: Mail | None = None
    allowed: Callable[[str], str] = (
        str  # a path as it is opened; raises ForetellError for one that must not be
    )

    def check(self, pipeline: Pipeline) -> None:
        """Raises ForetellError, naming the field, for whatever the pipeline may not read, write or call."""
        source, target = pipeline.source, pipeline.target
        if source.connection is not None:
            connection_named(self.connections, source.connection, "read")
        self._tables(source, lambda text: text)
        pipeline.notify.check(self.hooks, self.mail)
        if target.path is not None:
            check_place(self.allowed(target.path))
            return
        listed = connection_named(self.connections, str(target.connection), "write").tables
        for table in tables_of(target, pipeline.forecast.totals):
            if table not in listed:
                raise ForetellError(
                    f"target.table: the connection {target.connection!r} may not write {table!r}. It lists:"
                    f" {', '.join(listed) or 'none'}."
                )

    def tables(self, source: Source, scratch: Path) -> dict[str, Any]:
        """The tables as `foretell.Dataset` takes them; what lies in an object store is copied to `scratch`."""
        return self._tables(source, lambda path: fetched(path, scratch))

    def _tables(self, source: Source, fetch: Callable[[str], str]) -> dict[str, Any]:
        def table(text: str) -> object:
            if source.connection is None:
                return fetch(self.allowed(text))
            connection = self.connections[source.connection]
            return Sql(text, connection.limited, connection.max_rows)

        target = (
            table(source.target)
            if isinstance(source.target, str)
            else [table(each) for each in source.target]
        )
        return {
            "target": target,
            "related": [table(each) for each in source.related] or None,
            "items": None if source.items is None else table(source.items),
        }

    def publish(self, target: Target, forecasts: Mapping[str, Forecast], run: str) -> dict[str, int]:
        """Write the items ("") and the totals, by their columns: rows by place. Tables of a database all or none."""
        if target.path is not None:
            return self._save(self.allowed(target.path), forecasts)
        url = connection_named(self.connections, str(target.connection), "write").limited
        rows = {}
        with SqlTableWriter(_table(target, url, "", run)) as writer:
            for total, forecast in forecasts.items():
                table, frame = _table(target, url, total, run), forecast.to_frame()
                (writer if total == "" else writer.beside(table)).write(frame)
                rows[table.name] = len(frame)
        return rows

    def _save(self, path: str, forecasts: Mapping[str, Forecast]) -> dict[str, int]:
        rows = {}
        for total, forecast in forecasts.items():
            place = Path(path)
            place = place.with_name(named(place.stem, total) + place.suffix)
            place.parent.mkdir(parents=True, exist_ok=True)
            forecast.save(place, overwrite=True)
            rows[str(place)] = len(forecast) * forecast.horizon
        return rows


def named(place: str, total: str) -> str:
    """The name of the table or file of a total: forecasts_region_store."""
    return "_".join([place, *total.split("/")]) if total else place


def tables_of(target: Target, totals: Sequence[str]) -> list[str]:
    """All tables that are written."""
    return [named(str(target.table), total) for total in ("", *totals)]


def fetched(path: str, scratch: Path) -> str:
    """`path`, copied to `scratch` where it begins with s3://: through AWS_ENDPOINT_URL and the usual credentials."""
    if not path.startswith("s3://"):
        return path
    from pyarrow import fs

    place = scratch / f"s3-{len(list(scratch.glob('s3-*')))}"
    place.mkdir(parents=True)
    try:
        store, key = fs.FileSystem.from_uri(path)
        folder = store.get_file_info(key).type == fs.FileType.Directory
        local = place if folder else place / Path(key).name
        fs.copy_files(key, str(local), source_filesystem=store, destination_filesystem=fs.LocalFileSystem())
    except (OSError, ValueError) as error:
        raise ForetellError(f"{path} cannot be read: {error}") from error
    return str(local)


def _table(target: Target, url: str, total: str, run: str) -> SqlTable:
    return SqlTable(named(str(target.table), total), url, run=run if target.replace == "run" else None)
