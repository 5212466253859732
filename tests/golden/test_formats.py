"""A model folder of every released format still loads and forecasts what it forecast when it was written, and so a panel's.

`python tests/golden/test_formats.py` writes the folder of the present format; do so once when a format is released.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

HERE = Path(__file__).parent
FOLDERS = sorted(HERE.glob("model-format-?"))
PANELS = sorted(HERE.glob("panel-format-?"))  # 1 and 2 were written by the commits that had them


def data():
    from panels import daily, weekly_sales

    return daily([*weekly_sales(1), []])


def test_the_first_format_is_among_them() -> None:
    assert FOLDERS[0].name == "model-format-1"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_model_of_this_format_forecasts_as_when_it_was_written(folder: Path) -> None:
    import foretell
    from foretell.models.model import fitted_of

    forecast = fitted_of(foretell.load(folder, device="cpu")).forecast(data())
    expected = json.loads((HERE / f"{folder.name}.json").read_text())
    # float32 sums in another order, on another processor
    np.testing.assert_allclose(forecast.quantiles, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_panel_of_this_format_opens_with_the_arrays_and_columns_of_the_present_one(number: int) -> None:
    from foretell.ingest.dataset import Dataset
    from foretell.ingest.panel_folder import FORMAT, fingerprint

    assert [folder.name for folder in PANELS] == [f"panel-format-{n + 1}" for n in range(FORMAT)]
    data, present = Dataset.open(PANELS[number - 1]), Dataset.open(PANELS[-1])
    assert data.verify() == 7616  # bytes of its files
    assert fingerprint(data.panel) == data.fingerprint == present.fingerprint
    assert data.findings == present.findings
    for part in ("key", "known", "past", "static_real", "static_cat", "vocabularies", "frequency", "filling"):
        assert getattr(data.schema, part) == getattr(present.schema, part), part


def write() -> None:
    """Train a very small network and keep it with its forecast."""
    from foretell.models.fitting import fit_model
    from foretell.models.saved_model import FORMAT
    from foretell.recipe.registry import make_recipe
    from foretell.recipe.task import Run, Task

    recipe = make_recipe("mqrnn", {"hidden_size": 4, "context_length": 8, "max_steps": 60})
    model = fit_model(recipe, data(), Task(6), Run(device="cpu"))
    folder = HERE / f"model-format-{FORMAT}"
    model.save(folder)
    quantiles = model.forecast(data()).quantiles.round(4).tolist()
    (HERE / f"{folder.name}.json").write_text(json.dumps(quantiles))


if __name__ == "__main__":
    write()
