"""Real tables, where they are at hand (FORETELL_DATA): the grid is what pandas makes of them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from foretell.data.columns import names_of
from foretell.ingest.dataset import Dataset

HOME = Path(os.environ.get("FORETELL_DATA") or Path(__file__).parents[3] / "../shared/data")
pytestmark = pytest.mark.skipif(not (HOME / "rossmann").is_dir(), reason="the real data are not here")
KNOWN = ["Open", "Promo", "StateHoliday", "SchoolHoliday"]


@pytest.fixture(scope="module")
def rossmann():
    folder = HOME / "rossmann"
    sources = [folder / f"{name}.parquet" for name in ("target_daily", "known_daily", "metadata")]
    return [pd.read_parquet(path) for path in sources]


def wide(table, column, days):
    return table.pivot(index="item_id", columns="timestamp", values=column).sort_index().reindex(columns=days)


@pytest.mark.slow
def test_rossmann_stands_on_the_grid_as_in_its_tables(rossmann):
    target, related, items = rossmann
    target, related = (t.astype({"item_id": str}) for t in (target, related))
    panel = Dataset(target, related, items, freq="D", known=KNOWN, open="Open").panel
    days = pd.date_range(target["timestamp"].min(), target["timestamp"].max())
    np.testing.assert_array_equal(
        panel.target.reshape(1115, -1), wide(target, "target", days).to_numpy(np.float32)
    )
    promo = panel.known[:, names_of(panel.schema.known).index("Promo")].reshape(1115, -1)
    np.testing.assert_array_equal(promo, wide(related, "Promo", days).to_numpy(np.float32))
    holiday = panel.known[:, names_of(panel.schema.known).index("StateHoliday=a")].reshape(1115, -1)
    np.testing.assert_array_equal(holiday, wide(related, "StateHoliday", days) == "a")
    distance = items.astype({"item_id": str}).set_index("item_id")["CompetitionDistance"].sort_index()
    real = panel.static_real[:, names_of(panel.schema.static_real).index("CompetitionDistance")]
    np.testing.assert_array_equal(real, distance.to_numpy(np.float32))


@pytest.mark.slow
def test_stores_taken_out_of_the_target_join_without_history(rossmann):
    target, related, items = rossmann
    taken = sorted(items["item_id"].astype(str))[::10]
    rest = target[~target["item_id"].isin(taken)]
    data = Dataset(rest, related, items, freq="D", known=KNOWN, open="Open")
    cold = data.panel.lengths == 0
    assert data.panel.keys["item_id"][cold].tolist() == taken
    assert (data.panel.static_cat[cold, 0] > 0).all()
