"""Pipelines: three weeks of arriving sales on SQLite and PostgreSQL, and weeks that a gate stops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.system.connections import Connection
from foretell.system.folder_lock import claimed
from foretell.workflows.pipeline import PipelineRun, run_pipeline
from foretell.workflows.pipeline_state import State
from foretell.workflows.pipeline_text import Gate, Target, parse_pipeline
from pipelines import TEXT, Shop, pipeline, sqlite_shop

pytest.importorskip("adbc_driver_sqlite")


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    if request.param == "sqlite":
        found = sqlite_shop(tmp_path)
    else:
        found = Shop(f"postgresql://{request.getfixturevalue('postgresql')}")
    yield found
    found.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Shop]:
    found = sqlite_shop(tmp_path)
    yield found
    found.close()


def run(shop: Shop, folder: Path, **changes: object) -> PipelineRun:
    return run_pipeline(replace(pipeline(), **changes), folder / "state", shop.places)  # type: ignore[arg-type]


def test_three_weeks_of_sales_become_three_runs_of_forecasts_side_by_side(shop: Shop, tmp_path: Path) -> None:
    shop.arrive(0)
    first = run(shop, tmp_path)
    shop.arrive(1)
    second = run(shop, tmp_path)
    shop.arrive(2)
    third = run(shop, tmp_path)
    assert [each.trained for each in (first, second, third)] == [True, False, True]  # every = 2
    rows, totals = shop.rows(), shop.rows("forecasts_family")
    assert rows.groupby("run").size().to_dict() == dict.fromkeys(
        ("weekly 2026-03-02", "weekly 2026-03-09", "weekly 2026-03-16"), 4 * 7
    )
    assert totals.groupby("run").size().tolist() == [2 * 7] * 3
    items = rows.assign(family=rows["item_id"].map({"a": "MUG", "b": "MUG", "c": "BOWL", "d": "BOWL"}))
    sums = items.groupby(["run", "family", "timestamp"])["mean"].sum()
    there = totals.set_index(["run", "family", "timestamp"])["mean"]
    pd.testing.assert_series_equal(there.sort_index(), sums.sort_index(), rtol=1e-5, check_dtype=False)


def test_a_run_that_is_repeated_takes_the_place_of_its_rows(small: Shop, tmp_path: Path) -> None:
    small.arrive(0)
    run(small, tmp_path)
    run(small, tmp_path)
    assert len(small.rows()) == 4 * 7


def test_a_week_with_half_of_its_rows_is_stopped_and_the_last_good_forecast_stays(
    shop: Shop, tmp_path: Path
) -> None:
    shop.arrive(0)
    run(shop, tmp_path)
    before = shop.rows()
    shop.arrive(1, shop.half_of_week(1))
    stopped = run(shop, tmp_path)
    assert stopped.outcome == "stopped"
    assert "of what is new, 50.0% of the rows are lost (14 where there should be 28)" in stopped.message
    assert stopped.message.endswith("The last good forecast stays in place.")
    pd.testing.assert_frame_equal(shop.rows(), before)
    shop.arrive(1)
    assert run(shop, tmp_path).outcome == "published"


@pytest.mark.parametrize("promo", ["promotion", "promo_"])
def test_a_week_without_a_column_is_stopped(small: Shop, tmp_path: Path, promo: str) -> None:
    small.arrive(0)
    run(small, tmp_path)
    small.arrive(1, promo=promo)
    stopped = run(small, tmp_path)
    assert (stopped.outcome, "promo" in stopped.message) == ("stopped", True)
    assert len(small.rows()) == 4 * 7


def test_a_column_that_nobody_declared_is_missed_too(small: Shop, tmp_path: Path) -> None:
    small.arrive(0)
    undeclared = {"dataset": {"freq": "D"}}
    run(small, tmp_path, **undeclared)
    small.arrive(1, promo="other")
    assert (
        "the tables lack columns that the last run had: promo" in run(small, tmp_path, **undeclared).message
    )


def test_rows_that_were_there_and_are_gone_stop_the_run(small: Shop, tmp_path: Path) -> None:
    small.arrive(0)
    run(small, tmp_path)
    sales = small.sales[small.sales["day"] < "2026-03-09"]
    small.arrive(1, sales[(sales["day"] >= "2026-02-01") | (sales["item_id"] != "a")])
    assert "of what the last run had" in run(small, tmp_path).message


def test_a_much_worse_back_test_is_stopped_and_nothing_is_trained(small: Shop, tmp_path: Path) -> None:
    small.arrive(0)
    run(small, tmp_path, train=replace(pipeline().train, every=1))
    sales = small.sales[small.sales["day"] < "2026-03-09"].copy()
    late = sales["day"] >= "2026-03-02"
    sales.loc[late, "units"] = sales.loc[late, "units"] * 10
    small.arrive(1, sales)
    stopped = run(small, tmp_path, train=replace(pipeline().train, every=1))
    assert "max_wql_ratio is 1.2" in stopped.message
    kept = State(tmp_path / "state").read()
    assert (kept.run, kept.model, kept.published) == (2, 1, 1)


def test_the_same_pipeline_twice_at_once_is_refused(small: Shop, tmp_path: Path) -> None:
    import threading

    small.arrive(0)
    errors: list[str] = []

    def other() -> None:
        try:
            run(small, tmp_path)
        except ForetellError as error:
            errors.append(str(error))

    with claimed(tmp_path / "state"):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(errors) == 1
    assert "is writing" in errors[0]


def test_a_table_that_the_connection_does_not_list_is_refused_before_anything_is_read(
    small: Shop, tmp_path: Path
) -> None:
    target = Target(connection="planning", table="payroll")
    with pytest.raises(ForetellError, match="may not write 'payroll'"):
        run(small, tmp_path, target=target)


def test_a_read_connection_is_not_written_to(small: Shop, tmp_path: Path) -> None:
    with pytest.raises(ForetellError, match="is there to read, not to write"):
        run(small, tmp_path, target=Target(connection="shop", table="forecasts"))


def test_totals_and_items_are_written_in_one_transaction(small: Shop, tmp_path: Path) -> None:
    small.arrive(0)
    pd.DataFrame({"strange": [1]}).to_sql("forecasts_family", small._engine, index=False)
    with pytest.raises(ForetellError, match="forecasts do not go there"):
        run(small, tmp_path)
    assert "forecasts" not in pd.read_sql("select name from sqlite_master", small._engine)["name"].tolist()
    assert State(tmp_path / "state").read().published == 0


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_files_take_the_place_of_those_of_the_run_before(small: Shop, tmp_path: Path, ending: str) -> None:
    small.arrive(0)
    target = Target(path=str(tmp_path / f"out/plan.{ending}"))
    run(small, tmp_path, target=target)
    small.arrive(1)
    result = run(small, tmp_path, target=target)
    assert result.rows == {
        str(tmp_path / f"out/plan.{ending}"): 28,
        str(tmp_path / f"out/plan_family.{ending}"): 14,
    }
    assert all(Path(place).stat().st_size for place in result.rows)


def test_a_network_goes_on_from_the_model_before(small: Shop, tmp_path: Path) -> None:
    settings = {"max_steps": 3, "hidden_size": 4}
    train = replace(pipeline().train, recipe="mqrnn", settings=settings, every=1)
    small.arrive(0)
    run(small, tmp_path, train=train, gate=Gate())
    small.arrive(1)
    assert run(small, tmp_path, train=train, gate=Gate()).trained


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('name = "weekly"', 'name = "../weekly"'), "name must be 1 to 64 letters"),
        (("every = 2", "every = 0"), "train.every must be from 1"),
        (("horizon = 7", ""), "train.horizon is missing"),
        (("[gate]", "[gates]"), "fields that this version does not know: gates"),
        (("[0.1, 0.5, 0.9]", "[1.5]"), "forecast"),
        (('table = "forecasts"', ""), "connection and table go together"),
        (('freq = "D"', 'scratch = "/tmp"'), "dataset.scratch is the pipeline's own affair"),
        (("[gate]", "[gate"), "this is no TOML"),
    ],
)
def test_what_is_wrong_in_a_pipeline_is_named(change: tuple[str, str], said: str) -> None:
    with pytest.raises(ForetellError) as refused:
        parse_pipeline(TEXT.replace(*change))
    assert said in str(refused.value)


def test_a_statement_has_a_time_limit_on_postgresql() -> None:
    connection = Connection(url="postgresql://a@b/c", timeout=2.5)
    assert connection.limited == "postgresql://a@b/c?options=-c%20statement_timeout%3D2500"
