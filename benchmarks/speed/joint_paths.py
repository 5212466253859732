"""Time and memory of joint paths: `python -m benchmarks.speed.joint_paths` (100,000 items, 28 steps, 200 paths)."""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from foretell.data.schema import Schema
from foretell.recipe.dependence import Dependence, SharedPart
from foretell.recipe.forecast import Forecast
from foretell.recipe.paths import PATH_LEVELS, Margins

PRINTED = (0.1, 0.5, 0.9)


def made(items: int, horizon: int) -> Forecast:
    """A forecast with gamma margins of items in 100 stores and 1,000 families, and a dependence that all three share."""
    generator = np.random.default_rng(0)
    rising = np.sort(
        generator.standard_gamma(2, (1_000, horizon, len(PATH_LEVELS)), dtype=np.float32), axis=-1
    )
    quantiles = np.tile(rising, (-(-items // 1_000), 1, 1))[:items]
    number = np.arange(items)
    keys = pd.DataFrame({"item_id": number.astype(str), "store": (number % 100).astype(str)})
    lags = tuple(0.8**lag for lag in range(horizon))
    shared = (SharedPart("", 0.2), SharedPart("store", 0.2))
    return Forecast(
        keys=keys,
        origin=np.zeros(items, np.int64),
        levels=PRINTED,
        quantiles=quantiles[..., [PATH_LEVELS.index(level) for level in PRINTED]],
        mean=quantiles.mean(-1),
        schema=Schema(key=("item_id", "store")),
        fallbacks=np.zeros(items, bool),
        margins=Margins(PATH_LEVELS, quantiles),
        dependence=Dependence(shared=shared, own=lags, common=lags, source="made", windows=1, forecasts=1),
    )


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--horizon", type=int, default=28)
    parser.add_argument("--paths", type=int, default=200)
    asked = parser.parse_args()
    forecast = made(asked.items, asked.horizon)
    for name, run in (
        ("paths", lambda: forecast.paths(asked.paths)),
        ("total by store, 14 steps", lambda: forecast.total(steps=14, by=["store"], paths=asked.paths)),
    ):
        began, cpu = time.perf_counter(), time.process_time()
        result = run()
        seconds, worked = time.perf_counter() - began, time.process_time() - cpu
        del result
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{name}: {seconds:.0f} s ({worked:.0f} s of processor time), peak so far {peak:.1f} GB")


if __name__ == "__main__":
    main()
