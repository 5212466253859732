"""The folder that a server keeps everything in, and its configuration.

HOME/config.toml       roots, connections, limits; nothing need stand there
HOME/foretell.db       the database, unless --database names a PostgreSQL one
HOME/files/KIND/ID     what a resource is made of: a panel, a model, a report, rows of a forecast
HOME/uploads/ID.csv    tables as they were sent
HOME/jobs/ID           log, checkpoints and result of a job
HOME/key               of cookies and secrets, readable by its owner alone
"""

from __future__ import annotations

import os
import secrets
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

from foretell.errors import ForetellError
from foretell.service.amazon.settings import AmazonSettings
from foretell.service.identifiers import checked_id
from foretell.system.connections import Connection
from foretell.system.notices import Mail
from foretell.system.regular_files import read_regular
from foretell.system.typed import Within, typed

_KEY_BYTES: Final = 32
_MOST_CONFIG: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one caller, request or job may take."""

    body: Annotated[int, Within(1024, 1 << 40)] = 16 << 20  # bytes of a request that is no upload
    upload: Annotated[int, Within(1024, 1 << 50)] = 16 << 30  # bytes of an upload
    rows: Annotated[int, Within(1, 1 << 30)] = 100_000  # of an answer
    requests: Annotated[int, Within(1, 1 << 30)] = 12_000  # of a key, a minute
    job_memory: int | None = None  # bytes; None: the machine's
    free_disk: Annotated[int, Within(0, 1 << 50)] = 256 << 20  # bytes below which no job begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """`config.toml`."""

    database: str | None = None  # None: SQLite in the home
    roots: tuple[str, ...] = ()  # folders and s3:// prefixes that data are read from
    connections: Mapping[str, Connection] = field(default_factory=dict)
    hooks: tuple[str, ...] = ()  # hosts that a webhook may call
    mail: Mail | None = None  # the server that notices are sent by
    limits: Limits = field(default_factory=Limits)
    workers: Annotated[int, Within(0, 1024)] = 1  # jobs at once in `foretell serve`
    amazon: AmazonSettings = field(default_factory=AmazonSettings)  # the endpoint that boto3 calls
    lease: Annotated[float, Within(1, 3600)] = 30.0  # seconds after which a silent worker's job is another's
    hosts: tuple[str, ...] = ()  # names of this server in a Host header, where it is not on loopback alone


@dataclass(frozen=True, slots=True)
class Home:
    """A home that is there; `open_home` makes one."""

    path: Path
    config: Config

    def folder(self, kind: str, identifier: str) -> Path:
        """Of a resource: where its work writes, once and whole. Raises Absent for what is no identifier."""
        return self.path / "files" / kind / checked_id(identifier)

    def job(self, identifier: str) -> Path:
        """The folder of a job. Raises Absent for what is no identifier."""
        return self.path / "jobs" / checked_id(identifier)

    @property
    def uploads(self) -> Path:
        """Where tables lie as they were sent."""
        return self.path / "uploads"

    @property
    def database(self) -> str:
        """The database's address, where the command names none."""
        return self.config.database or f"sqlite:///{self.path / 'foretell.db'}"

    def key(self) -> bytes:
        """The secret of this home: made once, readable by its owner alone."""
        path = self.path / "key"
        if not path.exists():
            _write_key(path)
        if os.name != "nt" and path.stat().st_mode & 0o077:
            raise ForetellError(f"{path} can be read by others. Run: chmod 600 {path}")
        return read_regular(path, most=_KEY_BYTES)


def open_home(path: str | Path) -> Home:
    """The home at `path`, made where there is none.

    Raises ForetellError where it cannot be made or written, and for a configuration that is wrong.
    """
    home = Path(path).expanduser().resolve()
    try:
        for name in ("files", "uploads", "jobs"):
            (home / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ForetellError(
            f"{str(home)!r} cannot be a home: {error.strerror}. Name a folder that can be written."
        ) from error
    return Home(home, read_config(home / "config.toml"))


def read_config(path: Path) -> Config:
    """The configuration that a file spells, the default where there is none; raises ForetellError naming what is wrong."""
    if not path.exists():
        return Config()
    try:
        found = tomllib.loads(read_regular(path, most=_MOST_CONFIG).decode())
        return typed(Config, found)
    except (ForetellError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ForetellError(f"{path}: {error}") from error


def _write_key(path: Path) -> None:
    """Whole or not at all; of two that make it at once, the first one's stays."""
    trial = path.with_name(f".key.{secrets.token_hex(8)}")
    handle = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
        with suppress(FileExistsError):
            os.link(trial, path)
    finally:
        trial.unlink()
