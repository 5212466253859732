"""Addresses of databases, their ADBC drivers, and what these say: without passwords, in one form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from foretell.errors import ForetellError, nearest

SPELLINGS: Final = "sqlite:///shop.db (sqlite://// for a path from the root) or postgresql://user@host/shop"
_SECRETS: Final = ("password", "sslpassword")  # parameters of a PostgreSQL address


@dataclass(frozen=True, slots=True)
class Address:
    """A database as its driver wants it, and as messages show it."""

    driver: str  # sqlite, postgresql
    uri: str
    shown: str
    secrets: tuple[str, ...] = ()  # passwords, hidden in messages


def parse(database: str) -> Address:
    """The database that an address names; raises ForetellError for what is none."""
    if not isinstance(database, str) or "\0" in database:
        raise ForetellError(f"a database is named by a text without the character NUL: {SPELLINGS}.")
    scheme, mark, rest = database.strip().partition("://")
    if not mark or scheme not in ("sqlite", "postgresql", "postgres"):
        known = nearest(scheme, ("sqlite", "postgresql")) if mark else ""
        raise ForetellError(f"no database can be opened by that address.{known} Write it as {SPELLINGS}.")
    return _parse_sqlite(rest) if scheme == "sqlite" else _parse_postgresql(rest)


def _parse_sqlite(rest: str) -> Address:
    path = unquote(rest.removeprefix("/"))
    if not rest.startswith("/") or not path:
        raise ForetellError(f"'sqlite://{rest}' names no file. Write it as sqlite:///shop.db.")
    if path.startswith(":memory:"):
        raise ForetellError(f"'sqlite://{rest}' is no file, and gone at once. Write it as sqlite:///shop.db.")
    if "\0" in path:
        raise ForetellError("the name of a database holds the character NUL. Take it out.")
    return Address("sqlite", f"file:{quote(path)}?mode=ro", path)


def _parse_postgresql(rest: str) -> Address:
    """Taken apart and put together again: what a password may contain is then spelt as the driver wants it.

    The driver's messages quote whatever it stumbles on, and it stumbles on special characters of passwords.
    """
    login, at, place = rest.rpartition("@")
    user, colon, password = (unquote(part) for part in login.partition(":"))
    place, _, query = place.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    secrets = [password, *(value for name, value in parameters if name in _SECRETS)]
    account = quote(user, safe="") + (f":{quote(password, safe='')}" if colon else "") + at
    tail = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
    named = f"{user}@" if user else ""
    hidden = {form for text in secrets if text for form in (text, quote(text, safe=""))}
    return Address(
        "postgresql",
        f"postgresql://{account}{place}{tail}",
        f"postgresql://{named}{place}",
        tuple(sorted(hidden, key=len, reverse=True)),
    )


def driver_of(name: str, what: str) -> Any:
    """The module of a driver; raises ForetellError, saying `what` is done through it, where it is not installed."""
    try:
        return import_module(f"adbc_driver_{name}.dbapi")
    except ImportError as error:
        raise ForetellError(
            f"{'SQLite' if name == 'sqlite' else 'PostgreSQL'} is {what} through its ADBC driver, which is not"
            f" installed: pip install foretell[sql]"
        ) from error


@contextmanager
def explained(address: Address, *, exists: bool) -> Iterator[None]:
    """What the driver raises inside becomes a ForetellError that names the database and no password."""
    from adbc_driver_manager import Error

    file = Path(address.shown)
    if exists and address.driver == "sqlite" and not file.is_file():
        raise ForetellError(f"no such database: {address.shown!r}. A relative path starts in {Path.cwd()}.")
    if address.driver == "sqlite" and (file.is_dir() or not file.parent.is_dir()):
        why = "is a folder" if file.is_dir() else f"has no folder {str(file.parent)!r} to lie in"
        raise ForetellError(f"the database {address.shown!r} {why}. A relative path starts in {Path.cwd()}.")
    try:
        yield
    except (Error, OSError) as error:  # a stream that breaks off raises an OSError
        message = hidden = str(error)
        for secret in address.secrets:
            hidden = hidden.replace(secret, "***")
        raise ForetellError(f"{address.shown}: {_readable(hidden)}") from (
            error if hidden == message else None
        )


def _readable(message: str) -> str:
    """The gist of a driver's message: without its codes and the SQL, which is partly ours."""
    text = re.split(r"\nquery:|\n\s*Query was|\nLINE 1|\. SQLSTATE", message)[0]
    text = re.sub(
        r"^[A-Z_]+: |\[(SQLite|libpq)\] |Failed to (prepare|step|execute) query: |ERROR:\s+", "", text
    )
    return " ".join(text.split())
