"""AutoGluon-TimeSeries in an environment of its own: trained once, then a forecast of each window. Imports nothing of foretell.

`python autogluon_side.py FOLDER` reads what `beside.py` wrote there and writes window-K.parquet beside it. Weights cannot be downloaded:
pretrained members are left out.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

PRETRAINED = ["Chronos", "Chronos2", "Toto", "Toto2"]


def main(folder: Path) -> None:
    """Fit on the first window's history within the time limit, and forecast every window."""
    about: dict[str, Any] = json.loads((folder / "about.json").read_text())
    statics = pd.read_parquet(folder / "statics.parquet") if about["statics"] else None
    predictor = TimeSeriesPredictor(
        prediction_length=about["horizon"],
        target="target",
        freq=about["freq"],
        quantile_levels=about["levels"],
        known_covariates_names=about["known"] or None,
        eval_metric="WQL",
        eval_metric_seasonal_period=about["season"],
        path=str(folder / "models"),
        verbosity=2,
    )
    began = time.perf_counter()
    predictor.fit(
        history(folder, 1, statics),
        presets=about["preset"],
        time_limit=about["seconds"],
        excluded_model_types=PRETRAINED,
        random_seed=about["seed"],
    )
    seconds = {"fit_seconds": time.perf_counter() - began}
    began = time.perf_counter()
    for window in range(1, about["windows"] + 1):
        plan = None
        if about["known"]:
            plan = TimeSeriesDataFrame.from_data_frame(pd.read_parquet(folder / f"plan-{window}.parquet"))
        made = predictor.predict(
            history(folder, window, statics), known_covariates=plan, random_seed=about["seed"]
        )
        frame = made.to_data_frame() if hasattr(made, "to_data_frame") else pd.DataFrame(made)
        frame.reset_index().rename(columns=str).to_parquet(folder / f"window-{window}.parquet")
    seconds["predict_seconds"] = time.perf_counter() - began
    board = predictor.leaderboard().to_dict("records")
    (folder / "answer.json").write_text(json.dumps(seconds | {"members": board}, default=float))


def history(folder: Path, window: int, statics: pd.DataFrame | None) -> TimeSeriesDataFrame:
    """What a window's forecast may see."""
    frame = pd.read_parquet(folder / f"history-{window}.parquet")
    return TimeSeriesDataFrame.from_data_frame(frame, static_features_df=statics)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
