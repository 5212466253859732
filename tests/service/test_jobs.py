"""What becomes of jobs: done once, cancelled, resumed, failed with a reason, fenced."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from foretell.service import catalogue, leases
from foretell.service.database import Database, open_database
from foretell.service.home import Home, Limits, open_home
from foretell.service.sweeping import sweep
from foretell.service.worker import Worker
from service.jobs_at_work import add, children, job_of, resource_of, wait_for
from service.small_works import COMMAND

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found under /proc")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, home: Home) -> Iterator[Database]:
    address = home.database if request.param == "sqlite" else request.getfixturevalue("empty_postgresql")
    found = open_database(address)
    yield found
    found.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "home")


@pytest.fixture
def sqlite(home: Home) -> Iterator[Database]:
    found = open_database(home.database)
    yield found
    found.close()


def work(home: Home, database: Database) -> None:
    """Do all jobs that there are."""
    worker = Worker(home, database, child=COMMAND)
    while worker.once():
        pass


@contextmanager
def working(home: Home, database: Database) -> Iterator[Worker]:
    """Inside, a worker does jobs in a thread."""
    worker = Worker(home, database, child=COMMAND)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.stop()
        thread.join()


def limited(home: Home, **limits: int) -> Home:
    return Home(home.path, dataclasses.replace(home.config, limits=Limits(**limits)))


def test_a_child_that_is_killed_goes_on_from_its_checkpoint_and_the_kill_is_no_failure(
    home: Home, database: Database
) -> None:
    job = add(database, "steps", steps=30)
    step = home.job(job) / "work/step"
    with working(home, database):
        wait_for(lambda: step.exists() and int(step.read_text()) >= 5)
        os.kill(children(home)[0], signal.SIGKILL)
        wait_for(lambda: job_of(database, job).state == "ACTIVE")
    began = [int(line) for line in (home.job(job) / "began").read_text().split()]
    assert began[0] == 0
    assert began[1] >= 5
    assert len(began) == 2
    found = resource_of(database, job)
    assert (found.state, found.result) == ("ACTIVE", {"steps": 30})
    assert not (home.job(job) / "work").exists()


def test_a_job_that_is_cancelled_while_it_works_ends_stopped_and_leaves_no_files(
    home: Home, database: Database
) -> None:
    job = add(database, "steps", steps=10_000)
    with working(home, database):
        wait_for((home.job(job) / "work/step").exists)
        with database.begin() as connection:
            assert catalogue.cancel(connection, job).state == "CREATE_STOPPING"
        wait_for(lambda: job_of(database, job).state == "CREATE_STOPPED")
    found = resource_of(database, job)
    assert found.state == "CREATE_STOPPED"
    assert not (home.job(job) / "work").exists()
    assert not home.folder(found.kind, found.id).exists()


def test_a_job_that_nobody_has_begun_is_cancelled_at_once(home: Home, sqlite: Database) -> None:
    job = add(sqlite, "steps", steps=1)
    with sqlite.begin() as connection:
        assert catalogue.cancel(connection, job).state == "CREATE_STOPPED"
    work(home, sqlite)
    assert resource_of(sqlite, job).state == "CREATE_STOPPED"
    assert not home.job(job).exists()


def test_a_cancelled_child_that_hears_nothing_is_ended_with_all_that_it_started(
    home: Home, sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.service.worker._GRACE", 0.5)
    job = add(sqlite, "deaf")
    with working(home, sqlite):
        wait_for(lambda: len(children(home)) == 2)
        with sqlite.begin() as connection:
            catalogue.cancel(connection, job)
        wait_for(lambda: job_of(sqlite, job).state == "CREATE_STOPPED")
    assert children(home) == []
    found = resource_of(sqlite, job)
    assert not home.folder(found.kind, found.id).exists()


def test_three_deaths_at_the_same_checkpoint_fail_the_job_with_the_signal_and_the_end_of_its_log(
    home: Home, sqlite: Database
) -> None:
    job = add(sqlite, "die")
    work(home, sqlite)
    found = resource_of(sqlite, job)
    assert found.state == "CREATE_FAILED"
    assert "3 times with SIGSEGV" in found.message
    assert found.message.endswith("about to die, try 3")


def test_a_death_after_the_checkpoint_has_moved_counts_anew(home: Home, sqlite: Database) -> None:
    job = add(sqlite, "die", moves=4)
    work(home, sqlite)
    assert (
        home.job(job) / "tries"
    ).read_text() == "6"  # four that moved, of which the last counts, and two more
    assert job_of(sqlite, job).state == "CREATE_FAILED"


def test_a_lost_lease_is_fenced(home: Home, database: Database) -> None:
    job = add(database, "steps", steps=1)
    with database.begin() as connection:
        first = leases.claim(connection, "slow", 0.0)
    assert first is not None
    with database.begin() as connection:
        second = leases.claim(connection, "quick", 60.0)
        assert second is not None
        assert second.id == first.id == job
        assert leases.claim(connection, "third", 60.0) is None
    with database.begin() as connection:
        assert not leases.renew(connection, job, "slow", 60.0)
        assert not leases.report(connection, job, "slow", {"done": 1})
        assert leases.died(connection, first, "slow", checkpoint="") is None
        assert not leases.finish(connection, first, "slow", "CREATE_FAILED", message="mine")
        assert not leases.release(connection, job, "slow")
    assert resource_of(database, job).state == "CREATE_IN_PROGRESS"
    with database.begin() as connection:
        assert leases.finish(connection, second, "quick", "ACTIVE", result={"n": 1})
        assert not leases.finish(connection, second, "quick", "CREATE_FAILED")
    assert (resource_of(database, job).state, job_of(database, job).message) == ("ACTIVE", "")


def test_a_worker_whose_lease_is_lost_ends_its_child_and_writes_nothing(home: Home, sqlite: Database) -> None:
    home = Home(home.path, dataclasses.replace(home.config, lease=1.0))
    job = add(sqlite, "steps", steps=10_000)
    with working(home, sqlite):
        wait_for((home.job(job) / "work/step").exists)
        with sqlite.begin() as connection:
            connection.exec_driver_sql("update jobs set owner = 'another', lease_until = 1e12")
        wait_for(lambda: not children(home))
        assert job_of(sqlite, job).owner == "another"
    assert (job_of(sqlite, job).state, job_of(sqlite, job).deaths) == ("CREATE_IN_PROGRESS", 0)


def test_a_stopped_worker_gives_its_job_back_and_counts_nothing(home: Home, database: Database) -> None:
    job = add(database, "steps", steps=40)
    with working(home, database):
        wait_for((home.job(job) / "work/step").exists)
    given = job_of(database, job)
    assert (given.state, given.owner, given.deaths) == ("CREATE_IN_PROGRESS", None, 0)
    assert children(home) == []
    work(home, database)
    assert job_of(database, job).state == "ACTIVE"
    assert len((home.job(job) / "began").read_text().split()) == 2


_A_WORKER = """
import sys
from foretell.service.database import open_database
from foretell.service.home import open_home
from foretell.service.worker import Worker
home = open_home(sys.argv[1])
Worker(home, open_database(home.database), child=tuple(sys.argv[2:])).run()
"""


def test_a_child_ends_when_its_worker_is_killed_with_all_that_it_started(
    home: Home, sqlite: Database
) -> None:
    add(sqlite, "deaf")
    process = subprocess.Popen([sys.executable, "-c", _A_WORKER, str(home.path), *COMMAND])
    try:
        wait_for(lambda: len(children(home)) == 2)
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: not children(home))


def test_a_job_of_a_killed_worker_goes_on_from_its_checkpoint_once_its_lease_is_over(
    home: Home, sqlite: Database
) -> None:
    (home.path / "config.toml").write_text("lease = 1\n")
    job = add(sqlite, "steps", steps=60)
    process = subprocess.Popen([sys.executable, "-c", _A_WORKER, str(home.path), *COMMAND])
    try:
        step = home.job(job) / "work/step"
        wait_for(lambda: step.exists() and int(step.read_text()) >= 3)
    finally:
        process.kill()
        process.wait()
    with working(home, sqlite):
        wait_for(lambda: job_of(sqlite, job).state == "ACTIVE")
    began = [int(line) for line in (home.job(job) / "began").read_text().split()]
    assert len(began) == 2
    assert began[1] >= 3
    assert job_of(sqlite, job).deaths == 0


def test_a_job_that_has_its_result_is_not_done_again(home: Home, sqlite: Database) -> None:
    job = add(sqlite, "steps", steps=3)
    home.job(job).mkdir()
    (home.job(job) / "result.json").write_text('{"steps": 3}')
    work(home, sqlite)
    assert not (home.job(job) / "began").exists()
    assert resource_of(sqlite, job).result == {"steps": 3}


def test_a_job_that_takes_more_memory_than_it_may_fails_and_says_so(home: Home, sqlite: Database) -> None:
    job = add(sqlite, "grow")
    work(limited(home, job_memory=400 << 20, free_disk=0), sqlite)
    found = job_of(sqlite, job)
    assert (found.state, found.deaths) == ("CREATE_FAILED", 0)
    assert "limits.job_memory in config.toml allows 419,430,400" in found.message
    assert children(home) == []


def test_no_job_but_a_deletion_begins_on_a_disk_with_too_little_room(home: Home, sqlite: Database) -> None:
    done = add(sqlite, "steps", steps=1)
    work(home, sqlite)
    waiting = add(sqlite, "steps", steps=1)
    with sqlite.begin() as connection:
        dataset = resource_of(sqlite, done).links["dataset_id"]
        gone = catalogue.remove(connection, "datasets", dataset, who="test")
    short = Worker(limited(home, free_disk=1 << 50), sqlite)
    while short.once():
        pass
    assert job_of(sqlite, gone).state == "DELETED"
    assert job_of(sqlite, waiting).state == "CREATE_PENDING"
    work(home, sqlite)
    assert job_of(sqlite, waiting).state == "ACTIVE"


def test_a_job_that_met_a_full_disk_is_tried_again(home: Home, sqlite: Database) -> None:
    once, ever = add(sqlite, "full", times=1), add(sqlite, "full", times=9)
    work(home, sqlite)
    assert resource_of(sqlite, once).result == {"tries": 2}
    assert job_of(sqlite, ever).state == "CREATE_FAILED"
    assert "3 times with a full disk" in job_of(sqlite, ever).message


def test_the_start_of_a_server_sweeps_what_killed_processes_left_and_nothing_else(
    home: Home, sqlite: Database
) -> None:
    good, bad = add(sqlite, "steps", steps=1), add(sqlite, "die")
    work(home, sqlite)
    left = home.folder("dataset_versions", job_of(sqlite, bad).resource_id)
    kept = home.folder("dataset_versions", job_of(sqlite, good).resource_id)
    unknown = home.folder("models", "mdl_0123456789abcdefghjkmnpqrs")  # of another database, for all we know
    old, new = home.uploads / ".0123.part", home.uploads / ".4567.part"
    for folder in (left, unknown, home.job(good) / "work"):
        folder.mkdir(parents=True)
    for path in (old, new):
        path.touch()
    os.utime(old, (0, 0))
    sweep(home, sqlite)
    assert not left.exists()
    assert not old.exists()
    assert not (home.job(good) / "work").exists()
    assert (kept / "made").exists()
    assert unknown.exists()
    assert new.exists()
