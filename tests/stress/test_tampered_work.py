"""Whatever an unfinished work or a forecast table holds: a ForetellError or its end, never another exception or a minute.

Checkpoints, studies, windows of a backtest and tables of forecasts are read back by whoever goes on from them.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest

import foretell
from foretell.errors import Interrupted
from stress.scale import seeds, stress
from stress.test_tampered_folders import VALUES, ended_wrongly, listing, tampered_bytes, tampered_json

pytestmark = [stress, pytest.mark.slow]
COUNTS: Final = {"training": 200, "study": 300, "unfinished": 400, "csv": 300, "parquet": 300}
TINY: Final[dict[str, Any]] = {
    "hidden_size": 4,
    "num_layers": 1,
    "max_steps": 30,
    "batch_size": 4,
    "context_length": 8,
}
RECIPES: Final = {"theta": "theta", "naive": "seasonal_naive"}
ACT: Final = """
def act(folder, sales):
    data = foretell.Dataset(sales, freq="D")
    name, kind = folder, folder.split("/")[-2]
    if kind == "training":
        foretell.train(data, recipe="mqrnn", settings=SETTINGS, horizon=3, device="cpu", out=name, resume=True)
    elif kind == "study":
        foretell.tune(data, recipe="ets", horizon=3, trials=2, processes=1, out=name)
    elif kind == "unfinished":
        foretell.backtest(data, recipes=RECIPES, horizon=3, windows=2, processes=1, out=name, resume=True)
    else:
        foretell.evaluate(f"{name}/forecast.{kind}", data)
"""


class Stopping:
    """A listener that cancels once so much of a stage is done."""

    def __init__(self, stage: str, after: int) -> None:
        self.token, self._stage, self._after = foretell.CancelToken(), stage, after

    def __call__(self, event: foretell.Event) -> None:
        if event.stage == self._stage and event.done >= self._after:
            self.token.cancel()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sales, and of each kind what somebody could go on from."""
    root = tmp_path_factory.mktemp("work")
    days = pd.date_range("2024-01-01", periods=40)
    table = pd.concat(
        [pd.DataFrame({"item_id": item, "timestamp": days, "target": range(40)}) for item in "abc"]
    )
    table.to_parquet(root / "sales.parquet")
    data = foretell.Dataset(table, freq="D")
    stop = Stopping("train", 20)
    with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
        foretell.train(
            data, recipe="mqrnn", settings=TINY, horizon=3, device="cpu", out=root / "training", resume=False
        )
    foretell.tune(data, recipe="ets", horizon=3, trials=2, processes=1, out=root / "study")
    stop = Stopping("backtest", 3)
    with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
        foretell.backtest(data, recipes=RECIPES, horizon=3, windows=2, processes=1, out=root / "unfinished")
    before = foretell.Dataset(table[table["timestamp"] < "2024-02-06"], freq="D")
    forecast = foretell.train(before, recipe="seasonal_naive", horizon=3).predict()
    for kind in ("csv", "parquet"):
        (root / kind).mkdir()
        forecast.save(root / kind / f"forecast.{kind}")
    return root


def tampered_study(path: Path, rng: random.Random) -> None:
    """One to three cells of the database with another value, or a table without its rows."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for _ in range(rng.randint(1, 3)):
            table = rng.choice(tables)
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
            value = rng.choice([each for each in VALUES if not isinstance(each, (list, dict))])
            statement = f"DELETE FROM {table}"
            if rng.random() < 0.9:
                statement = f"UPDATE {table} SET {rng.choice(columns)} = ?"
            try:
                database.execute(statement, (value,) if "?" in statement else ())
            except sqlite3.Error:
                continue  # what the table itself refuses
        database.commit()


def tampered(source: Path, target: Path, seed: int) -> None:
    rng = random.Random(seed)
    shutil.copytree(source, target)
    files = sorted(path for path in target.rglob("*") if path.is_file() and path.stat().st_size)
    path = rng.choice(files)
    if path.suffix == ".db" and rng.random() < 0.7:
        tampered_study(path, rng)
    elif path.suffix == ".json" and rng.random() < 0.8:
        path.write_bytes(tampered_json(path.read_bytes(), rng))
    else:
        path.write_bytes(tampered_bytes(path.read_bytes(), rng))


@pytest.mark.parametrize("kind", COUNTS)
def test_what_is_gone_on_from_is_refused_or_ends(kind: str, place: Path, tmp_path: Path) -> None:
    made = []
    for seed in seeds(COUNTS[kind], f"work {kind}"):
        made.append(tmp_path / "folders" / kind / str(seed))
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        tampered(place / kind, made[-1], seed)
    (tmp_path / "cwd").mkdir()
    before = {name for name in listing(tmp_path) if "/folders/" not in name}
    act = ACT.replace("SETTINGS", repr(TINY)).replace("RECIPES", repr(RECIPES))
    wrong = ended_wrongly(place / "sales.parquet", made, tmp_path / "cwd", act=act)
    assert not wrong, f"{len(wrong)} of {len(made)}:\n" + "\n".join(wrong)
    assert {name for name in listing(tmp_path) if "/folders/" not in name} == before, "a file was written"
    print(f"{len(made)} tampered {kind}: all refused with a message, or ended")
