"""`foretell.monitor`: from saved forecasts and what came to a verdict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import ForetellError
from foretell.evaluation.metrics import score
from unit.monitoring.watched_model import FIRST, HORIZON, LEVELS, Shop

CALM, WORSE = Shop(), Shop(worse_from=30)
WINDOWS = range(0, 16, 2)


@pytest.fixture
def calm(tmp_path: Path) -> Path:
    return CALM.save(tmp_path / "calm", runs=range(16, 39), windows=WINDOWS)


def watch(shop: Shop, folder: Path, **options: object) -> foretell.Monitor:
    options = {"backtest": folder / "backtest", **options}
    return foretell.monitor(folder / "forecasts", shop.dataset(), **options)  # type: ignore[arg-type]


def test_a_model_that_does_as_in_its_backtest_is_fine(calm: Path) -> None:
    found = watch(CALM, calm)
    assert found.verdict == "fine"
    assert {reason.about for reason in found.reasons} == {"wQL", "coverage", "bias"}
    assert len(found.runs) == 23
    assert found.settings["back-test windows"] == 8


def test_a_model_whose_errors_grow_is_to_be_trained_again_and_the_reason_says_since_when(
    tmp_path: Path,
) -> None:
    folder = WORSE.save(tmp_path, runs=range(16, 39), windows=WINDOWS)
    found = watch(WORSE, folder)
    assert found.verdict == "retrain"
    first = found.reasons[0]
    assert first.verdict == "retrain"
    assert first.since == str((FIRST + pd.Timedelta(weeks=30)).date())
    assert first.chance is not None
    assert first.chance <= 0.02
    told = found.runs.loc[found.runs["verdict"] == "retrain", "origin"].tolist()
    assert (
        str((FIRST + pd.Timedelta(weeks=30)).date()) < told[0] <= str((FIRST + pd.Timedelta(weeks=33)).date())
    )


def test_the_scores_of_a_run_are_those_of_the_evaluator(calm: Path) -> None:
    found = watch(CALM, calm)
    table = CALM.forecast(20)
    actual = CALM.sales().merge(table[["item_id", "timestamp"]])["target"].to_numpy().reshape(-1, HORIZON)
    quantiles = table[["p10", "p50", "p90"]].to_numpy().reshape(*actual.shape, 3)
    mean = table["mean"].to_numpy().reshape(actual.shape)
    expected = score(actual.astype(np.float32), mean, quantiles, LEVELS, np.ones(len(actual))).pooled
    row = found.runs.iloc[4]
    for name in ("wQL", "WAPE", "interval[0.8]", "coverage[0.1]"):
        assert row[name] == pytest.approx(expected[name], rel=1e-6), name
    assert row["bias"] == pytest.approx((mean - actual).sum() / actual.sum(), rel=1e-5)


def test_without_a_backtest_the_first_runs_count_as_usual_and_that_is_said(tmp_path: Path) -> None:
    folder = WORSE.save(tmp_path, runs=range(16, 39))
    found = watch(WORSE, folder, backtest=None)
    assert found.verdict == "retrain"
    assert any("no back-test" in reason.text for reason in found.reasons)
    assert set(found.blocks["verdict"].iloc[:6]) == {"fine"}


def test_one_backtest_window_is_joined_by_the_first_runs(tmp_path: Path) -> None:
    found = watch(WORSE, WORSE.save(tmp_path, runs=range(16, 39), windows=range(14, 15)))
    assert any("the back-test has 2 blocks" in reason.text for reason in found.reasons)
    assert found.verdict == "retrain"


def test_actuals_that_are_not_there_yet_are_waited_for(calm: Path) -> None:
    data = CALM.dataset(until=25)
    found = foretell.monitor(calm / "forecasts", data, backtest=calm / "backtest")
    last = found.runs.iloc[-1]
    assert last["cells"] == 0
    assert np.isnan(last["wQL"])
    assert last["verdict"] == ""
    assert len(found.blocks) == 9
    assert found.runs.iloc[8]["missing"] == 20 * 7  # the second week of the run of week 24


def test_items_that_are_new_are_not_judged_until_they_have_a_history(calm: Path) -> None:
    sales = CALM.sales()
    new = (sales["item_id"] == "item-19") & (sales["timestamp"] < FIRST + pd.Timedelta(weeks=20))
    data = foretell.Dataset(sales[~new], items=CALM.metadata(), freq="D")
    found = foretell.monitor(calm / "forecasts", data, backtest=calm / "backtest")
    cells = found.runs["cells"] + found.runs["missing"]
    assert cells.iloc[0] == 19 * HORIZON
    assert cells.iloc[10] == 20 * HORIZON
    assert found.verdict == "fine"


def test_items_that_the_actuals_lack_are_left_out_and_told_once(calm: Path) -> None:
    sales = CALM.sales()
    data = foretell.Dataset(sales[sales["item_id"] != "item-03"], freq="D")
    found = foretell.monitor(calm / "forecasts", data, backtest=calm / "backtest")
    assert [finding.code for finding in found.findings].count("unknown_items") == 1
    assert found.runs["items"].eq(19).all()


def test_scores_and_tests_of_groups_name_the_group_that_drifts(tmp_path: Path) -> None:
    class Part(Shop):
        def sales(self) -> pd.DataFrame:
            calm, worse = CALM.sales(), Shop(worse_from=30, times=2.2).sales()
            mugs = (
                calm["item_id"].map(dict(zip(self.names(), self.metadata()["family"], strict=True))) == "mug"
            )
            return calm.assign(target=calm["target"].where(~mugs, worse["target"]))

    shop = Part()
    found = watch(shop, shop.save(tmp_path, runs=range(16, 39), windows=WINDOWS), by=["family"])
    assert found.groups["group"].tolist() == ["mug", "bag"]
    assert found.groups["share"].sum() == pytest.approx(1)
    (reason,) = (reason for reason in found.reasons if reason.about == "group")
    assert "family 'mug'" in reason.text
    assert "bag" not in reason.text


def test_a_group_that_is_no_column_offers_the_nearest(calm: Path) -> None:
    with pytest.raises(ForetellError, match=r"'familly'.*Did you mean 'family'"):
        watch(CALM, calm, by=["familly"])


def test_two_files_of_one_run_and_item_are_refused(calm: Path) -> None:
    CALM.forecast(20).to_csv(calm / "forecasts" / "again.csv", index=False)
    with pytest.raises(ForetellError, match=r"again.csv and week-20.csv both forecast item 'item-00'"):
        watch(CALM, calm)


def test_files_of_one_run_and_other_items_are_one_run(calm: Path) -> None:
    whole = watch(CALM, calm)
    table = CALM.forecast(20)
    first = table["item_id"] < "item-10"
    table[first].to_csv(calm / "forecasts" / "week-20.csv", index=False)
    table[~first].to_parquet(calm / "forecasts" / "week-20-rest.parquet")
    runs = watch(CALM, calm).runs
    assert runs["file"].iloc[4] == "week-20-rest.parquet, week-20.csv"
    pd.testing.assert_frame_equal(runs.drop(columns="file"), whole.runs.drop(columns="file"))


def test_a_file_that_is_no_forecast_is_named(calm: Path) -> None:
    (calm / "forecasts" / "notes.csv").write_text("item_id,timestamp\nitem-00,2023-05-01\n")
    with pytest.raises(ForetellError, match=r"notes\.csv: the forecasts need a column 'mean' or 'p50'"):
        watch(CALM, calm)


def test_runs_may_be_frames_or_one_table_with_origins(calm: Path) -> None:
    whole = watch(CALM, calm)
    frames = [CALM.forecast(week) for week in range(16, 39)]
    table = CALM.backtest(range(16, 39)).drop(columns=["window"])
    for forecasts in (frames, table):
        found = foretell.monitor(calm / "forecasts", CALM.dataset(), forecasts, backtest=calm / "backtest")
        pd.testing.assert_frame_equal(found.runs.drop(columns="file"), whole.runs.drop(columns="file"))


def test_windows_that_reach_into_the_runs_are_left_out(tmp_path: Path) -> None:
    folder = CALM.save(tmp_path, runs=range(16, 39), windows=range(0, 20, 2))
    found = watch(CALM, folder)
    assert found.settings["back-test windows"] == 8
    assert [finding.code for finding in found.findings] == ["windows"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 16 weeks with its back-test, and forecasts from 4 weeks later on beside it."""
    folder = tmp_path_factory.mktemp("trained") / "model"
    settings = {"horizon": HORIZON, "processes": 1}
    foretell.train(CALM.dataset(until=16), recipe="seasonal_naive", **settings).save(folder)  # type: ignore[arg-type]
    model = foretell.load(folder)
    foretell.backtest(
        CALM.dataset(until=16),
        recipes=["seasonal_naive"],
        windows=3,
        out=folder / "backtest",
        **settings,  # type: ignore[arg-type]
    )
    (folder / "forecasts").mkdir()
    for week in (14, *range(20, 39, 2)):
        model.predict_to(folder / "forecasts" / f"{week}.parquet", CALM.dataset(until=week))
    return folder


def test_a_model_knows_its_forecasts_its_backtest_and_what_it_was_trained_on(trained: Path) -> None:
    found = foretell.monitor(trained, CALM.dataset())
    assert found.verdict in ("fine", "watch")
    assert len(found.runs) == 10  # not the one of week 14, which lies within the training data
    assert [finding.code for finding in found.findings] == ["runs"]
    assert found.settings["back-test windows"] == 3
    assert found.inputs["column"].tolist() == ["target", "family"]
    assert not found.inputs["changed"].any()
    pd.testing.assert_frame_equal(foretell.monitor(foretell.load(trained), CALM.dataset()).runs, found.runs)


def test_inputs_that_are_spread_otherwise_than_in_training_are_to_be_watched(trained: Path) -> None:
    sales = CALM.sales()
    late = sales["timestamp"] >= FIRST + pd.Timedelta(weeks=37)
    sales.loc[late, "target"] *= 6
    items = CALM.metadata()
    items.loc[:5, "family"] = "hat"
    found = foretell.monitor(trained, foretell.Dataset(sales, items=items, freq="D"))
    changed = found.inputs.set_index("column")["changed"]
    assert changed["target"]
    assert changed["family"]
    assert any(reason.about == "inputs" and "'target'" in reason.text for reason in found.reasons)
    assert found.verdict != "fine"


def test_runs_of_the_time_of_training_alone_are_refused(trained: Path) -> None:
    with pytest.raises(ForetellError, match=r"none of the 1 runs is the model's: the last begins 2023-04-10"):
        foretell.monitor(trained, CALM.dataset(), trained / "forecasts" / "14.parquet")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({"model": 3}, "model must be a foretell.Model, or the folder of one"),
        ({"forecasts": "nowhere/*.csv"}, "no forecasts nowhere"),
        ({"backtest": "nowhere"}, "nowhere holds no report"),
        ({"backtest": 3}, "backtest must be a foretell.Report"),
        ({"by": "family"}, "by must be a list of columns"),
    ],
)
def test_what_cannot_be_judged_is_refused(what: dict, message: str, calm: Path) -> None:
    given = {"model": calm / "forecasts", "backtest": calm / "backtest", **what}
    with pytest.raises(ForetellError, match=message):
        foretell.monitor(given.pop("model"), CALM.dataset(), **given)


def test_actuals_that_end_before_the_runs_are_refused(calm: Path) -> None:
    with pytest.raises(ForetellError, match="the data have no actuals of the runs, which begin 2023-04-24"):
        foretell.monitor(calm / "forecasts", CALM.dataset(until=16), backtest=calm / "backtest")


def test_it_is_saved_whole_and_not_over_another_result(calm: Path, tmp_path: Path) -> None:
    found = watch(CALM, calm, by=["family"], out=tmp_path / "watch")
    names = {path.name for path in (tmp_path / "watch").iterdir()}
    tables = {"runs.csv", "groups.csv", "steps.csv", "blocks.csv", "inputs.csv"}
    assert names == {*tables, "monitor.html", "monitor.json"}
    said = json.loads((tmp_path / "watch/monitor.json").read_text())
    assert said["verdict"] == "fine"
    assert len(said["runs"]) == len(found.runs) == len(pd.read_csv(tmp_path / "watch/runs.csv"))
    assert [reason["about"] for reason in said["reasons"]] == [reason.about for reason in found.reasons]
    with pytest.raises(ForetellError, match="already holds a monitor that says 'fine'"):
        found.save(tmp_path / "watch")
    found.save(tmp_path / "watch", overwrite=True)


def test_the_page_shows_names_as_they_are(tmp_path: Path) -> None:
    class Evil(Shop):
        def metadata(self) -> pd.DataFrame:
            return super().metadata().assign(family="<script>alert(1)</script>")

    shop = Evil()
    found = watch(shop, shop.save(tmp_path / "e", runs=range(16, 39), windows=WINDOWS), by=["family"])
    found.save(tmp_path / "watch")
    page = (tmp_path / "watch/monitor.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<script" not in found._repr_html_()


def test_its_picture_has_a_panel_for_each_quantity(calm: Path) -> None:
    figure = watch(CALM, calm).plot()
    assert [axes.get_title(loc="left").split()[0] for axes in figure.axes] == ["wQL", "share", "bias"]


def test_its_repr_is_short(calm: Path) -> None:
    assert len(repr(watch(CALM, calm)).splitlines()) == 1
