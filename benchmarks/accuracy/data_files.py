"""Where the data come from: the folder FORETELL_DATA, or a package that carries them."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from foretell.errors import ForetellError


class NoData(ForetellError):
    """A task's data are not on this machine: nothing that a recipe could be blamed for."""


def data_folder() -> Path:
    """FORETELL_DATA, else ../shared/data beside the repository; it need not be there."""
    return Path(os.environ.get("FORETELL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def find(folder: Path, path: str) -> Path:
    """The file `path` below `folder`; raises NoData where there is none."""
    if not (folder / path).is_file():
        raise NoData(f"{path} is not in {folder}: set FORETELL_DATA to the folder that has it")
    return folder / path


def read(folder: Path, path: str) -> pd.DataFrame:
    """A Parquet file below `folder`, its item ids as text; raises NoData where there is none."""
    frame = pd.read_parquet(find(folder, path))
    return frame.assign(item_id=frame["item_id"].astype(str)) if "item_id" in frame else frame
