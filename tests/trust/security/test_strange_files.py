"""Links, pipes, sockets, devices and folders in place of each file of a folder: one message, and nothing waits or follows them."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest

import foretell
from foretell.errors import Interrupted
from foretell.models.hyperparameter_search import has_optuna
from stress.test_tampered_folders import OPEN, ended_wrongly
from stress.test_tampered_work import ACT, RECIPES, TINY, Stopping

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
STRANGE: Final[dict[str, Callable[[Path, Path], Any]]] = {
    "link": lambda path, copy: path.symlink_to(copy),
    "broken link": lambda path, copy: path.symlink_to(copy.with_name("nowhere")),
    "link to a device": lambda path, copy: path.symlink_to("/dev/zero"),
    "pipe": lambda path, copy: os.mkfifo(path),
    "folder": lambda path, copy: path.mkdir(),
    "socket": lambda path, copy: socket_at(path),
    "device": lambda path, copy: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),  # /dev/zero
}

# a model and a panel are read whole: what is no file there ends the reading, however good what a link leads to
READS_ALL: Final = (
    OPEN.replace("def act", "def opened")
    + """
def act(folder, sales):
    opened(folder, sales)
    raise AssertionError("it was opened")
"""
)


def socket_at(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # its address has a hundred characters at most
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sales, a panel, models, and works that somebody may go on with."""
    root = tmp_path_factory.mktemp("strange")
    days = pd.date_range("2024-01-01", periods=40)
    values = np.arange(40.0) % 7 + 1
    table = pd.concat([pd.DataFrame({"item_id": i, "timestamp": days, "target": values}) for i in "abc"])
    table.to_parquet(root / "sales.parquet")
    data = foretell.Dataset(table, freq="D")
    data.save(root / "panel")
    for name in ("seasonal_naive", "mqrnn"):
        settings = TINY if name == "mqrnn" else {}
        foretell.train(data, recipe=name, settings=settings, horizon=3, device="cpu").save(root / name)
    stop = Stopping("train", 20)
    asked: Any = {"recipe": "mqrnn", "settings": TINY, "horizon": 3, "device": "cpu"}
    with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
        foretell.train(data, out=root / "training", **asked)
    stop = Stopping("backtest", 3)
    with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
        foretell.backtest(data, recipes=RECIPES, horizon=3, windows=2, processes=1, out=root / "unfinished")
    if has_optuna():
        stop = Stopping("tune", 1)
        with pytest.raises(Interrupted), foretell.listening(stop, cancel=stop.token):
            foretell.tune(data, recipe="ets", horizon=3, trials=2, processes=1, out=root / "study")
    return root


def made_strange(source: Path, work: Path) -> list[Path]:
    """Copies of a folder, in each of which one file is something else."""
    made = []
    for file in sorted(path for path in source.rglob("*") if path.is_file() and path.stat().st_size):
        for what, make in STRANGE.items():
            folder = work / source.name / f"{str(file.relative_to(source)).replace(os.sep, '-')} {what}"
            shutil.copytree(source, folder)
            path = folder / file.relative_to(source)
            path.unlink()
            with suppress(PermissionError):  # only root makes devices
                make(path, file)
                made.append(folder)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["panel", "seasonal_naive", "mqrnn", "training", "unfinished", "study"])
def test_a_file_that_is_none_is_refused_and_not_waited_for(kind: str, place: Path, tmp_path: Path) -> None:
    if kind == "study" and not has_optuna():
        pytest.skip("foretell[tune] is not installed")
    folders = made_strange(place / kind, tmp_path)
    act = ACT.replace("SETTINGS", repr(TINY)).replace("RECIPES", repr(RECIPES))
    act = act if kind in ("training", "unfinished", "study") else READS_ALL
    assert len(folders) >= 6
    wrong = ended_wrongly(place / "sales.parquet", folders, tmp_path, act=act)
    assert not wrong, "\n".join(wrong)
