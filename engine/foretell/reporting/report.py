"""`Report`: the results of a backtest, saved as a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from matplotlib.figure import Figure

from foretell.evaluation.results import Results
from foretell.reporting import figures
from foretell.reporting.html import render, summary
from foretell.system.environment import machine, versions
from foretell.system.frame_writers import frame_writer, write_frame
from foretell.system.results import new_result

logger = logging.getLogger(__name__)


def _json(state: Mapping[str, Any]) -> bytes:
    options = orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(state, default=str, option=options) + b"\n"


@dataclass(frozen=True, repr=False)
class Report(Results):
    """The results of a backtest or an evaluation: scores as tables, forecasts, findings; `save` writes them with a page to look at.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> report = foretell.backtest(data, horizon=7, recipes=["seasonal_naive"], windows=2)
        >>> report.leaderboard["recipe"].tolist()
        ['seasonal_naive']
        >>> report.save("run")  # leaderboard.csv, metrics.csv, forecasts.parquet, report.html, run.json
    """

    def __repr__(self) -> str:
        board = self.leaderboard
        best = f", best {board['recipe'].iloc[0]} with wQL {board['wQL'].iloc[0]:.4f}" if len(board) else ""
        windows = len({outcome.window.number for outcome in self.outcomes})
        return f"Report({len(board)} recipes, {windows} windows{best}; leaderboard, save(folder))"

    def plot_item(self, item: str | Sequence[object]) -> Figure:
        """An item in the last window: what happened beside the fan of each recipe, on one scale.

        A matplotlib figure, as all of these: `figure.savefig("item.svg")`. Raises ForetellError for an item that is not there.
        """
        return figures.figure_item(self, self.forecast().position(item))

    def plot_total(self) -> Figure:
        """All items together in the last window: what was sold, and the means of all recipes on one axis."""
        return figures.figure_total_of(self)

    def plot_leaderboard(self, metric: str = "wQL") -> Figure:
        """A score of each recipe as bars; `metric` is a column of the leaderboard. Raises ForetellError for another one."""
        return figures.figure_leaderboard(self, metric)

    def plot_errors(self) -> Figure:
        """A histogram a recipe of mean forecast minus actual, over all windows, items and steps."""
        return figures.figure_errors(self)

    def plot_calibration(self) -> Figure:
        """Level against the share of actuals at or below its quantile, a line a recipe; closed steps are left out."""
        return figures.figure_calibration(self)

    def plot_steps(self) -> Figure:
        """wQL by step ahead, a line a recipe."""
        return figures.figure_steps(self)

    def _repr_html_(self) -> str:
        return summary(self)

    def save(self, folder: str | Path, *, overwrite: bool = False, spreadsheet: bool = False) -> None:
        """Write leaderboard.csv, metrics.csv, forecasts.parquet, report.html and run.json: all of them or none.

        groups.csv is beside them where levels of a hierarchy were scored. To `overwrite` replaces a result of foretell that is there. In CSV for a `spreadsheet`, texts that it would compute (=, +,
        -, @ or a tab first) get an apostrophe in front. Raises ForetellError when `folder` holds a result and that is not asked
        to be overwritten, and always when it holds anything else.
        """
        with new_result(folder, "report", overwrite=overwrite) as place:
            write_frame(self.leaderboard, place / "leaderboard.csv", spreadsheet=spreadsheet)
            with frame_writer(place / "metrics.csv", spreadsheet=spreadsheet) as metrics:
                for frame in self.metric_frames():
                    metrics.write(frame)
            if len(self.groups):
                write_frame(self.groups, place / "groups.csv", spreadsheet=spreadsheet)
            self._write_forecasts(place / "forecasts.parquet")
            (place / "report.html").write_text(render(self), encoding="utf-8")
            (place / "run.json").write_bytes(_json(self.to_json()))
        logger.info("report written to %s", folder)

    def to_json(self) -> dict[str, Any]:
        """What run.json holds: settings, versions, machine, findings, scores a window, and times."""
        return {
            "settings": dict(self.settings),
            "versions": versions(),
            "machine": machine(),
            "data": self.data_tables,
            "findings": [finding.to_json() for finding in self.findings],
            "leaderboard": self.leaderboard.to_dict("records"),
            "new_items": self.new_items.to_dict("records"),
            "groups": self.groups.to_dict("records"),
            "calibration": self.calibration.to_dict("records"),
            "summaries": [
                {"recipe": recipe, "window": window.number, "origin": window.day, "tables": summary}
                for recipe, window, summary in self.summaries
            ],
            "windows": [
                {
                    **o.identity,
                    "origin": o.window.day,
                    "items": len(o.forecast),
                    "new_items": int((~o.window.has_history).sum()),
                    "fit_seconds": o.fit_seconds,
                    "predict_seconds": o.predict_seconds,
                    "fallbacks": int(o.forecast.fallbacks.sum()),
                    "scores": o.scores.pooled,
                }
                for o in self._in_order
            ],
        }

    def _write_forecasts(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        frames = self.forecast_frames()
        first = pa.Table.from_pandas(next(frames), preserve_index=False)
        with pq.ParquetWriter(path, first.schema, compression="zstd") as writer:
            writer.write_table(first)
            for frame in frames:
                writer.write_table(pa.Table.from_pandas(frame, schema=first.schema, preserve_index=False))
