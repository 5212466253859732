"""The command line in a folder of its own, with tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from foretell.cli.app import app

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `foretell ...` in a folder with three small tables."""
    monkeypatch.chdir(tmp_path)
    days = pd.date_range("2024-01-01", periods=40)
    sales = pd.concat(
        [pd.DataFrame({"item_id": i, "timestamp": days, "target": np.arange(40) % 7}) for i in "ab"]
    )
    ahead = pd.DataFrame({"timestamp": pd.date_range("2024-01-01", periods=50), "promo": np.arange(50) % 2})
    sales.to_csv("sales.csv", index=False)
    ahead.to_csv("ahead.csv", index=False)
    pd.DataFrame({"item_id": ["a", "b"], "family": ["bag", "mug"]}).to_csv("items.csv", index=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])
