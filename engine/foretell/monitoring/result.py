"""`Monitor`: a judgement that can be drawn, shown and saved as a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from foretell.monitoring.figures import figure_monitor
from foretell.monitoring.judgement import Judgement
from foretell.monitoring.page import render, summary
from foretell.system.frame_writers import write_frame
from foretell.system.results import new_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Monitor(Judgement):
    """How a model in use does beside its own back-test: fine, to be watched, or to be trained again.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> before = foretell.Dataset(sales[sales["timestamp"] < "2011-11-01"], freq="D")
        >>> model = foretell.train(before, recipe="seasonal_naive", horizon=7)
        >>> result = foretell.monitor(model, data, [model.predict()])
        >>> len(result.runs)
        1
    """

    def plot(self) -> Figure:
        """wQL, coverage and bias by block of dates, those of the back-test first, and when the verdict changed."""
        return figure_monitor(self)

    def save(self, folder: str | Path, *, overwrite: bool = False, spreadsheet: bool = False) -> None:
        """Write runs.csv, groups.csv, steps.csv, blocks.csv, inputs.csv, monitor.html and monitor.json: all of them or none.

        To `overwrite` replaces a result of foretell that is there. In CSV for a `spreadsheet`, texts that it would compute get an
        apostrophe in front. Raises ForetellError when `folder` holds a result and that is not asked to be overwritten, and always
        when it holds anything else.
        """
        with new_result(folder, "monitor", overwrite=overwrite) as place:
            for name in ("runs", "groups", "steps", "blocks", "inputs"):
                write_frame(getattr(self, name), place / f"{name}.csv", spreadsheet=spreadsheet)
            (place / "monitor.html").write_text(render(self), encoding="utf-8")
            said = orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2)
            (place / "monitor.json").write_bytes(said + b"\n")

    def _repr_html_(self) -> str:
        return summary(self)
