"""SQLite's files, of which others may have written any: opened only where they are no more than they seem."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from foretell.errors import ForetellError
from foretell.system.regular_files import open_regular

BESIDE: Final = ("-journal", "-wal", "-shm")  # that SQLite opens with a file, by its name
_WAIT: Final = 2.0  # seconds for another process to end what it writes
# ends a journal that names a further file, which SQLite removes (pager.c, readSuperJournal); one of a single file has none
_NAMES_A_FILE: Final = bytes.fromhex("d9d505f920a163d7")


class InUse(ForetellError):
    """Another process writes a database."""


def connect_sqlite(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """The database at `path`, after `check_sqlite_files`; nothing that its schema says is trusted.

    Raises ForetellError as that does, and sqlite3.Error.
    """
    check_sqlite_files(path)
    address = f"{path.resolve().as_uri()}?mode={'rwc' if create else 'rw'}"
    database = sqlite3.connect(address, uri=True, timeout=_WAIT, check_same_thread=False)
    database.execute("PRAGMA trusted_schema = OFF")
    return database


def tables_of(path: Path) -> tuple[str, ...]:
    """The tables of a database that is there.

    Raises ForetellError as `check_sqlite_files`, where another process holds it, where it is none or damaged, and for one with
    triggers or views: these do what no table does, and foretell writes none.
    """
    try:
        with closing(connect_sqlite(path)) as database:
            found = database.execute("SELECT type, name FROM sqlite_master").fetchall()
    except sqlite3.Error as error:
        raise of_sqlite(path, error) from error
    for kind, name in found:
        if kind not in ("table", "index"):
            raise ForetellError(f"{path} has a {kind} {name!r}, expected tables alone.")
    return tuple(str(name) for kind, name in found if kind == "table")


def of_sqlite(path: Path, error: sqlite3.Error) -> ForetellError:
    """What SQLite says of a file, in one sentence; InUse where it waits for another process."""
    if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return InUse(f"{path} is in use by another process: wait for its end, or name another place.")
    return ForetellError(f"{path} cannot be read: {error}.")


def check_sqlite_files(path: Path) -> None:
    """Raises ForetellError where a database, or what SQLite keeps beside it, is no regular file or names another one."""
    for end in ("", *BESIDE):
        file = Path(f"{path}{end}")
        if not os.path.lexists(file):
            continue
        with open_regular(file) as opened:
            size = os.fstat(opened.fileno()).st_size
            opened.seek(max(size - len(_NAMES_A_FILE), 0))
            if end == "-journal" and opened.read() == _NAMES_A_FILE:
                raise ForetellError(
                    f"{file} names another file, which SQLite would remove: this is no journal of {path.name}."
                )
