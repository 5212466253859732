"""The plots: what is drawn, and that nothing global is touched."""

from __future__ import annotations

import subprocess
import sys
from typing import cast

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluator_fakes import DAYS, FLAT, RISING, Last, dataset, sales
from foretell.checks.check import check
from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.model import Model
from foretell.recipe.forecast import Forecast
from foretell.recipe.task import Run, Task
from foretell.reporting import figures as plots
from foretell.reporting.html import render
from foretell.reporting.report import Report
from foretell.workflows.backtest import backtest


def forecast_of_a(levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> Forecast:
    panel = dataset(a=RISING, b=FLAT).panel
    model: FittedModel = fit_model(Last(), panel, Task(3, levels), Run())
    return model.forecast(panel)


@pytest.fixture(scope="module")
def report() -> Report:
    recipes = {"near": Last(), "far": Last(add=5.0)}
    return backtest(dataset(a=RISING, b=FLAT), horizon=2, windows=2, recipes=recipes)


def lines(axes: object) -> dict[str, np.ndarray]:
    return {line.get_label(): np.asarray(line.get_ydata()) for line in axes.get_lines()}  # type: ignore[attr-defined]


def test_a_forecast_is_drawn_as_history_median_and_band() -> None:
    axes = forecast_of_a().plot("a")
    drawn = lines(axes)
    assert drawn["history"].tolist() == list(RISING[-8:])  # never fewer than eight steps
    assert drawn["median"] == pytest.approx([12.5] * 3)
    (band,) = axes.collections
    assert band.get_label() == "p10 to p90"
    heights = np.asarray(band.get_paths()[0].vertices)[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((12.1, 12.9), abs=1e-5)
    assert axes.get_title(loc="left") == "a"


def test_a_forecast_is_drawn_on_the_axes_given() -> None:
    mine = Figure().add_subplot()
    assert forecast_of_a().plot("a", axes=mine) is mine


@pytest.mark.parametrize("levels", [(0.5,), (0.1,), (0.2, 0.4), tuple(k / 10 for k in range(1, 10))])
def test_any_levels_are_drawn(levels: tuple[float, ...]) -> None:
    axes = forecast_of_a(levels).plot("b")
    assert len(axes.collections) == {1: 0, 2: 0, 9: 2}[len(levels)]
    axes.figure.canvas.draw()


def test_an_item_is_drawn_once_a_recipe_with_what_came_true(report: Report) -> None:
    figure = plots.figure_item(report, 0)
    near, far = figure.axes
    assert near.get_title(loc="left") == "near"
    assert lines(near)["actual"].tolist() == [10.0, 11.0, 12.0]  # joined to the last value before the origin
    assert lines(far)["median"] == pytest.approx([15.5, 15.5])
    assert near.get_ylim() == far.get_ylim()


def test_histograms_hold_every_error_once(report: Report) -> None:
    figure = plots.figure_errors(report)
    for axes in figure.axes:
        assert sum(cast(Rectangle, patch).get_height() for patch in axes.patches) == pytest.approx(1.0)
    # far is near plus 5: near's errors on a are -1, -2 (twice), on b 0: mean -3/4
    assert figure.axes[0].get_title(loc="right") == "mean error -0.75"
    assert figure.axes[1].get_title(loc="right") == "mean error +4.25"


def test_calibration_shows_the_share_of_actuals_at_or_below_each_level(report: Report) -> None:
    axes = plots.figure_calibration(report).axes[0]
    _, near, far = axes.get_lines()
    assert np.asarray(near.get_ydata()).tolist() == [0.5, 0.5, 0.5]  # b always, a never
    assert np.asarray(far.get_ydata()).tolist() == [1.0, 1.0, 1.0]


def test_closed_steps_say_nothing_about_calibration() -> None:
    shop = pd.DataFrame({"timestamp": DAYS, "open": [1] * 11 + [0]})
    data = Dataset(sales(a=(*RISING[:11], 0.0)), related=shop, freq="D", known=["open"], open="open")
    got = backtest(data, horizon=2, recipes=[Last()])
    assert got.leaderboard["coverage[0.5]"].item() == 0.5  # 11 > 10.5, 0 <= 0
    line = plots.figure_calibration(got).axes[0].get_lines()[1]
    assert np.asarray(line.get_ydata()).tolist() == [0.0, 0.0, 0.0]


def test_wql_by_step_leaves_out_steps_at_which_nothing_was_sold() -> None:
    got = backtest(dataset(a=(*FLAT[:10], 0.0, 20.0)), horizon=2, recipes=[Last()], levels=[0.5])
    curve = plots.figure_steps(got).axes[0].get_lines()[0]
    assert np.asarray(curve.get_xdata()).tolist() == [2]
    assert np.asarray(curve.get_ydata()) == pytest.approx([9.5 / 20])


def test_plotting_changes_no_global_setting(report: Report) -> None:
    before = dict(matplotlib.rcParams)
    render(report)
    assert dict(matplotlib.rcParams) == before


@pytest.mark.slow
def test_plotting_never_imports_pyplot() -> None:
    code = "import sys, foretell.reporting.figures, foretell.reporting.html; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_many_recipes_get_colours_and_markers() -> None:
    recipes = {f"r{k}": Last(add=float(k)) for k in range(11)}
    got = backtest(dataset(a=RISING), horizon=2, recipes=recipes)
    assert set(plots.colours(got.recipes)) == set(recipes)
    plots.figure_steps(got).canvas.draw()
    assert len(plots.figure_item(got, 0).axes) == 11


def test_a_forecast_of_a_backtest_is_drawn_with_its_mean_and_what_happened(report: Report) -> None:
    drawn = lines(report.forecast("near").plot("a"))
    assert drawn["actual"].tolist() == [10.0, 11.0, 12.0]
    assert drawn["mean"].tolist() == [10.0, 10.0]
    assert "actual" not in lines(forecast_of_a().plot("a"))  # what is to come is not known


def test_several_items_stand_in_one_figure_and_the_largest_where_none_is_named(report: Report) -> None:
    forecast = report.forecast("near")
    assert [axes.get_title(loc="left") for axes in forecast.plot("b", "a").figure.axes] == ["b", "a"]
    assert [axes.get_title(loc="left") for axes in forecast.plot().figure.axes] == ["a", "b"]
    with pytest.raises(ForetellError, match="2 items need axes of their own"):
        forecast.plot("a", "b", axes=Figure().add_subplot())


def test_a_report_draws_each_of_its_pictures(report: Report) -> None:
    figures = (
        report.plot_item("a"),
        report.plot_total(),
        report.plot_leaderboard("RMSE"),
        report.plot_errors(),
        report.plot_calibration(),
        report.plot_steps(),
    )
    for figure in figures:
        figure.canvas.draw()
    assert [label.get_text() for label in figures[2].axes[0].get_yticklabels()] == ["near", "far"]
    total = figures[1].axes[0].get_lines()
    assert np.asarray(total[1].get_ydata()).tolist() == [20.0, 21.0, 22.0]  # a and b: 10, 11, 12 and 10
    with pytest.raises(ForetellError, match=r"no column 'RMS' in the leaderboard\. Did you mean 'RMSE'"):
        report.plot_leaderboard("RMS")


def test_what_a_notebook_shows_is_short_and_escaped(report: Report) -> None:
    table = sales(a=RISING).replace({"item_id": {"a": "<b>&1"}})
    data = Dataset(table, freq="D")
    model = fit_model(Last(), data.panel, Task(3, (0.1, 0.5, 0.9)), Run())
    shown = {
        "Dataset": (data, "1"),
        "Model": (Model(model), "last"),
        "Forecast": (model.forecast(data.panel), "&lt;b&gt;&amp;1"),
        "Report": (report, "near"),
        "Checkup": (check(data, horizon=40), "option"),
    }
    for name, (thing, word) in shown.items():
        html = thing._repr_html_()  # type: ignore[attr-defined]
        assert word in html, name
        assert "<b>&1" not in html, name
        assert len(html) < 6_000, name
        assert repr(thing).startswith(f"{name}("), name
        assert len(repr(thing)) < 200, name
