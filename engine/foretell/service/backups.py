"""A home as one file, taken while the server runs, and a home made of one.

The file is a tar: `manifest.json`, `tables/NAME.jsonl` for each table of the database, seen at one moment, and then the home's
files. What a job finishes while they are copied is not in the tables; what it deletes meanwhile is left out and counted. Jobs that
were not finished begin anew in the restored home.
"""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from sqlalchemy import Connection, LargeBinary, Table, insert, select, update

from foretell.errors import ForetellError
from foretell.service.amazon.tables import metadata as amazon
from foretell.service.database import HEAD, Database
from foretell.service.home import Home
from foretell.service.tables import jobs, metadata
from foretell.system.atomic_files import replacing
from foretell.system.strict_json import parse_json

FORMAT: Final = 1
_PARTS: Final = ("files", "uploads")  # folders of the home
_SINGLE: Final = ("config.toml", "key")
_TABLES: Final = {each.name: each for each in (*metadata.sorted_tables, *amazon.sorted_tables)}
_BATCH: Final = 1000  # rows
_MOST_MANIFEST: Final = 1 << 20


def back_up(home: Home, database: Database, file: str | Path) -> dict[str, int]:
    """Write `file`, readable by its owner alone, whole or not at all: how many rows, files and files that went meanwhile."""
    counts = {"rows": 0, "files": 0, "gone": 0}
    with replacing(file) as trial, trial.open("wb") as raw, tarfile.open(fileobj=raw, mode="w") as archive:
        trial.chmod(0o600)  # while nothing is in it
        told = {"format": FORMAT, "schema": HEAD, "foretell": version("foretell"), "at": time.time()}
        _add(archive, "manifest.json", json.dumps(told).encode())
        with database.read() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("set transaction isolation level repeatable read")
            for table in _TABLES.values():
                rows = list(_lines(connection, table))
                counts["rows"] += len(rows)
                _add(archive, f"tables/{table.name}.jsonl", b"".join(rows))
        for path in _files(home.path):
            try:
                archive.add(path, str(path.relative_to(home.path)), recursive=False)
                counts["files"] += 1
            except FileNotFoundError:
                counts["gone"] += 1
    return counts


def restore(file: str | Path, home: Home, database: Database) -> dict[str, int]:
    """Fill an empty home and its empty database; raises ForetellError where one is not empty, and for a file that is none."""
    if any(True for part in _PARTS for _ in (home.path / part).iterdir()):
        raise ForetellError(f"{str(home.path)!r} holds something already. Restore into a new home.")
    counts = {"rows": 0, "files": 0}
    try:
        with tarfile.open(file, "r:") as archive, database.begin() as connection:
            _empty(connection)
            _check(archive)
            for member in archive:
                if member.name == "manifest.json":
                    continue
                if member.name.startswith("tables/"):
                    counts["rows"] += _fill(connection, member.name, _opened(archive, member))
                else:
                    _unpack(home.path, archive, member)
                    counts["files"] += 1
            connection.execute(update(jobs).values(owner=None, lease_until=None))
    except (tarfile.TarError, EOFError, UnicodeDecodeError) as error:
        raise ForetellError(f"{str(file)!r} is no backup, or is damaged: {error}") from error
    return counts


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    for row in connection.execution_options(yield_per=_BATCH).execute(select(table)).mappings():
        values = {
            str(name): {"base64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value
            for name, value in row.items()
        }
        yield orjson.dumps(values) + b"\n"


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(data), 0o600, int(time.time())
    archive.addfile(member, io.BytesIO(data))


def _files(home: Path) -> Iterator[Path]:
    """Regular files; what is being written has a name that begins with a dot."""
    for name in _SINGLE:
        if (home / name).is_file():
            yield home / name
    for part in _PARTS:
        for folder, folders, files in os.walk(home / part):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for each in sorted(files):
                path = Path(folder) / each
                if not each.startswith(".") and not path.is_symlink():
                    yield path


def _empty(connection: Connection) -> None:
    for table in _TABLES.values():
        if connection.execute(select(table).limit(1)).first() is not None:
            raise ForetellError(f"the database has rows in {table.name} already. Restore into an empty one.")


def _check(archive: tarfile.TarFile) -> None:
    first = archive.next()
    if first is None or first.name != "manifest.json" or first.size > _MOST_MANIFEST:
        raise ForetellError("this is no backup of foretell: it does not begin with a manifest")
    told = parse_json(_opened(archive, first).read())
    if not isinstance(told, dict) or told.get("format") != FORMAT or told.get("schema") != HEAD:
        raise ForetellError(
            f"this backup has another format or schema (this foretell restores {FORMAT} and {HEAD}). Restore it with the"
            " foretell that made it, and start a newer one on the home."
        )


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> BinaryIO:
    found = archive.extractfile(member) if member.isreg() else None
    if found is None:
        raise ForetellError(f"this backup holds {member.name!r}, which is no regular file")
    return found  # type: ignore[return-value]


def _fill(connection: Connection, name: str, lines: BinaryIO) -> int:
    table = _TABLES.get(name.removeprefix("tables/").removesuffix(".jsonl"))
    if table is None:
        raise ForetellError(f"this backup has rows of a table that is not known: {name!r}")
    rows = [_row(table, line) for line in lines]
    for begin in range(0, len(rows), _BATCH):
        connection.execute(insert(table), rows[begin : begin + _BATCH])
    return len(rows)


def _row(table: Table, line: bytes) -> dict[str, Any]:
    row = parse_json(line)
    if not isinstance(row, dict) or set(row) != set(table.c.keys()):
        raise ForetellError(f"this backup has a row of {table.name} with other columns")
    for column in table.c:
        value = row[column.name]
        if isinstance(column.type, LargeBinary) and isinstance(value, dict):
            row[column.name] = base64.b64decode(str(value.get("base64")), validate=True)
    return row


def _unpack(home: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """Only where a home has files, and never over one that is there."""
    parts = Path(member.name).parts
    inside = len(parts) > 1 and parts[0] in _PARTS and ".." not in parts
    if not inside and member.name not in _SINGLE:
        raise ForetellError(f"this backup holds {member.name!r}, which is no part of a home")
    source, path = _opened(archive, member), home / member.name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, 0o600), "wb") as target:
        while data := source.read(1 << 20):
            target.write(data)
