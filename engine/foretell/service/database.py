"""The database: SQLite in a local folder, or PostgreSQL; opened, migrated, and asked in transactions."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from foretell.errors import ForetellError

HEAD: Final = "0002"  # the newest of migrations/versions
_WAIT: Final = 30.0  # seconds for a lock
_NETWORK: Final = frozenset(
    ("9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "glusterfs", "lustre", "ncpfs")
) | frozenset(("nfs", "nfs4", "smb3", "smbfs"))
_READING: Final = "foretell_reading"


class Database:
    """A database that is open; any thread may use it.

    `with database.begin() as connection` is a transaction that writes: it is committed whole at the end of the block, or not at
    all. `with database.read() as connection` sees one state and writes nothing.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = engine.execution_options(**{_READING: True})

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._reader.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(address: str) -> Database:
    """The database at `address`, made or migrated if need be.

    Raises ForetellError for an address that is none, a database that cannot be opened, one of a newer foretell, and SQLite on a
    network file system.
    """
    url = _url(address)
    engine = _sqlite(url) if url.get_backend_name() == "sqlite" else _postgresql(url)
    with ExitStack() as unless_opened:
        unless_opened.callback(engine.dispose)
        try:
            _migrate(engine)
        except OperationalError as error:
            shown = url.render_as_string(hide_password=True)
            raise ForetellError(f"the database {shown} cannot be opened: {error.orig}") from error
        unless_opened.pop_all()
    return Database(engine)


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise ForetellError(
            "--database is no address. Write it as postgresql://user@host/foretell."
        ) from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database and not url.database.startswith(":"):
        return url
    raise ForetellError(
        f"a server keeps its state in SQLite or PostgreSQL, not in {url.drivername!r}. Write the address as"
        " postgresql://user@host/foretell or sqlite:////folder/foretell.db."
    )


def _sqlite(url: URL) -> Engine:
    """In WAL mode, the driver in autocommit; a transaction that writes takes the lock when it begins, and waits for it."""
    path = Path(str(url.database)).absolute()
    kind = file_system(path.parent)
    if kind in _NETWORK:
        raise ForetellError(
            f"{str(path)!r} is on a network file system ({kind}), where SQLite loses writes. Give --database"
            " postgresql://..., or a home on a local disk."
        )
    engine = create_engine(
        url, connect_args={"timeout": _WAIT, "isolation_level": None}, pool_size=8, max_overflow=56
    )

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get(_READING, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL) -> Engine:
    try:
        engine = create_engine(
            url, pool_pre_ping=True, pool_size=8, max_overflow=56, connect_args={"connect_timeout": 10}
        )
    except ModuleNotFoundError as error:
        raise ForetellError("PostgreSQL needs psycopg: pip install 'foretell[service]'") from error

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.autocommit = True  # else it is taken back with the first transaction
        connection.execute("select set_config('lock_timeout', %s, false)", (f"{_WAIT:.0f}s",))
        connection.autocommit = False

    return engine


def file_system(folder: Path) -> str:
    """The kind of file system that `folder` is on, as Linux names it; "" where that is not known."""
    try:
        lines = Path("/proc/self/mounts").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    place, found = os.path.realpath(folder), ("", "")
    for line in lines:
        _, mounted, kind, *_ = line.split(" ")
        mounted = mounted.encode().decode("unicode_escape")
        inside = place == mounted or place.startswith(mounted.rstrip("/") + "/")
        if inside and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]


def _migrate(engine: Engine) -> None:
    """Bring the schema up to date. Alembic is loaded only where there is something to do."""
    with engine.connect() as connection:
        there = inspect(connection).has_table("alembic_version")
        version = (
            connection.execute(text("select version_num from alembic_version")).scalar() if there else None
        )
    if version == HEAD:
        return
    from foretell.service.migrations.upgrade import upgrade

    upgrade(engine, version)
