"""Pipelines of a server: saved, due, run, stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from foretell.service import auth, tables
from foretell.service.cron import next_due
from foretell.service.pipelines import start_due
from foretell.service.refusals import Invalid
from pipelines import TEXT, Shop, sqlite_shop
from service.running import Service, service_at

BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = TEXT.replace(
    'name = "weekly"', 'name = "weekly"\nschedule = "0 3 * * MON"\ntimezone = "Europe/Berlin"'
).replace('"ets"', '"seasonal_naive"')


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "sqlite":
        found = sqlite_shop(tmp_path)
    else:
        found = Shop(f"postgresql://{request.getfixturevalue('postgresql')}")
    yield found
    found.close()


@pytest.fixture
def planned(shop: Shop, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Service]:
    """A server whose configuration names the shop; its own state stands in the same kind of database."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[connections.shop]\nurl = "{shop.address}"\n[connections.planning]\nurl = "{shop.address}"\n'
        'access = "write"\ntables = ["forecasts", "forecasts_family"]\n'
    )
    sqlite = shop.address.startswith("sqlite")
    database = None if sqlite else request.getfixturevalue("empty_postgresql")
    with service_at(home, database) as found:
        yield found


def due(service: Service, identifier: str) -> None:
    """Its time has come an hour ago."""
    table = tables.pipelines
    with service.database.begin() as connection:
        connection.execute(update(table).where(table.c.id == identifier).values(due_at=tables.now() - 3600))


def refused(service: Service, text: str) -> Any:
    answer = service.client.post("/api/v1/pipelines", json={"toml": text})
    assert 400 <= answer.status_code < 500, answer.text
    return answer.json()


def test_a_pipeline_runs_when_it_is_due_and_a_bad_week_is_stopped(planned: Service, shop: Shop) -> None:
    made = planned.post("pipelines", {"toml": WEEKLY})
    assert (made["state"], made["job"]) == ("ACTIVE", None)
    monday = datetime.fromisoformat(made["next_run"]).astimezone(BERLIN)
    assert (monday.weekday(), monday.hour, monday.minute) == (0, 3, 0)
    assert start_due(planned.database) == []
    shop.arrive(0)
    due(planned, made["id"])
    assert len(start_due(planned.database)) == 1
    assert start_due(planned.database) == []  # missed once or often, it runs once
    planned.work()
    ran = planned.get(f"pipelines/{made['id']}")
    assert (ran["state"], ran["result"]["outcome"], ran["next_run"]) == (
        "ACTIVE",
        "published",
        made["next_run"],
    )
    before = shop.rows()
    assert len(before) == 4 * 7
    shop.arrive(1, shop.half_of_week(1))
    planned.post(f"pipelines/{made['id']}/run")
    planned.work()
    stopped = planned.get(f"pipelines/{made['id']}")
    assert stopped["result"]["outcome"] == "stopped"
    assert "The last good forecast stays in place." in stopped["result"]["message"]
    assert shop.rows().equals(before)


@pytest.fixture
def weekly(tmp_path: Path) -> Iterator[Service]:
    shop = sqlite_shop(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[connections.shop]\nurl = "{shop.address}"\n[connections.planning]\nurl = "{shop.address}"\n'
        'access = "write"\ntables = ["forecasts", "forecasts_family"]\n'
    )
    with service_at(home) as found:
        yield found
    shop.close()


def test_a_second_run_at_once_is_refused_and_one_that_is_due_waits(weekly: Service) -> None:
    made = weekly.post("pipelines", {"toml": WEEKLY})
    weekly.post(f"pipelines/{made['id']}/run")
    answer = weekly.client.post(f"/api/v1/pipelines/{made['id']}/run")
    assert (answer.status_code, "Wait until its run has ended" in answer.text) == (409, True)
    due(weekly, made["id"])
    assert start_due(weekly.database) == []
    weekly.work()
    assert len(start_due(weekly.database)) == 1


def test_a_run_whose_tables_are_not_there_says_so(weekly: Service) -> None:
    made = weekly.post("pipelines", {"toml": WEEKLY})
    weekly.post(f"pipelines/{made['id']}/run")
    weekly.work()
    ran = weekly.get(f"pipelines/{made['id']}")
    assert ran["result"]["outcome"] == "stopped"
    assert "the tables cannot be read" in ran["result"]["message"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0 3 * * MON", "0 3 * *", "Wrong number of fields"),
        ("0 3 * * MON", "0 0 30 2 *", "schedule"),
        ("0 3 * * MON", "0 0 31 2,4 *", "schedule"),
        ("Europe/Berlin", "Europe/Atlantis", "timezone: 'Europe/Atlantis' does not exist"),
        ("Europe/Berlin", "../../etc/passwd", "timezone"),
        ('"planning"', '"shop"', "is there to read, not to write"),
        ('table = "forecasts"', 'table = "sales"', "may not write 'sales'"),
        ('connection = "shop"', 'connection = "vault"', "no connection 'vault'"),
        ("select item_id, day", "drop table x; select item_id, day", "SELECT"),
        ('connection = "planning"\ntable = "forecasts"', 'path = "/etc/plan.csv"', "below no allowed root"),
        ('"seasonal_naive"', '"os.system"', "there is no recipe"),
        ("[gate]", '[notify]\nwebhook = "https://evil.example/"\n[gate]', "is no allowed host"),
    ],
)
def test_what_may_not_be_saved_is_refused_with_its_reason(
    weekly: Service, old: str, new: str, said: str
) -> None:
    answer = refused(weekly, WEEKLY.replace(old, new))
    assert said in answer["detail"]
    assert weekly.get("pipelines")["items"] == []


def test_a_name_is_taken_once_and_a_change_keeps_the_pipeline(weekly: Service) -> None:
    made = weekly.post("pipelines", {"toml": WEEKLY})
    assert "already" in refused(weekly, WEEKLY)["detail"]
    body = {"toml": WEEKLY.replace('schedule = "0 3 * * MON"\n', "")}
    changed = weekly.client.put(f"/api/v1/pipelines/{made['id']}", json=body).json()
    assert (changed["id"], changed["next_run"]) == (made["id"], None)


def test_planners_start_pipelines_and_only_admins_save_them(weekly: Service) -> None:
    with weekly.database.begin() as connection:
        _, admin = auth.create_key(connection, "admin", "a")
        _, planner = auth.create_key(connection, "planner", "p")
    weekly.client.headers["authorization"] = f"Bearer {planner}"
    assert weekly.client.post("/api/v1/pipelines", json={"toml": WEEKLY}).status_code == 403
    made = weekly.post("pipelines", {"toml": WEEKLY}, authorization=f"Bearer {admin}")
    assert weekly.client.put(f"/api/v1/pipelines/{made['id']}", json={"toml": WEEKLY}).status_code == 403
    assert weekly.client.post(f"/api/v1/pipelines/{made['id']}/run").status_code == 202


def test_the_night_that_skips_an_hour_runs_once_as_soon_as_the_clock_goes_on() -> None:
    evening = datetime(2026, 3, 28, 20, tzinfo=BERLIN).timestamp()
    first = next_due("30 2 * * *", "Europe/Berlin", evening)
    assert datetime.fromtimestamp(first, BERLIN) == datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)
    second = next_due("30 2 * * *", "Europe/Berlin", first)
    assert datetime.fromtimestamp(second, BERLIN) == datetime(2026, 3, 30, 2, 30, tzinfo=BERLIN)


def test_the_night_that_has_an_hour_twice_runs_once() -> None:
    evening = datetime(2026, 10, 24, 20, tzinfo=BERLIN).timestamp()
    first = next_due("30 2 * * *", "Europe/Berlin", evening)
    assert datetime.fromtimestamp(first, BERLIN).isoformat() == "2026-10-25T02:30:00+02:00"
    second = next_due("30 2 * * *", "Europe/Berlin", first)
    assert datetime.fromtimestamp(second, BERLIN).isoformat() == "2026-10-26T02:30:00+01:00"


def test_a_time_that_never_comes_is_refused() -> None:
    with pytest.raises(Invalid):
        next_due("0 0 30 2 *", "UTC", 0.0)
