"""Presets: how much effort a forecast is worth, in one word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import foretell
from foretell.cli.app import app
from foretell.errors import ForetellError
from foretell.recipe.hyperparameters import settings_of


def daily_shops() -> foretell.Dataset:
    """Six shops and 224 days."""
    values = np.random.default_rng(0).poisson(20, (6, 224))
    days = pd.date_range("2024-01-01", periods=224)
    frames = [
        pd.DataFrame({"item_id": f"i{k}", "timestamp": days, "target": row}) for k, row in enumerate(values)
    ]
    return foretell.Dataset(pd.concat(frames), freq="D")


def test_a_preset_is_a_recipe() -> None:
    limits = [settings_of(foretell.preset(name))["time_limit"] for name in ("fast", "balanced", "best")]
    assert limits == ["1m", "10m", "1h"]
    with pytest.raises(ForetellError, match=r"no preset 'bset'. Did you mean 'best'\? There are: fast"):
        foretell.preset("bset")


def test_a_preset_beside_a_recipe_is_refused() -> None:
    with pytest.raises(ForetellError, match="preset= chooses the recipe and its settings"):
        foretell.train(daily_shops(), preset="fast", recipe="ets", horizon=7)


def test_the_fast_preset_trains_and_weighs_its_members() -> None:
    model = foretell.train(daily_shops(), preset="fast", horizon=7)
    (rows,) = [rows for title, rows in model.summary().items() if title.startswith("Members")]
    assert {row["member"] for row in rows} == {"seasonal_naive", "npts", "ridge", "level_shape", "theta"}


def test_the_prompt_takes_a_preset_in_place_of_a_recipe_only(tmp_path: Path) -> None:
    sales = tmp_path / "sales.csv"
    sales.write_text("item_id,timestamp,target\na,2024-01-01,1\n")
    asked = ["train", str(sales), "--freq", "D", "--horizon", "7", "--out", str(tmp_path / "model")]
    done = CliRunner().invoke(app, [*asked, "--preset", "fast", "--recipe", "ets"])
    assert isinstance(done.exception, ForetellError) or done.exit_code == 2
    assert "--preset chooses the recipe" in done.output + str(done.exception)
    done = CliRunner().invoke(app, [*asked, "--preset", "fats"])
    assert "no preset 'fats'. Did you mean 'fast'?" in done.output + str(done.exception)
