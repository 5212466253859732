"""A home's database: made, brought up to date, or refused."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, Engine, Table, Text, event, inspect, text

from foretell.errors import ForetellError
from foretell.service import auth
from foretell.service import database as databases
from foretell.service.amazon import tables as amazon
from foretell.service.database import HEAD, file_system, open_database
from foretell.service.home import open_home
from foretell.service.tables import metadata

METADATA = [metadata, amazon.metadata]
TABLES = {**metadata.tables, **amazon.metadata.tables}
KNOWN = {name: set(table.c.keys()) for name, table in TABLES.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'foretell.db'}"
    return str(request.getfixturevalue("empty_postgresql"))


def columns_of(address: str) -> dict[str, set[str]]:
    database = open_database(address)
    there = inspect(database.engine)
    found = {name: {each["name"] for each in there.get_columns(name)} for name in there.get_table_names()}
    database.close()
    found.pop("alembic_version")
    return found


def test_an_empty_database_gets_the_tables_that_the_code_knows(address: str) -> None:
    assert columns_of(address) == KNOWN


def test_the_migrations_make_exactly_the_schema_that_the_code_knows(address: str) -> None:
    database = open_database(address)
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []  # type: ignore[arg-type]
        for name, table in TABLES.items():  # which Alembic does not compare
            keys = inspect(connection).get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key], name
    database.close()


def test_a_change_of_the_tables_changes_no_migration_that_there_is(address: str) -> None:
    later = [Table("later", each, Column("id", Text, primary_key=True)) for each in METADATA]
    try:
        assert columns_of(address) == KNOWN
    finally:
        for table in later:
            table.metadata.remove(table)


def test_servers_that_open_an_empty_database_at_once_make_it_once(address: str) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            open_database(address).close()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert columns_of(address)


def test_a_home_of_a_newer_foretell_is_refused_and_left_as_it_is(address: str) -> None:
    database = open_database(address)
    with database.begin() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(ForetellError, match=f"of a newer foretell .schema 9999, this one knows up to {HEAD}"):
        open_database(address)
    with database.read() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar() == "9999"
    database.close()


def test_a_home_of_an_older_foretell_is_brought_up_to_date_and_keeps_what_it_has(address: str) -> None:
    database = open_database(address)
    with database.begin() as connection:
        auth.create_key(connection, "admin", "kept")
        amazon.metadata.drop_all(connection)  # of 0002
        connection.execute(text("update alembic_version set version_num = '0001'"))
    database.close()
    assert columns_of(address) == KNOWN
    database = open_database(address)
    with database.read() as connection:
        assert [key.name for key in auth.list_keys(connection)] == ["kept"]
        assert connection.execute(text("select version_num from alembic_version")).scalar() == HEAD
    database.close()


def test_a_migration_that_fails_leaves_nothing(address: str) -> None:
    def break_off(_: object, __: object, statement: str, *___: object) -> None:
        if statement.startswith("CREATE INDEX amazon_resources_by_job"):  # of 0002: 0001 is done
            raise RuntimeError("half way")

    event.listen(Engine, "before_cursor_execute", break_off)
    try:
        with pytest.raises(RuntimeError, match="half way"):
            open_database(address)
    finally:
        event.remove(Engine, "before_cursor_execute", break_off)
    assert columns_of(address) == KNOWN


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("nfs4", "cifs", "fuse.sshfs"):
        monkeypatch.setattr(databases, "file_system", lambda _, kind=kind: kind)
        with pytest.raises(ForetellError, match=rf"network file system \({kind}\).*--database postgresql"):
            open_database(f"sqlite:///{tmp_path / 'foretell.db'}")
    assert not list(tmp_path.iterdir())


def test_the_file_system_of_a_folder_is_that_of_the_innermost_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = str(tmp_path / "a b").replace(" ", "\\040")
    mounts = f"/dev/x / ext4 rw 0 0\nhost:/y {spaced} nfs4 rw 0 0\n/dev/z {tmp_path}/a tmpfs rw 0 0\n"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    assert file_system(tmp_path / "a b" / "c") == "nfs4"
    assert file_system(tmp_path / "a") == "tmpfs"
    assert file_system(tmp_path / "ab") == "ext4"


def test_a_home_whose_key_others_can_read_is_refused(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    assert home.key() == home.key()
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(ForetellError, match="chmod 600"):
        home.key()


def test_a_server_that_starts_loads_neither_torch_nor_pandas(tmp_path: Path) -> None:
    code = (
        "import sys; import foretell.cli.app; from foretell.service.serve import Place, Started;"
        f"Started(Place(home={str(tmp_path / 'home')!r}, port=0));"
        "print(sorted({'torch', 'lightning', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
