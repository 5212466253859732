"""Backup, restore and metrics."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import insert, inspect, select

from foretell.errors import ForetellError
from foretell.service.amazon import tables as amazon
from foretell.service.backups import back_up, restore
from foretell.service.database import open_database
from foretell.service.home import open_home
from service.running import Service, service_at

SALES = Path(__file__).parents[2] / "data/retail/sales.csv"


@pytest.fixture
def imported(any_service: Service, tmp_path: Path) -> Service:
    """A service with a data set."""
    pd.read_csv(SALES, nrows=1476).to_csv(tmp_path / "sales.csv", index=False)
    upload = any_service.upload(tmp_path / "sales.csv")
    any_service.post("datasets", {"name": "shop", "target": {"upload": upload}, "options": {"freq": "D"}})
    any_service.work()
    return any_service


def test_a_backup_becomes_a_home_that_answers_and_goes_on(imported: Service, tmp_path: Path) -> None:
    before = imported.get("datasets")["items"]
    model = imported.post(
        "models", {"dataset": before[0]["id"], "recipe": "seasonal_naive", "horizon": 7}
    )  # its job waits
    counts = back_up(imported.home, imported.database, tmp_path / "backup.tar")
    assert counts["gone"] == 0
    assert (tmp_path / "backup.tar").stat().st_mode & 0o077 == 0
    home = open_home(tmp_path / "restored")
    opened = open_database(home.database)
    restored = restore(tmp_path / "backup.tar", home, opened)
    opened.close()
    assert restored == {"rows": counts["rows"], "files": counts["files"]}
    with service_at(tmp_path / "restored") as service:
        assert service.get("datasets")["items"] == before
        service.work()
        assert service.get(f"models/{model['id']}")["state"] == "ACTIVE"


def test_a_home_that_holds_something_is_not_restored_into(imported: Service, tmp_path: Path) -> None:
    back_up(imported.home, imported.database, tmp_path / "backup.tar")
    with pytest.raises(ForetellError, match="holds something already"):
        restore(tmp_path / "backup.tar", imported.home, imported.database)


def test_a_backup_holds_every_table_of_the_database(service: Service, tmp_path: Path) -> None:
    texts = dict.fromkeys(("kind", "region", "name", "request", "folder", "state"), "x")
    with service.database.begin() as connection:
        connection.execute(insert(amazon.resources).values(arn="arn:1", created=1.0, modified=1.0, **texts))
        connection.execute(insert(amazon.tags).values(arn="arn:1", key="team", value="supply"))
    back_up(service.home, service.database, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar") as archive:
        held = {Path(name).stem for name in archive.getnames() if name.startswith("tables/")}
    assert held == set(inspect(service.database.engine).get_table_names()) - {"alembic_version"}
    home = open_home(tmp_path / "restored")
    opened = open_database(home.database)
    restore(tmp_path / "backup.tar", home, opened)
    with opened.read() as connection:
        assert connection.execute(select(amazon.resources.c.arn)).scalars().all() == ["arn:1"]
        assert connection.execute(select(amazon.tags.c.value)).scalars().all() == ["supply"]
    opened.close()


@pytest.mark.parametrize("name", ["../evil", "/evil", "files/../../evil", "jobs/evil", "tables/evil.jsonl"])
def test_a_backup_with_strange_names_writes_nothing_outside(
    service: Service, tmp_path: Path, name: str
) -> None:
    back_up(service.home, service.database, tmp_path / "backup.tar")
    with tarfile.open(tmp_path / "backup.tar", "a") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    home = open_home(tmp_path / "restored")
    opened = open_database(home.database)
    with pytest.raises(ForetellError, match="this backup"):
        restore(tmp_path / "backup.tar", home, opened)
    opened.close()
    assert not list(tmp_path.rglob("evil"))
    assert not Path("/evil").exists()


def test_what_is_no_backup_is_refused(service: Service, tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_bytes(b"x" * 2000)
    home = open_home(tmp_path / "restored")
    opened = open_database(home.database)
    with pytest.raises(ForetellError, match="is no backup, or is damaged"):
        restore(tmp_path / "backup.tar", home, opened)
    opened.close()


def test_metrics_count_jobs(imported: Service) -> None:
    answer = imported.client.get("/metrics")
    assert answer.status_code == 200
    assert 'foretell_jobs{state="ACTIVE",work="import"} 1.0' in answer.text
    assert "foretell_disk_free_bytes" in answer.text
