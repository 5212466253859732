"""The sample data as a first data set."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from sqlalchemy import insert

from foretell.service import catalogue
from foretell.service.auth import LOCAL
from foretell.service.database import Database
from foretell.service.home import Home
from foretell.service.identifiers import new_id
from foretell.service.schemas.datasets import ImportSpec, ReadingOptions, Source
from foretell.service.tables import now, uploads

_TABLES: Final = ("sales", "related", "calendar", "items")
_OPTIONS: Final = ReadingOptions(
    freq="D", known=("open", "before_holiday", "weeks_to_christmas"), past=("price",), open="open"
)


def add_demo(home: Home, database: Database) -> None:
    """Have the sample data imported, where the home has no data set yet: sales of 200 items by day."""
    with database.read() as connection:
        if catalogue.find(connection, "datasets", limit=1).resources:
            return
    # A wheel carries the sample inside the package; an editable install has it beside the source.
    installed, beside = files("foretell") / "sample", Path(__file__).parents[3] / "data/retail"
    with as_file(installed) if installed.is_dir() else nullcontext(beside) as sample:
        source = {name: _sent(home, database, sample / f"{name}.csv") for name in _TABLES}
    related = (source["related"], source["calendar"])
    spec = ImportSpec(target=(source["sales"],), related=related, items=source["items"], options=_OPTIONS)
    with database.begin() as connection:
        made, _ = catalogue.create(connection, "datasets", name="sample", spec={}, who=LOCAL.id)
        catalogue.add_version(connection, made.id, spec=spec.model_dump(mode="json"), who=LOCAL.id)


def _sent(home: Home, database: Database, path: Path) -> Source:
    """A file of the sample as if it had been uploaded."""
    identifier, data = new_id("up"), path.read_bytes()
    name = f"{identifier}.csv"
    shutil.copyfile(path, home.uploads / name)
    row = {"id": identifier, "name": name, "bytes": len(data), "sha256": sha256(data).hexdigest()}
    with database.begin() as connection:
        connection.execute(insert(uploads).values(created_at=now(), created_by=LOCAL.id, **row))
    return Source(upload=identifier)
