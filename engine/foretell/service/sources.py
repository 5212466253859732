"""Where tables come from: uploads, paths below an allowed root, queries of a named connection. Nothing else is ever opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from foretell.service.home import Home
from foretell.service.identifiers import checked_id
from foretell.service.refusals import Absent, Forbidden, Invalid

if TYPE_CHECKING:
    from foretell.service.schemas.datasets import Source


def check_source(home: Home, source: Source, field: str) -> None:
    """Raises Absent, Forbidden or Invalid, naming the field, for what cannot be read; when it is asked for, and not in a job."""
    if source.upload is not None:
        upload_path(home, source.upload)
    elif source.path is not None:
        allowed_path(home, source.path, field=f"{field}.path")
    elif source.connection not in home.config.connections:
        known = ", ".join(sorted(home.config.connections)) or "none"
        raise Invalid(
            f"no connection {source.connection!r}. There are: {known}.", field=f"{field}.connection"
        )
    elif home.config.connections[str(source.connection)].access != "read":
        raise Forbidden(f"the connection {source.connection!r} is for writing", field=f"{field}.connection")


def table_of(home: Home, source: Source) -> object:
    """What `foretell.Dataset` takes for a table."""
    if source.upload is not None:
        return str(upload_path(home, source.upload))
    if source.path is not None:
        return allowed_path(home, source.path)
    from foretell.ingest.sql_source import Sql

    assert source.query is not None
    connection = home.config.connections[str(source.connection)]
    return Sql(source.query, connection.limited, connection.max_rows)


def upload_path(home: Home, identifier: str) -> Path:
    """Of an upload; raises Absent where there is none."""
    found = next(home.uploads.glob(f"{checked_id(identifier)}.*"), None)
    if found is None:
        raise Absent(f"there is no upload {identifier!r}")
    return found


def allowed_path(home: Home, path: str, field: str | None = None) -> str:
    """`path`, which lies below an allowed root, links followed; raises Forbidden. A glob is judged by the folder before it."""
    roots = home.config.roots
    if path.startswith("s3://"):
        good = ".." not in path.split("/") and any(
            path.startswith(root.rstrip("/") + "/") for root in roots if root.startswith("s3://")
        )
    elif "\0" in path or "://" in path:
        good = False
    else:
        real = os.path.realpath(path)
        places = [os.path.realpath(root) for root in roots if "://" not in root]
        inside = any(real == place or real.startswith(place.rstrip("/") + "/") for place in places)
        good = os.path.isabs(path) and inside and ".." not in Path(path).parts
    if not good:
        raise Forbidden(
            f"{path!r} is below no allowed root. The roots stand in config.toml of the server's home.",
            field=field,
        )
    return path
