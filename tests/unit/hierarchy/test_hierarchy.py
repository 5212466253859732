"""Hierarchies: which levels a list of paths has, their forecasts, and the panels that are sums of items."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell import ForetellError
from foretell.hierarchy.group_panel import group_panel
from foretell.hierarchy.groups import groups_of, levels_of

H = 4
DAYS = pd.date_range("2024-01-01", periods=42)
CITIES = ["north", "north", "north", "south", "south", "south"]


def tables(items: int = 6) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sales of items in two regions, two stores each, and two families."""
    random = np.random.default_rng(0)
    names = [f"i{k}" for k in range(items)]
    sales = pd.DataFrame(
        {
            "item_id": np.repeat(names, len(DAYS)),
            "timestamp": np.tile(DAYS, items),
            "target": random.gamma(2.0, 5.0, items * len(DAYS)).round(2),
        }
    )
    about = pd.DataFrame(
        {
            "item_id": names,
            "region": [CITIES[k % 6] for k in range(items)],
            "store": [f"s{k % 3}" for k in range(items)],
            "family": [["mug", "bag"][k % 2] for k in range(items)],
        }
    )
    return sales, about


def dataset(sales: pd.DataFrame | None = None, **options: object) -> foretell.Dataset:
    mine, about = tables()
    return foretell.Dataset(mine if sales is None else sales, items=about, freq="D", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def forecast() -> foretell.Forecast:
    return foretell.train(dataset(), recipe="seasonal_naive", horizon=H).predict()


# Levels


def test_a_path_has_all_levels_that_lead_to_it_and_shared_ones_stand_there_once() -> None:
    assert levels_of(["region/store", "family"]) == ((), ("region",), ("region", "store"), ("family",))
    assert levels_of(["region/store", "region/family"]) == (
        (),
        ("region",),
        ("region", "store"),
        ("region", "family"),
    )
    assert levels_of(["region/store", "store/region"]) == ((), ("region",), ("region", "store"), ("store",))
    assert levels_of([]) == ((),)


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("region", r"list of paths of columns, such as \['region/store', 'category'\], got 'region'"),
        ([3], r"list of paths of columns"),
        (["region/region"], r"names the column 'region' twice: groups must not overlap"),
        (["region/stor"], r"no column 'stor' to be grouped by. Did you mean 'store'\?"),
        (["items"], r"column 'items', which a table of all levels has for something else"),
    ],
)
def test_levels_that_make_no_sense_are_explained(
    by: object, message: str, forecast: foretell.Forecast
) -> None:
    with pytest.raises(ForetellError, match=message):
        forecast.hierarchy(by=by)  # type: ignore[arg-type]


def test_series_that_end_at_different_times_are_explained() -> None:
    sales, _ = tables()
    short = sales[~((sales["item_id"] == "i4") & (sales["timestamp"] > DAYS[30]))]
    data = dataset(short, ends="own")
    with pytest.raises(ForetellError, match=r"item 'i4' begins 2024-02-01.*do not add up.*ends='last'"):
        foretell.reconcile(
            data, by=["region"], horizon=H, recipe="seasonal_naive", method="paths", processes=1
        )


# Forecasts of all levels


def test_a_hierarchy_has_a_forecast_for_each_level(forecast: foretell.Forecast) -> None:
    tree = forecast.hierarchy(by=["region/store", "family"])
    assert tree.names == ["all items", "region", "region/store", "family", "items"]
    assert [len(tree[name]) for name in tree] == [1, 2, 6, 2, 6]
    assert repr(tree) == "Hierarchy(paths: all items 1, region 2, region/store 6, family 2, items 6)"
    np.testing.assert_array_equal(tree["items"].quantiles, forecast.quantiles)
    with pytest.raises(ForetellError, match=r"no level 'regions'. Did you mean 'region'\?"):
        tree["regions"]


def test_each_level_is_the_total_of_its_columns(forecast: foretell.Forecast) -> None:
    tree = forecast.hierarchy(by=["region/store"], paths=300, seed=4)
    for name, by in (("all items", []), ("region", ["region"]), ("region/store", ["region", "store"])):
        np.testing.assert_array_equal(
            tree[name].quantiles, forecast.total(by=by, paths=300, seed=4).quantiles
        )


def test_the_table_names_the_level_and_leaves_other_columns_empty(
    forecast: foretell.Forecast, tmp_path: Path
) -> None:
    tree = forecast.hierarchy(by=["region/store"], levels=[0.05, 0.95])
    frame = tree.to_frame()
    assert list(frame) == ["by", "region", "store", "item_id", "timestamp", "mean", "p5", "p95"]
    assert frame.groupby("by", sort=False).size().to_dict() == {
        "all items": H,
        "region": 2 * H,
        "region/store": 6 * H,
        "items": 6 * H,
    }
    assert (frame.loc[frame["by"] == "all items", ["region", "store", "item_id"]] == "").all(axis=None)
    tree.save(tmp_path / "tree.csv")
    assert len(pd.read_csv(tmp_path / "tree.csv")) == len(frame)
    with pytest.raises(ForetellError, match="already"):
        tree.save(tmp_path / "tree.csv")
    tree.save(tmp_path / "tree.csv", overwrite=True)


def test_sums_over_a_lead_time_are_there_at_every_level(forecast: foretell.Forecast) -> None:
    tree = forecast.hierarchy(by=["family"], steps=3)
    assert {part.horizon for part in tree.parts.values()} == {1}
    assert (tree.to_frame()["steps"] == 3).all()


# Panels of sums


def summed(sales: pd.DataFrame, **options: object) -> tuple[foretell.Panel, foretell.Panel]:
    panel = dataset(sales, **options).panel
    return panel, group_panel(panel, groups_of(panel, ("region",)), H)


def test_a_group_has_the_sum_of_what_its_items_sold_before_the_origin() -> None:
    sales, about = tables()
    panel = dataset(sales).panel.until(10)
    made = group_panel(panel, groups_of(panel, ("region",)), H)
    wide = sales.pivot_table(index="timestamp", columns="item_id", values="target")
    assert made.names == ["north", "south"]
    assert made.lengths.tolist() == [32, 32]
    for k, name in enumerate(made.names):
        members = about.loc[about["region"] == name, "item_id"]
        np.testing.assert_allclose(made.history(k), wide[members].sum(axis=1)[:32], rtol=1e-6)


def test_an_item_that_has_not_begun_adds_nothing() -> None:
    sales, _ = tables()
    later = sales[~((sales["item_id"] == "i1") & (sales["timestamp"] < DAYS[20]))]
    _, made = summed(later)
    wide = later.pivot_table(index="timestamp", columns="item_id", values="target").fillna(0)
    np.testing.assert_allclose(made.history(0), wide[["i0", "i1", "i2"]].sum(axis=1), rtol=1e-6)


def test_a_gap_of_one_item_is_made_up_by_what_it_usually_sells_and_a_gap_of_most_is_a_gap() -> None:
    sales, _ = tables()
    sales["target"] = sales["item_id"].map({f"i{k}": 10.0 * (k % 3 + 1) for k in range(6)})  # 10, 20, 30
    one = (sales["item_id"] == "i1") & (sales["timestamp"] == DAYS[5])
    most = sales["item_id"].isin(["i1", "i2"]) & (sales["timestamp"] == DAYS[9])
    _, made = summed(sales[~one & ~most])
    assert made.history(0)[5] == pytest.approx(60)  # 10 + 30, of 40 in 60
    assert np.isnan(made.history(0)[9])
    assert np.isnan(made.history(0)).sum() == 1


def test_closed_items_add_nothing_and_a_group_is_open_where_one_item_is() -> None:
    sales, _ = tables()
    plan = pd.date_range(DAYS[0], periods=len(DAYS) + H)
    both = pd.DataFrame(
        {"item_id": np.repeat([f"i{k}" for k in range(6)], len(plan)), "timestamp": np.tile(plan, 6)}
    )
    both["open"] = 1
    shut = both["timestamp"] == DAYS[7]
    both.loc[shut & both["item_id"].isin(["i0", "i3", "i4", "i5"]), "open"] = 0
    both["promo"] = (both["item_id"] == "i0").astype(float)
    kept = sales[~((sales["timestamp"] == DAYS[7]) & sales["item_id"].isin(["i0", "i3", "i4", "i5"]))]
    panel, made = summed(kept, related=both, known=["open", "promo"], open="open")
    day = sales[sales["timestamp"] == DAYS[7]].set_index("item_id")["target"]
    assert made.history(0)[7] == pytest.approx(day["i1"] + day["i2"], rel=1e-6)
    opened = made.known_at(np.array([0, 1]), np.array([[panel.start[0] + 7]] * 2))[
        :, 0, made.schema.open_position
    ]
    assert opened.tolist() == [1, 0]
    ahead = made.known_at(np.array([0]), np.array([[panel.origin[0] + H - 1]]))[0, 0]
    assert ahead.tolist() == pytest.approx([1, 1 / 3])  # open, and the promotion of one item of three


def test_a_group_panel_holds_nothing_from_the_origin_on() -> None:
    sales, _ = tables()
    changed = sales.copy()
    changed.loc[changed["timestamp"] >= DAYS[32], "target"] *= 100
    made = []
    for table in (sales, changed):
        panel = dataset(table).panel.until(10)
        made.append(group_panel(panel, groups_of(panel, ()), H))
    np.testing.assert_array_equal(made[0].target, made[1].target)


# Shown


def test_a_hierarchy_is_drawn_level_by_level_or_one_level_alone(forecast: foretell.Forecast) -> None:
    tree = forecast.hierarchy(by=["region/store"])
    figure = tree.plot().figure
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 4
    assert titles[0] == "all items"
    assert titles[1].startswith("region: ")
    assert titles[2].startswith("region/store: ")
    assert tree.plot("region", "south").get_title(loc="left") == "south"
    with pytest.raises(ForetellError, match="has no level 'regions'"):
        tree.plot("regions")


def test_a_notebook_shows_a_row_a_level_and_escapes_names() -> None:
    sales, about = tables()
    about["family"] = "<b>mug</b>"
    about.loc[1, "family"] = "bag"
    data = foretell.Dataset(sales, items=about, freq="D")
    tree = foretell.train(data, recipe="seasonal_naive", horizon=H).predict().hierarchy(by=["family"])
    html = tree._repr_html_()
    assert "&lt;b&gt;mug&lt;/b&gt;" in html
    assert "<b>" not in html
    assert all(name in html for name in tree.names)


def test_the_page_of_a_hierarchy_groups_by_its_levels_with_the_quantiles_of_their_sums(
    forecast: foretell.Forecast, tmp_path: Path
) -> None:
    forecast.hierarchy(by=["region/store", "family"]).save_report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert [f"By <b>{name}</b>" in page for name in ("region", "region/store", "family")] == [True] * 3
    total = forecast.total(steps=H, by=["region", "store"], levels=[0.9])
    row = page.partition(">north / s1<")[2].partition("</tr>")[0]
    place = total.position(["north", "s1"])
    assert f"<td>{total.quantiles[place, 0, 0]:.3g}" in row.replace(".0<", "<")
    with pytest.raises(ForetellError, match="'citi'"):
        forecast.save_report(tmp_path / "other.html", by=["citi"])
    assert not (tmp_path / "other.html").exists()


def test_the_column_of_the_items_under_its_own_name_says_what_it_is_called_here() -> None:
    days = pd.date_range("2024-01-01", periods=40)
    sold = pd.concat(pd.DataFrame({"shop": s, "day": days, "units": range(40)}) for s in ("a", "b"))
    data = foretell.Dataset(sold, item_id="shop", timestamp="day", target_column="units", freq="D")
    forecast = foretell.train(data, recipe="seasonal_naive", horizon=7).predict()
    with pytest.raises(ForetellError, match="column 'shop' are item_id here: group by 'item_id'"):
        forecast.total(by=["shop"])
    with pytest.raises(ForetellError, match="column 'shop' are item_id here: group by 'item_id'"):
        forecast.hierarchy(by=["shop"])
