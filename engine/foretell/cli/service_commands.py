"""Commands of the service: serve, worker, keys."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from foretell.cli.console import flush_table, say, show_table, standard_output
from foretell.cli.shown_log import show_all
from foretell.errors import ForetellError

if TYPE_CHECKING:
    from foretell.service.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeOptions:
    """Where a server keeps its state."""

    home: Annotated[
        Path, Option(metavar="FOLDER", help="Where the server keeps everything; made where there is none.")
    ] = Path("~/foretell")
    database: Annotated[
        str | None, Option(metavar="URL", help="postgresql://user@host/foretell. Default: SQLite in --home.")
    ] = None


def serve(
    place: HomeOptions,
    host: Annotated[
        str, Option(help="Address to listen at; one that others can reach needs a key.")
    ] = "127.0.0.1",
    port: Annotated[int, Option(min=0, max=65535, help="0: any that is free.")] = 8800,
    workers: Annotated[
        int | None, Option(metavar="N", min=0, help="Jobs at once. Default: 1, or as config.toml says.")
    ] = None,
    demo: Annotated[bool, Option("--demo", help="Begin with the sample data.")] = False,
    s3_root: Annotated[
        Path | None,
        Option(
            metavar="FOLDER", help="A folder that stands for s3://: s3://bucket/key is FOLDER/bucket/key."
        ),
    ] = None,
    testing: Annotated[bool, Option("--testing", help="For tests of programs; on loopback only.")] = False,
) -> None:
    """Serve the page and the API, and do the jobs: http://127.0.0.1:8800."""
    with _service():
        from foretell.service.demo import add_demo
        from foretell.service.serve import Place, Started

    if s3_root is not None:
        from foretell.service.amazon.settings import S3_ROOT

        os.environ[S3_ROOT] = str(s3_root.expanduser().resolve())
    _log()
    started = Started(
        Place(
            home=str(place.home),
            host=host,
            port=port,
            database=place.database,
            workers=workers,
            testing=testing,
        )
    )
    if demo:
        add_demo(started.home, started.database)
    say(f"foretell serves {started.home.path} at {started.address}")
    if started.link is not None:
        say(f"open the page once by {started.link}")
    started.run()


def worker(
    place: HomeOptions, workers: Annotated[int, Option(metavar="N", min=1, help="Jobs at once.")] = 1
) -> None:
    """Do jobs of a server, on this machine or on a further one that shares its home."""
    import threading

    with _service():
        from foretell.service.database import open_database
        from foretell.service.home import open_home
        from foretell.service.serve import working
        from foretell.service.worker import Worker

    _log()
    home = open_home(place.home)
    database = open_database(place.database or home.database)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    say(f"doing jobs of {home.path}")
    try:
        with working([Worker(home, database) for _ in range(workers)]):
            ended.wait()
    finally:
        database.close()


def backup(
    home: Annotated[Path, Argument(metavar="HOME", help="Of the server, which may run.")],
    file: Annotated[Path, Argument(metavar="FILE", help="Where the backup goes.")],
    database: Annotated[
        str | None, Option(metavar="URL", help="As of the server. Default: SQLite in HOME.")
    ] = None,
) -> None:
    """Write a server's home and database to one file."""
    with _database(HomeOptions(home=home, database=database)) as opened:
        from foretell.service.backups import back_up
        from foretell.service.home import open_home

        counts = back_up(open_home(home), opened, file)
    say(f"{counts['rows']:,} rows and {counts['files']:,} files are in {file}")


def restore(
    file: Annotated[Path, Argument(metavar="FILE", help="That `foretell backup` wrote.")],
    home: Annotated[Path, Argument(metavar="HOME", help="A new one.")],
    database: Annotated[
        str | None, Option(metavar="URL", help="An empty one of PostgreSQL. Default: SQLite in HOME.")
    ] = None,
) -> None:
    """Make a home of a backup: serve it afterwards."""
    with _database(HomeOptions(home=home, database=database)) as opened:
        from foretell.service.backups import restore as fill
        from foretell.service.home import open_home

        counts = fill(file, open_home(home), opened)
    say(f"{counts['rows']:,} rows and {counts['files']:,} files are in {home}")


def create_key(
    place: HomeOptions,
    name: Annotated[str, Option(help="Whose it is.")] = "",
    role: Annotated[str, Option(help="reader, planner or admin.")] = "reader",
    aws: Annotated[
        bool, Option("--aws", help="An access key id and a secret, with which boto3 signs.")
    ] = False,
) -> None:
    """Make a key, and print it once."""
    from foretell.service import auth

    if aws:
        _create_aws_key(place, role, name)
        return
    with _database(place) as database, database.begin() as connection:
        identifier, key = auth.create_key(connection, role, name)
    say(f"the key {identifier} of {name!r}, a {role}; it is shown this once:")
    standard_output().print(key)


def _create_aws_key(place: HomeOptions, role: str, name: str) -> None:
    with _service():
        from foretell.service.amazon.keys import create_aws_key
        from foretell.service.home import open_home

    with _database(place) as database, database.begin() as connection:
        identifier, secret = create_aws_key(connection, open_home(place.home), role, name)
    say(f"the key {identifier} of {name!r}, a {role}; its secret is shown this once:")
    standard_output().print(f"AWS_ACCESS_KEY_ID={identifier}")
    standard_output().print(f"AWS_SECRET_ACCESS_KEY={secret}")


def list_keys(place: HomeOptions) -> None:
    """Show all keys, without their secrets."""
    from foretell.service import auth

    with _database(place) as database, database.read() as connection:
        rows = auth.list_keys(connection)
    table = flush_table("key", "name", "role", "made", "revoked")
    for row in rows:
        table.add_row(row.id, row.name, row.role, _day(row.created_at), _day(row.revoked_at))
    show_table(table)


def revoke_key(
    key: Annotated[str, Argument(metavar="KEY", help="As `foretell keys list` names it.")], place: HomeOptions
) -> None:
    """End a key at once."""
    from foretell.service import auth

    with _database(place) as database, database.begin() as connection:
        auth.revoke_key(connection, key)
    say(f"the key {key} is revoked")


def _day(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


@contextmanager
def _service() -> Iterator[None]:
    """Inside, what the service needs is imported; raises ForetellError where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ForetellError(f"the service needs {error.name}: pip install 'foretell[service]'") from error


@contextmanager
def _database(place: HomeOptions) -> Iterator[Database]:
    with _service():
        from foretell.service.database import open_database
        from foretell.service.home import open_home

    home = open_home(place.home)
    database = open_database(place.database or home.database)
    try:
        yield database
    finally:
        database.close()


def _log() -> None:
    """The whole log: a server tells what it does."""
    show_all()
