"""Time and size of a report: `python -m benchmarks.speed.report` (10,000 items, 28 days, five recipes).

Prints the seconds that rendering takes, the bytes of the page, and how long headless Chromium needs to open it (the best of three, less
what an empty page needs), where there is one.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from foretell.evaluation.outcome import Outcome, Window
from foretell.evaluation.results import Results
from foretell.ingest.dataset import Dataset
from foretell.recipe.forecast import Forecast
from foretell.reporting import forecast_page, html

LEVELS: Final = (0.1, 0.5, 0.9)
RECIPES: Final = {"mqrnn": 0.9, "deepar": 0.95, "ets": 1.0, "arima": 1.1, "seasonal_naive": 1.4}
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
DAYS: Final = 200


def made(items: int, horizon: int) -> Results:
    """A backtest of daily sales of items in 20 families, with a promotion and a price, by recipes that are off by more or less."""
    generator = np.random.default_rng(0)
    names = np.array([f"ITEM-{k:06d}" for k in range(items)])
    days = pd.date_range("2024-01-01", periods=DAYS)
    level = generator.gamma(0.8, 8.0, items)
    week = 1 + 0.4 * np.sin(2 * np.pi * np.arange(DAYS) / 7)
    promo = generator.random((items, DAYS)) < 0.05
    sold = generator.poisson(level[:, None] * week * np.where(promo, 2, 1)).astype(np.float32)
    rows = {"item_id": np.repeat(names, DAYS), "timestamp": np.tile(days, items)}
    sales = pd.DataFrame({**rows, "target": sold.ravel()})
    price = np.repeat(generator.uniform(1, 9, items), DAYS) * np.where(promo.ravel(), 0.8, 1)
    related = pd.DataFrame({**rows, "promo": promo.ravel().astype(np.float32), "price": price})
    metadata = pd.DataFrame({"item_id": names, "family": [f"FAMILY {k % 20}" for k in range(items)]})
    data = Dataset(sales, related=related, items=metadata, freq="D", known=["promo", "price"])
    panel = data.panel.until(horizon)
    window = Window.at(1, panel, data.panel.actuals(horizon, horizon))
    truth = (level[:, None] * week * np.where(promo, 2, 1))[:, -horizon:]
    outcomes = []
    for recipe, width in RECIPES.items():
        mean = truth * generator.lognormal(0, 0.3 * width, (items, horizon))
        quantiles = mean[..., None] * np.array([0.5, 0.95, 1.6])
        outcomes.append(Outcome.of(recipe, window, Forecast.build(panel, LEVELS, quantiles, mean)))
    return Results(tuple(outcomes), {"horizon": horizon, "levels": list(LEVELS)})


def opened(page: Path) -> float | None:
    """Seconds that a browser needs to open a page, the best of three; None where there is no browser."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return None
    took = []
    for _ in range(3):
        began = time.perf_counter()
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        subprocess.run([browser, *flags, page.as_uri()], capture_output=True, check=True, timeout=120)
        took.append(time.perf_counter() - began)
    return min(took)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--horizon", type=int, default=28)
    parser.add_argument("--keep", type=Path, help="a folder that the pages are left in")
    asked = parser.parse_args()
    results = made(asked.items, asked.horizon)
    forecast = replace(results.forecast())
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        empty = folder / "empty.html"
        empty.write_text("<!doctype html><title>foretell</title>")
        nothing = opened(empty)
        for name, render in (
            ("backtest", lambda: html.render(results)),
            ("forecast", lambda: forecast_page.render(forecast)),
        ):
            began, cpu = time.perf_counter(), time.process_time()
            text = render()
            seconds, worked = time.perf_counter() - began, time.process_time() - cpu
            page = folder / f"{name}.html"
            page.write_text(text, encoding="utf-8")
            took = opened(page)
            said = "no browser" if took is None or nothing is None else f"opened in {took - nothing:.2f} s"
            size = page.stat().st_size / 1e6
            print(
                f"{name}: {asked.items:,} items, {seconds:.1f} s ({worked:.1f} s of a core), {size:.2f} MB, {said}"
            )


if __name__ == "__main__":
    main()
