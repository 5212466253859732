"""Explanations: contributions that are known in advance, what they sum to, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import foretell
import planned_shop
from examples import code_blocks
from foretell.data.columns import Column, columns
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.explain.background import Background
from foretell.explain.drivers import MOST
from foretell.explain.explain import _permutations
from foretell.ingest.dataset import Dataset
from foretell.models.ensemble import Ensemble
from foretell.models.model import Model, fitted_of
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import State
from foretell.recipe.task import Run, Task

HORIZON = 14
DAYS = pd.date_range("2023-01-02", periods=400)


@dataclass(frozen=True)
class Linear:
    """A recipe that is a sum: the last value, two columns, a static, a past column, and Saturdays; and a product of two."""

    name: ClassVar[str] = "linear"
    together: float = 0.0  # what promo and fair add together

    def fit(self, panel: Panel, task: Task, run: Run) -> LinearPredictor:
        return LinearPredictor(task, self.together)

    def load(self, schema: Schema, task: Task, state: State, run: Run) -> LinearPredictor:
        return LinearPredictor(task, self.together)


@dataclass(frozen=True)
class LinearPredictor:
    task: Task
    together: float

    def predict(self, panel: Panel, *, levels: Sequence[float]) -> Forecast:
        items, steps = np.arange(len(panel)), panel.origin[:, None] + np.arange(self.task.horizon)
        known = panel.known_at(items, steps)
        promo, fair = (known[..., panel.schema.known.index(Column(name))] for name in ("promo", "fair"))
        last = panel.context(1)
        visits = panel.past[panel.offsets[1:] - 1]
        saturday = panel.frequency.timestamps(steps).astype("datetime64[D]").astype(int) % 7 == 2
        mean = 100 + last + 5 * promo + 3 * fair + self.together * promo * fair
        mean = mean + 2 * panel.static_real[:, :1] + 0.5 * visits + 7 * saturday
        return Forecast.build(panel, levels, np.repeat(mean[..., None], len(levels), axis=-1), mean)

    def state(self) -> State:
        return {}, {}


def shop(items: int = 5) -> Dataset:
    rng = np.random.default_rng(3)
    names = [f"item-{k}" for k in range(items)]
    plan = pd.DataFrame([(name, day) for name in names for day in DAYS], columns=["item_id", "timestamp"])
    plan["promo"] = (rng.random(len(plan)) < 0.4).astype(float)
    plan["fair"] = (rng.random(len(plan)) < 0.3).astype(float)
    past = plan["timestamp"] < DAYS[-HORIZON]
    plan["visits"] = np.where(past, rng.normal(50, 5, len(plan)), np.nan)
    sales = plan.loc[past, ["item_id", "timestamp"]].assign(target=rng.poisson(20, past.sum()))
    metadata = pd.DataFrame({"item_id": names, "size": np.arange(items) * 1.5})
    return Dataset(sales, plan, metadata, freq="D", known=["promo", "fair"], past=["visits"], holidays=["DE"])


@pytest.fixture(scope="module")
def linear() -> tuple[Model, Dataset]:
    data = shop()
    return foretell.train(data, recipe=Linear(), horizon=HORIZON), data


def part(explained: foretell.Explanation, driver: str) -> np.ndarray:
    return explained.contributions[..., explained.names.index(driver)]


def test_the_contributions_of_a_linear_recipe_are_its_terms_from_their_means_over_the_draws(linear):
    model, data = linear
    explained = model.explain(data)
    panel = data.panel
    draws = Background.draw(panel, count=explained.permutations, horizon=HORIZON, seed=0)
    plan, known = draws.plan()[:, :HORIZON], draws.known()[:, :, :HORIZON].mean(axis=1)
    for name, effect in {"promo": 5, "fair": 3}.items():
        k = panel.schema.known.index(Column(name))
        assert part(explained, name) == pytest.approx(effect * (plan[..., k] - known[..., k]), abs=1e-4)
    size = panel.static_real[:, 0]
    other = size[draws.other].mean(axis=1)
    assert part(explained, "size") == pytest.approx(np.tile(2 * (size - other)[:, None], HORIZON), abs=1e-4)
    assert part(explained, "holidays") == pytest.approx(np.zeros((5, HORIZON)), abs=1e-6)
    last = panel.context(1)[:, 0]
    level = panel.context(364).mean(axis=1, dtype=float)
    assert part(explained, "history")[:, 3] == pytest.approx(last - level, abs=1e-3)


def test_the_contributions_of_a_linear_recipe_lie_within_their_errors_of_the_means_of_a_year(linear):
    model, data = linear
    explained = model.explain(data, permutations=200)
    steps = data.panel.origin[:, None] + np.arange(HORIZON)
    saturday = data.panel.frequency.timestamps(steps).astype("datetime64[D]").astype(int) % 7 == 2
    assert part(explained, "calendar") == pytest.approx(7 * (saturday - 1 / 7), abs=0.3)
    errors = explained.errors[..., explained.names.index("calendar")]
    assert (np.abs(part(explained, "calendar") - 7 * (saturday - 1 / 7)) < 4 * errors + 1e-6).all()
    k = data.panel.schema.known.index(Column("promo"))
    own = data.panel.known_at(np.arange(5), data.panel.origin[:, None] + np.arange(-364, HORIZON))[..., k]
    expected = 5 * (own[:, -HORIZON:] - own[:, :-HORIZON].mean(axis=1, keepdims=True))
    error = explained.errors[..., explained.names.index("promo")]
    assert (np.abs(part(explained, "promo") - expected) < 4 * error).mean() > 0.97
    assert error.mean() == pytest.approx(5 * np.sqrt(0.24 / 200), rel=0.2)  # of 200 draws of a share of 0.4


def test_contributions_sum_to_the_forecast_from_its_baseline(linear):
    model, data = linear
    forecast = model.predict(data, levels=[0.9])
    for explained, wanted in (
        (model.explain(data), forecast.mean),
        (model.explain(data, level=0.9), forecast.quantiles[..., 0]),
    ):
        assert explained.baseline + explained.contributions.sum(-1) == pytest.approx(wanted, abs=1e-4)
        np.testing.assert_array_equal(explained.forecast, wanted)


def test_two_drivers_share_equally_what_they_do_together():
    ahead = pd.DataFrame(
        [(f"item-{k}", day) for k in range(3) for day in DAYS], columns=["item_id", "timestamp"]
    )
    planned = (ahead["timestamp"] >= DAYS[-HORIZON]).astype(float)
    ahead = ahead.assign(promo=planned, fair=planned, visits=50.0)
    sales = ahead.loc[planned == 0, ["item_id", "timestamp"]].assign(target=20.0)
    items = pd.DataFrame({"item_id": sales["item_id"].unique(), "size": 1.0})
    data = Dataset(sales, ahead, items, freq="D", known=["promo", "fair"], past=["visits"])
    model = foretell.train(data, recipe=Linear(together=10.0), horizon=HORIZON)
    explained = Model(replace(fitted_of(model), seen=None)).explain(
        data
    )  # else 1, which training never saw, would be read as 0
    assert part(explained, "promo") == pytest.approx(np.full((3, HORIZON), 5 + 5.0), abs=1e-4)
    assert part(explained, "fair") == pytest.approx(np.full((3, HORIZON), 3 + 5.0), abs=1e-4)


def test_groups_are_explained_as_the_sums_of_their_items(linear):
    model, data = linear
    each, whole = model.explain(data), model.explain(data, by=[])
    assert whole.contributions[0] == pytest.approx(each.contributions.sum(0))
    assert whole.baseline[0] == pytest.approx(each.baseline.sum(0))
    assert len(whole) == 1
    assert model.explain(data, by=["item_id"]).contributions == pytest.approx(each.contributions)


def test_some_items_are_explained_as_they_are_among_all(linear):
    model, data = linear
    each = model.explain(data)
    some = model.explain(data, items=["item-3", "item-1"])
    assert some.contributions == pytest.approx(each.contributions[[3, 1]], abs=1e-4)
    again = model.explain(data, items=["item-3", "item-1"])
    np.testing.assert_array_equal(again.contributions, some.contributions)


def test_impact_scores_lie_between_minus_one_and_one_and_shares_sum_to_one(linear):
    model, data = linear
    explained = model.explain(data)
    impact = explained.impact()
    assert impact["impact"].abs().max() <= 1
    assert impact["share"].sum() == pytest.approx(1)
    assert impact["share"].is_monotonic_decreasing
    by = explained.impact(["item_id"])
    assert by.groupby("item_id")["share"].sum().to_numpy() == pytest.approx(np.ones(5))
    assert by["contribution"].sum() == pytest.approx(impact["contribution"].sum())
    assert len(explained.impact([data.panel.schema.timestamp])) == HORIZON * len(explained.drivers)


def test_the_table_has_a_row_a_cell_and_driver(linear, tmp_path):
    model, data = linear
    explained = model.explain(data, items=["item-2"])
    frame = explained.to_frame()
    wanted = ["item_id", "timestamp", "driver", "contribution", "error", "baseline", "forecast"]
    assert list(frame.columns) == wanted
    assert len(frame) == HORIZON * len(explained.drivers)
    sums = frame.groupby("timestamp")["contribution"].sum().to_numpy()
    assert sums == pytest.approx((explained.forecast - explained.baseline)[0])
    explained.save(tmp_path / "why.parquet")
    assert len(pd.read_parquet(tmp_path / "why.parquet")) == len(frame)
    with pytest.raises(ForetellError, match="overwrite"):
        explained.save(tmp_path / "why.parquet")
    explained.save(tmp_path / "why.parquet", overwrite=True)
    assert "calendar" in explained._repr_html_()
    assert len(repr(explained)) < 200


def test_a_picture_stacks_the_contributions_up_to_the_forecast(linear):
    model, data = linear
    explained = model.explain(data)
    axes = explained.plot("item-2")
    (line,) = [each for each in axes.get_lines() if each.get_label() == "mean"]
    assert line.get_ydata() == pytest.approx((explained.forecast - explained.baseline)[2])
    tops = sum(bar.get_height() for bar in axes.patches)
    assert tops == pytest.approx((explained.forecast - explained.baseline)[2].sum())
    assert explained.plot().get_title(loc="left") == "all 5"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"items": ["item-33"]}, "no item 'item-33' in the data. Did you mean 'item-3'?"),
        ({"by": ["famly"]}, "no column 'famly'"),
        ({"by": ["item_idd"]}, "Did you mean 'item_id'?"),
        ({"level": 90}, "level must be one number strictly between 0 and 1"),
        ({"level": [0.5]}, "level must be one number"),
        ({"level": 0.9, "by": []}, "quantiles do not add up"),
        ({"permutations": 7}, "an even number from 4"),
    ],
)
def test_what_cannot_be_explained_is_refused_with_the_way_out(linear, asked, said):
    model, data = linear
    with pytest.raises(ForetellError) as caught:
        model.explain(data, **asked)
    assert said in str(caught.value)


def test_of_many_columns_those_that_vary_least_count_as_one():
    rng = np.random.default_rng(0)
    plan = pd.DataFrame({"timestamp": DAYS})
    for k in range(25):
        plan[f"c{k:02}"] = (rng.random(len(DAYS)) < (0.5 if k < 15 else 0.01)).astype(float)
    plan["promo"], plan["fair"] = plan["c00"], plan["c01"]
    names = list(plan.columns[1:])
    sales = pd.DataFrame({"item_id": "a", "timestamp": DAYS[:-HORIZON], "target": 1.0})
    data = Dataset(sales, plan, freq="D", known=names)
    model = foretell.train(data, recipe="seasonal_naive", horizon=HORIZON)
    explained = model.explain(data)
    assert len(explained.drivers) == MOST + 1  # and the history
    assert explained.drivers[-1].kind == "others"
    assert {f"c{k:02}" for k in range(15)} < set(explained.names)
    (finding,) = explained.findings
    assert finding.code == "grouped"
    assert "'c15'" in finding.message


def test_closed_days_have_no_contributions_and_open_is_no_driver(model, data):
    sales, plan, items = planned_shop.shop()
    plan.loc[plan["timestamp"] == "2024-04-03", "open"] = 0
    explained = model.explain(Dataset(sales, plan, items, freq="D", known=planned_shop.KNOWN, open="open"))
    assert "open" not in explained.names
    assert (explained.contributions[:, 2] == 0).all()
    assert (explained.contributions[:, 1] != 0).any()
    (line,) = [each for each in explained.plot("a").get_lines() if each.get_label() == "mean"]
    assert np.flatnonzero(np.isnan(line.get_ydata())).tolist() == [2]


def test_new_items_and_integer_time_are_explained():
    steps = np.arange(80)
    plan = pd.DataFrame([(i, t) for i in "abn" for t in range(90)], columns=["item_id", "timestamp"])
    plan["promo"] = (plan["timestamp"] % 5 == 0).astype(float)
    sales = pd.concat([pd.DataFrame({"item_id": i, "timestamp": steps}) for i in "ab"])
    sales["target"] = 10 + 4.0 * (sales["timestamp"] % 5 == 0)
    items = pd.DataFrame({"item_id": list("abn"), "family": ["x", "y", "x"]})
    data = Dataset(sales, plan, items, freq="1", season=5, known=["promo"])
    model = foretell.train(data, recipe="boosting", horizon=10)
    explained = model.explain(data)
    assert explained.names == ["history", "promo", "family"]
    where = explained.position("n")
    assert part(explained, "history")[where] == pytest.approx(np.zeros(10), abs=1e-4)


def test_equal_seeds_give_equal_explanations_and_others_differ(linear):
    model, data = linear
    one, same, other = (model.explain(data, seed=seed).contributions for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_a_column_called_history_keeps_its_name():
    plan = pd.DataFrame({"timestamp": DAYS, "history": np.arange(len(DAYS)) % 3.0})
    sales = pd.DataFrame({"item_id": "a", "timestamp": DAYS[:-HORIZON], "target": 1.0})
    data = Dataset(sales, plan, freq="D", known=["history"])
    explained: Any = foretell.train(data, recipe="seasonal_naive", horizon=HORIZON).explain(data)
    assert explained.names == ["history of foretell", "history", "calendar"]


def test_the_page_on_explanations_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in code_blocks("docs/how-to/explain.md"):
        exec(compile(block, "docs/how-to/explain.md", "exec"), {})
    assert (tmp_path / "why.csv").exists()


def test_the_permutations_are_fewer_with_many_drivers_and_half_with_an_ensemble(linear):
    model, data = linear
    assert model.explain(data).permutations == 32
    settings = {"members": ("seasonal_naive", "npts", "theta"), "trials": 0, "time_limit": "60s"}
    auto = fitted_of(foretell.train(shop(4), recipe="auto", horizon=HORIZON, settings=settings))
    assert isinstance(auto.predictor, Ensemble)
    auto = replace(auto, predictor=replace(auto.predictor, members=auto.predictor.members[:1] * 3))
    assert _permutations(None, auto) == 16
    wide = replace(model.schema, known=columns(*(f"c{k}" for k in range(30))), holidays=())
    assert _permutations(None, replace(fitted_of(model), schema=wide)) == 22
