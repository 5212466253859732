"""The jobs that export: forecasts, back-tests, what-if forecasts, explanations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from foretell.service.amazon.context import FORECAST_FILE
from foretell.service.amazon.exports import asked_columns, forecast_frame, write_parts
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.training import BACKTEST


def run_forecast_export(place: Workplace) -> None:
    """One file, or more for a large forecast."""
    asked = place.parameters
    names = write_parts(
        place.storage,
        asked["url"],
        asked["name"],
        _forecast(place, asked["forecast"]),
        format=asked["format"],
    )
    place.finish(files=names)


def _forecast(place: Workplace, folder: str) -> Iterator[pd.DataFrame]:
    said = place.result(folder)
    file = pq.ParquetFile(place.of(folder) / FORECAST_FILE)
    for group in range(file.num_row_groups):
        yield forecast_frame(
            file.read_row_group(group).to_pandas(),
            item=said["item"],
            dimensions=said["dimensions"],
            types=said["types"],
            mean_is_median=said["mean_is_median"],
        )


def run_whatif_export(place: Workplace) -> None:
    """The forecasts of an analysis below each other, told apart by their name."""
    asked = place.parameters

    def frames() -> Iterator[pd.DataFrame]:
        for name, folder in asked["forecasts"].items():
            for frame in _forecast(place, folder):
                yield frame.assign(what_if_forecast_name=name)

    place.finish(
        files=write_parts(place.storage, asked["url"], asked["name"], frames(), format=asked["format"])
    )


def run_backtest_export(place: Workplace) -> None:
    """Forecasts beside what came in one folder, scores in another."""
    asked, said = place.parameters, place.result(place.parameters["predictor"])
    folder = place.of(asked["predictor"]) / BACKTEST
    values = _backtest_values(pd.read_parquet(folder / "forecasts.parquet"), said, asked["types"])
    scores = _backtest_scores(
        pd.read_csv(folder / "metrics.csv", dtype={"item_id": str}), said, asked["types"]
    )
    written = []
    for below, frame in (("forecasted-values/", values), ("accuracy-metrics-values/", scores)):
        written += write_parts(
            place.storage, asked["url"], asked["name"], [frame], format=asked["format"], folder=below
        )
    place.finish(files=written)


def _spans(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Begin and end of each window, the earliest first."""
    spans = said["spans"][said["algorithm"]]
    return [tuple(_time(each[n]) for n in ("TestWindowStart", "TestWindowEnd")) for each in spans]  # type: ignore[misc]


def _time(seconds: float) -> str:
    return pd.Timestamp(seconds, unit="s").strftime("%Y-%m-%dT%H:%M:%S")


def _backtest_values(frame: pd.DataFrame, said: Mapping[str, Any], types: list[str]) -> pd.DataFrame:
    rows = frame[frame["recipe"] == said["algorithm"]]
    spans = _spans(said)
    found: dict[str, Any] = {said["item"]: rows["item_id"]}
    found |= {name: rows[name] for name in said["dimensions"]}
    found["timestamp"] = pd.to_datetime(rows["timestamp"]).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    found["target_value"] = rows["actual"]
    found["backtestwindow_start_time"] = [spans[number - 1][0] for number in rows["window"]]
    found["backtestwindow_end_time"] = [spans[number - 1][1] for number in rows["window"]]
    columns = asked_columns(types, mean_is_median=said["mean_is_median"])
    return pd.DataFrame(found | {name: rows[column] for name, column in columns.items()})


def _backtest_scores(frame: pd.DataFrame, said: Mapping[str, Any], types: list[str]) -> pd.DataFrame:
    rows = frame[frame["recipe"] == said["algorithm"]]
    spans = _spans(said)
    key = ["item_id", *said["dimensions"]]
    levels = [f"wQL[{float(each):g}]" for each in types if each != "mean"]
    scores = [*levels, *(name for name in ("RMSE", "WAPE", "MAPE", "MASE") if name in rows)]
    one = rows[[*key, "window", *scores]].copy()
    mean = one.groupby(key, sort=False, as_index=False)[scores].mean()
    one["backtest_window"], mean["backtest_window"] = "Computed", "Summary"
    one["backtestwindow_start_time"] = [spans[number - 1][0] for number in one["window"]]
    one["backtestwindow_end_time"] = [spans[number - 1][1] for number in one["window"]]
    mean["backtestwindow_start_time"], mean["backtestwindow_end_time"] = spans[0][0], spans[-1][1]
    both = pd.concat([one.drop(columns="window"), mean])
    both["AverageWeightedQuantileLoss"] = both[levels].mean(axis=1)
    order = [*key, "backtest_window", "backtestwindow_start_time", "backtestwindow_end_time"]
    shown: pd.DataFrame = both[[*order, *levels, "AverageWeightedQuantileLoss", *scores[len(levels) :]]]
    return shown.rename(columns={"item_id": said["item"]})
