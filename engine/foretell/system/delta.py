"""Tables of Delta Lake, through deltalake: a folder whose log says which of its files count."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from foretell.errors import ForetellError

DELTA: Final = ".delta"  # the ending of a folder that foretell writes such a table to
_LOG: Final = "_delta_log"
DELTA_FILES: Final = (_LOG, "*.parquet")  # what such a table consists of; others in its folder are the user's


def is_delta(folder: str | Path) -> bool:
    """Whether a folder holds a table of Delta Lake: read file by file, it would hold deleted rows too."""
    return (Path(folder) / _LOG).is_dir()


def deltalake(what: str) -> Any:
    """The package; raises ForetellError, saying `what` is done by it, where it is not installed."""
    try:
        import deltalake
    except ImportError as error:
        raise ForetellError(
            f"tables of Delta Lake are {what} by deltalake, which is not installed: pip install foretell[delta]"
        ) from error
    return deltalake


def open_delta(folder: str | Path) -> Any:
    """The newest version of a table as an Arrow dataset; raises ForetellError for one that cannot be read."""
    package = deltalake("read")
    try:
        return package.DeltaTable(str(folder)).to_pyarrow_dataset()
    except Exception as error:  # deltalake's errors have no class in common
        raise ForetellError(f"{folder} is no table of Delta Lake that can be read: {error}") from error
