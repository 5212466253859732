"""Which folders and files are results of foretell, and whether a new result may take their place: one answer for all that save."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from foretell.errors import ForetellError
from foretell.system.atomic_files import ensure_writable, new_folder
from foretell.system.delta import DELTA, is_delta, open_delta
from foretell.system.excel import read_sheet
from foretell.system.folder_lock import claimed
from foretell.system.frame_writers import Destination
from foretell.system.regular_files import open_regular, read_regular
from foretell.system.sql_table import SqlTable
from foretell.system.sqlite_files import InUse, connect_sqlite, tables_of
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.temporary_names import is_temporary
from foretell.system.typed import typed

Kind = Literal["model", "panel", "report", "study", "monitor", "forecast"]

# what an interrupted training or backtest leaves in the folder of its result: it is nobody's result yet
TRAINING: Final = "training"
UNDER_WAY: Final = (TRAINING, "unfinished")
_FILES: Final[Mapping[str, tuple[str, ...]]] = {  # of each kind, as patterns
    "model": ("manifest.json", "weights.safetensors"),
    "panel": ("manifest.json", "keys.arrow", "*.npy"),
    "report": (
        *("leaderboard.csv", "metrics.csv", "groups.csv", "forecasts.parquet"),
        *("report.html", "run.json"),
    ),
    "monitor": (
        *("runs.csv", "groups.csv", "steps.csv", "blocks.csv", "inputs.csv"),
        *("monitor.html", "monitor.json"),
    ),
    "study": ("best.toml", "trials.csv", "study.db"),
}
_BEST: Final = "best"  # the model that Ctrl-C leaves
_CHECKPOINTS: Final = ("checkpoint", "checkpoints", _BEST, "lightning_logs")  # what TRAINING holds
_BEGINNING: Final = 4096  # bytes of a page or picture that say whose it is
_LONGEST_LINE: Final = 1 << 20  # bytes of a table's first line
_SHOWN: Final = 80  # characters of what a folder says of itself


@dataclass(frozen=True, slots=True)
class Result:
    """A result of foretell that stands somewhere."""

    kind: Kind
    place: Path
    said: str  # what it is, for people
    names: tuple[str, ...] = ()  # of the searches in a study

    @property
    def replaced(self) -> str:
        """The line that says, once it is so, that it was replaced."""
        return f"{self.place} held {self.said}; it was replaced"


def may_replace(folder: str | Path, kind: Kind, *, overwrite: bool = False) -> Result | None:
    """The result at `folder` whose place a new one of `kind` takes; None where there is none.

    Raises ForetellError for a file, for a folder of other things (whatever is asked), for a result of foretell unless it is to
    be overwritten, and where nothing can be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise ForetellError(f"{folder} is a file, expected a folder for the {kind}. Choose another name.")
    found = result_in(folder)
    others = _others(folder)
    if found is None and others:
        raise ForetellError(
            f"{folder} holds other things than a {kind}, such as {others[0]!r}{_damage(folder)}. Give a new folder, an"
            " empty one, or one with a result of foretell to replace."
        )
    allowed = _allowed(found, overwrite=overwrite)
    ensure_writable(folder)
    return allowed


def may_begin_anew(training: Path, *, overwrite: bool) -> None:
    """Raises ForetellError where an interrupted training has left something in its folder, unless that is to be overwritten."""
    left = [
        said
        for name, said in (("checkpoint", "a checkpoint"), (_BEST, "its best model"))
        if (training / name).exists()
    ]
    if left and not overwrite:
        raise ForetellError(
            f"{training} holds {' and '.join(left)} of a training that was interrupted, and a new one would replace it. Go on"
            " from there with resume=True, begin anew with overwrite=True, or name another place."
        )


def may_replace_file(path: str | Path, *, overwrite: bool = False) -> Result | None:
    """As `may_replace`, of the file that a table of forecasts, or of what explains them, goes to: another such table alone is replaced."""
    path = Path(path)
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return None
    columns = () if path.is_symlink() else _columns(path)
    if {"driver", "contribution"} <= set(columns):
        return _allowed(Result("forecast", path, "a table of contributions"), overwrite=overwrite)
    if "mean" not in columns and not any(name[:1] == "p" and name[1:2].isdigit() for name in columns):
        raise ForetellError(
            f"{path} is no table of forecasts, so it is not replaced by one. Name another file."
        )
    return _allowed(Result("forecast", path, "a table of forecasts"), overwrite=overwrite)


@contextmanager
def free_for_forecasts(place: Destination, *, overwrite: bool = False) -> Iterator[None]:
    """While it lasts, `place` is this process's to write a table of forecasts to; raises ForetellError as `may_replace_file`."""
    if isinstance(place, SqlTable):  # the database sees to that
        yield
        return
    with claimed(place):
        may_replace_file(place, overwrite=overwrite)
        yield


def may_replace_page(path: str | Path, *, overwrite: bool = False) -> Result | None:
    """As `may_replace_file`, of the file that a page or a picture goes to: another one of foretell alone is replaced."""
    path = Path(path)
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return None
    begin = b""
    if path.is_file() and not path.is_symlink():
        with open_regular(path) as file:
            begin = file.read(_BEGINNING)
    if b"foretell" not in begin:
        raise ForetellError(
            f"{path} is no page or picture of foretell, so it is not replaced by one. Name another file."
        )
    return _allowed(Result("forecast", path, "a page or picture of foretell"), overwrite=overwrite)


def _allowed(found: Result | None, *, overwrite: bool) -> Result | None:
    if found is not None and not overwrite:
        raise ForetellError(
            f"{found.place} already holds {found.said}. Name another place, or have it replaced: overwrite=True."
        )
    return found


@contextmanager
def new_result(folder: str | Path, kind: Kind, *, overwrite: bool = False) -> Iterator[Path]:
    """A temporary folder to fill, which becomes the result at `folder` in one step; the one that stood there is gone then.

    Raises ForetellError as `may_replace`, and where somebody else is writing the folder or it cannot be written.
    """
    folder = Path(folder)
    with claimed(folder):
        old = may_replace(folder, kind, overwrite=overwrite)
        with new_folder(folder, drop=() if old is None else _FILES[old.kind]) as partial:
            yield partial


def drop_files(old: Result) -> None:
    """Remove the files of a result whose place another kind has taken."""
    for pattern in _FILES[old.kind]:
        for file in old.place.glob(pattern):
            file.unlink()


def result_in(folder: Path) -> Result | None:
    """The result that `folder` holds, by what it says of itself; None where it holds none that can be read."""
    if not folder.is_dir():
        return None
    for read in (_by_manifest, _by_run, _by_monitor, _by_study):
        found = read(folder)
        if found is not None:
            return found
    return None


def _others(folder: Path) -> list[str]:
    """What stands in a folder but for what is under way."""
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir())
    return [name for name in names if not is_temporary(name) and not _is_under_way(folder / name)]


def under_way(folder: Path) -> bool:
    """Whether an interrupted training has left its checkpoints in the folder of a model."""
    return (folder / TRAINING).is_dir() and _is_under_way(folder / TRAINING)


def _is_under_way(path: Path) -> bool:
    """Whether it is what an interrupted training or backtest leaves, and not a folder of somebody else's of that name."""
    if path.name != TRAINING:
        return path.name in UNDER_WAY
    return path.is_dir() and all(
        entry.name in _CHECKPOINTS or is_temporary(entry.name) for entry in path.iterdir()
    )


def _by_manifest(folder: Path) -> Result | None:
    said = _json(folder / "manifest.json")
    if type(said.get("format")) is not int:
        return None
    try:
        if said.get("kind") == "panel":
            items = typed(int, said.get("items"))
            return Result("panel", folder, f"a panel of {items:,} items{_when(said)}")
        return Result("model", folder, f"a model of {_short(typed(str, said.get('recipe')))}{_when(said)}")
    except ForetellError:
        return None


def _by_run(folder: Path) -> Result | None:
    said = _json(folder / "run.json")
    if not all(isinstance(said.get(name), dict) for name in ("settings", "versions")):
        return None
    if not isinstance(said.get("leaderboard"), list):
        return None
    rows = [row for row in said["leaderboard"] if isinstance(row, dict)]
    recipes = dict.fromkeys(_short(str(row.get("recipe"))) for row in rows)
    return Result("report", folder, f"a report of {', '.join(recipes) or 'nothing'}")


def _by_monitor(folder: Path) -> Result | None:
    said = _json(folder / "monitor.json")
    if said.get("kind") != "monitor" or not isinstance(said.get("verdict"), str):
        return None
    return Result("monitor", folder, f"a monitor that says {_short(said['verdict'])!r}")


def _by_study(folder: Path) -> Result | None:
    """Raises InUse where another process holds the study."""
    path = folder / "study.db"
    if not path.is_file() or path.is_symlink():
        return None
    try:
        tables = tables_of(path)
        if not tables:  # as it is for a moment before the first trial, and then for ever where it ended there
            return Result("study", folder, "a search without a trial")
        with closing(connect_sqlite(path)) as database:
            names = [str(name) for (name,) in database.execute("SELECT study_name FROM studies")]
    except InUse:
        raise
    except (sqlite3.Error, ForetellError):
        return None
    return Result("study", folder, "the result of another search", tuple(names))


def _damage(folder: Path) -> str:
    """What makes a study of `folder` none, to be said beside it."""
    path = folder / "study.db"
    try:
        if path.is_file():
            tables_of(path)
    except ForetellError as error:
        return f" ({str(error).rstrip('.')})"
    return ""


def _json(path: Path) -> dict[str, Any]:
    """The object in a file of JSON; an empty one where there is none that can be read."""
    try:
        said = parse_json(read_regular(path, most=MOST_BYTES), special=True)
    except (OSError, ForetellError):
        return {}
    return said if isinstance(said, dict) else {}


def _when(said: Mapping[str, Any]) -> str:
    written = said.get("written")
    return f", written {_short(written)}" if isinstance(written, str) else ""


def _short(text: str) -> str:
    return "".join(mark for mark in text[:_SHOWN] if mark.isprintable())


def _columns(path: Path) -> tuple[str, ...]:
    """The columns of a table; none where it cannot be read."""
    if path.is_dir():
        return _delta_columns(path)
    if path.suffix.lower() == ".xlsx":
        return _excel_columns(path)
    if path.suffix.lower() == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return tuple(pq.read_schema(path).names)
        except (OSError, pa.ArrowException):
            return ()
    try:
        with open_regular(path) as file:
            line = file.readline(_LONGEST_LINE).decode(errors="replace")
    except (OSError, ForetellError):
        return ()
    return tuple(name.strip().strip('"') for name in line.split(","))


def _excel_columns(path: Path) -> tuple[str, ...]:
    try:
        return tuple(read_sheet(str(path), None, rows=0).columns)
    except ForetellError:
        return ()


def _delta_columns(folder: Path) -> tuple[str, ...]:
    """The columns of a table of Delta Lake; none where the folder holds something else."""
    if folder.suffix.lower() != DELTA or not is_delta(folder):
        return ()
    try:
        return tuple(open_delta(folder).schema.names)
    except ForetellError:
        return ()
