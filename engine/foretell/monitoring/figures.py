"""The picture of a monitor: wQL, coverage and bias by block of dates, beside those of the back-test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from foretell.monitoring.blocks import Quantity
from foretell.monitoring.drift_tests import DriftTest, Verdict
from foretell.recipe.fan_chart import INK, MUTED, PALETTE, RULE, as_written, plain_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from foretell.monitoring.judgement import Judgement

COLOURS: Final[dict[Verdict, str]] = {"fine": PALETTE[0], "watch": PALETTE[4], "retrain": PALETTE[1]}
_TITLES: Final[dict[Quantity, str]] = {
    "wQL": "wQL against what is usual at the same steps ahead",
    "coverage": "share of actuals inside the interval, less what is usual",
    "bias": "bias (share of sales), less what is usual",
}
_TICKS: Final = 5


def figure_monitor(found: Judgement) -> Figure:
    """A panel a quantity: the back-test's blocks in grey, then those of the runs in the colour of the verdict about them.

    The band holds two deviations of the back-test's blocks either side.
    """
    tests = [test for test in found.tests.values() if len(test.values)]
    figure = Figure(figsize=(11, 2.3 * max(len(tests), 1) + 0.2), layout="constrained")
    if not tests:
        figure.text(0.5, 0.5, "no block of dates is judged yet", ha="center", color=MUTED)
        return figure
    axes = figure.subplots(len(tests), 1, sharex=True, squeeze=False)[:, 0]
    for each, test in zip(axes, tests, strict=True):
        _draw(each, test)
    _dates(axes[-1], found, tests[0])
    return figure


def _draw(axes: Axes, test: DriftTest) -> None:
    before, usual = len(test.usual) - int((~test.judged).sum()), test.reference
    scale = np.exp if test.quantity == "wQL" else np.asarray
    place = np.arange(len(test.values))
    low, high = (usual.mean + side * 2 * usual.deviation for side in (-1, 1))
    axes.axhspan(float(scale(low)), float(scale(high)), color=RULE, alpha=0.55, lw=0)
    axes.axhline(float(scale(usual.mean)), color=MUTED, lw=0.9)
    axes.axvline(-0.5, color=MUTED, lw=0.8, ls=(0, (2, 2)))
    back = np.arange(-before, 0)
    axes.plot(back, scale(test.usual[:before]), color=MUTED, lw=0.8, marker="o", ms=3.5, alpha=0.8)
    axes.plot(place, scale(test.values), color=INK, lw=0.8, zorder=2)
    colours = [
        COLOURS[verdict] if judged else MUTED
        for verdict, judged in zip(test.verdicts, test.judged, strict=True)
    ]
    axes.scatter(place, scale(test.values), c=colours, s=34, zorder=3, edgecolors="white", linewidths=0.6)
    as_written(axes.set_title(_TITLES[test.quantity], loc="left", fontsize=9.5, color=INK))
    axes.yaxis.set_major_formatter(FuncFormatter(_percent if test.quantity == "wQL" else _points))
    plain_axes(axes)


def _percent(ratio: float, _: object) -> str:
    return f"{100 * (ratio - 1):+.0f} %"


def _points(share: float, _: object) -> str:
    return f"{100 * share:+.0f} %"


def _dates(axes: Axes, found: Judgement, test: DriftTest) -> None:
    begins = found.blocks["begin"].tolist()
    shown = list(range(0, len(begins), max(-(-len(begins) // _TICKS), 1)))
    before = len(test.usual) - int((~test.judged).sum())
    labels = [str(begins[k]) for k in shown]
    places: list[float] = list(shown)
    if before:
        places, labels = [-(before + 1) / 2, *places], ["back-test", *labels]
    axes.set_xticks(places, labels)
    for label in axes.get_xticklabels():
        as_written(label)
    axes.set_xlabel("first date of the block")
