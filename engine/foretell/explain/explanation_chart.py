"""An explanation drawn: what each driver adds, step by step, and the forecast that comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from foretell.data.arrays import Floats
from foretell.data.frequency import Frequency
from foretell.recipe.fan import Fan
from foretell.recipe.fan_chart import INK, MUTED, PALETTE, as_written, legend_below, time_axis

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN: Final = 7  # drivers that have a colour; the smaller ones are shown together
_NAME: Final = 32  # characters of a driver's name in the legend
_GREY: Final = "#b6bdc5"


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """What is drawn: the contributions to one course over H steps."""

    name: str
    target: str
    label: str  # of the forecast
    frequency: Frequency
    origin: int  # ordinal of the first step
    drivers: list[str]  # [D], the most important first
    parts: Floats  # [H, D]
    baseline: Floats  # [H]
    forecast: Floats  # [H]

    @property
    def closed(self) -> NDArray[np.bool_]:
        """[H] steps at which nothing is forecast and nothing has a part in it."""
        return np.asarray((self.forecast == 0) & (self.baseline == 0) & (self.parts == 0).all(axis=1))


def plot_stack(stack: Stack, *, axes: Axes | None = None) -> Axes:
    """Bars from the baseline up and down, a colour a driver, and the forecast as a line."""
    if axes is None:
        axes = Figure(figsize=(8, 3.6), layout="constrained").add_subplot()
    fan = _fan(stack)
    _draw_bars(axes, fan, stack.parts, stack.drivers)
    marks: dict[str, Any] = {"marker": "o", "ms": 2.5}
    # a closed day departs from nothing
    apart = np.where(stack.closed, np.nan, stack.forecast - stack.baseline)
    axes.plot(_times(fan), apart, color=INK, lw=1.4, zorder=4, label=stack.label, **marks)
    axes.axhline(0, color=MUTED, lw=0.8)
    opened = stack.baseline[~stack.closed]
    _finish(axes, fan, float(opened.mean()) if len(opened) else 0.0)
    return axes


def driver_colours(count: int) -> list[str]:
    """The colours of so many drivers, the most important first; of very many, the last one is of all that have none of their own."""
    own = [PALETTE[k % len(PALETTE)] for k in range(count if count <= _SHOWN + 1 else _SHOWN)]
    return own if len(own) == count else [*own, _GREY]


def _draw_bars(axes: Axes, fan: Fan, parts: Floats, names: list[str]) -> None:
    """[H, D] stacked bars, the first driver next to the baseline."""
    colours = driver_colours(len(names))
    shown = len(names) if len(colours) == len(names) else len(colours) - 1
    columns = [(name, parts[:, k], colours[k]) for k, name in enumerate(names[:shown])]
    if shown < len(names):
        columns.append((f"{len(names) - shown} others", parts[:, shown:].sum(1), colours[-1]))
    up, down = np.zeros(len(parts)), np.zeros(len(parts))
    width = 0.85 * (fan.frequency.timestamps(fan.steps[:1] + 1) - fan.frequency.timestamps(fan.steps[:1]))[0]
    for name, heights, colour in columns:
        below = np.where(heights >= 0, up, down)
        label = name if len(name) <= _NAME else name[: _NAME - 3] + "..."
        axes.bar(_times(fan), heights, bottom=below, width=width, color=colour, lw=0, label=label, zorder=2)
        up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)


def _fan(stack: Stack) -> Fan:
    """What time axis and titles are made from."""
    return Fan(
        name=stack.name,
        target=stack.target,
        frequency=stack.frequency,
        steps=stack.origin + np.arange(len(stack.forecast)),
        levels=(0.5,),
        quantiles=stack.forecast[:, None],
        median=stack.forecast,
        past_steps=np.zeros(0, np.int64),
        past=np.zeros(0),
    )


def _times(fan: Fan) -> Any:
    return fan.frequency.timestamps(fan.steps)


def _finish(axes: Axes, fan: Fan, baseline: float) -> None:
    time_axis(axes, fan)
    spelt = f"{baseline:,.0f}" if abs(baseline) >= 100 else f"{baseline:.3g}"
    as_written(axes.set_title(fan.name, loc="left", fontsize=10, color=INK))
    as_written(axes.set_ylabel(f"{fan.target}, from the baseline of {spelt}", color=MUTED, fontsize=9))
    legend_below(axes, columns=4)
