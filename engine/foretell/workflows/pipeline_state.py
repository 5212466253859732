"""What a pipeline keeps between runs, in a folder: the number, the model, the last accepted back-test, forecasts to be judged.

FOLDER/state.json                 which of the folders below count; written last, so that a crash leaves the run before
FOLDER/models/NUMBER/             models
FOLDER/backtests/NUMBER/          back-tests that a gate accepted
FOLDER/forecasts/NUMBER.parquet   what was published
"""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import orjson

from foretell.errors import ForetellError
from foretell.system.atomic_files import write_bytes
from foretell.system.regular_files import read_regular
from foretell.system.strict_json import MOST_BYTES, parse_json
from foretell.system.typed import Within, typed

Whole = Annotated[int, Within(0, 1 << 62)]

FORECASTS_KEPT: Final = 26  # runs that the monitor judges


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """`state.json`. None: there was none yet."""

    format: Annotated[int, Within(1, 1)] = 1
    run: Whole = 0  # runs begun
    published: Whole = 0  # the last run whose forecast went out
    model: Whole | None = None  # the run that trained it
    since: Whole = 0  # forecasts that this model published
    backtest: Whole | None = None  # the run that made the last accepted one
    wql: float | None = None  # of it
    end: int | None = None  # the first ordinal after the last accepted data
    rows: Whole | None = None  # observed there
    rate: float | None = None  # observed a step, of late
    window: Whole | None = None  # steps that `rate` is of
    retrain: str = ""  # why the next run trains
    said: str = ""  # what came of the last run


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one pipeline."""

    folder: Path

    def read(self) -> Kept:
        """What was kept; raises ForetellError for a file that is damaged."""
        path = self.folder / "state.json"
        if not path.exists():
            return Kept()
        try:
            return typed(Kept, parse_json(read_regular(path, most=MOST_BYTES)))
        except ForetellError as error:
            raise ForetellError(
                f"{path} is damaged: {error}. Remove it to begin anew: the next run then trains."
            ) from error

    def write(self, kept: Kept) -> None:
        """Whole or not at all."""
        write_bytes(
            self.folder / "state.json", orjson.dumps(asdict(kept), option=orjson.OPT_INDENT_2) + b"\n"
        )

    def update(self, **values: Any) -> Kept:
        """Write with `values` in place of what was there."""
        kept = replace(self.read(), **values)
        self.write(kept)
        return kept

    def model(self, number: int) -> Path:
        """The folder of the model that a run trained."""
        return self.folder / "models" / str(number)

    def backtest(self, number: int) -> Path:
        """The folder of the back-test that a run made."""
        return self.folder / "backtests" / str(number)

    def forecast(self, number: int) -> Path:
        """The file of what a run published."""
        return self.folder / "forecasts" / f"{number}.parquet"

    def clean(self) -> None:
        """Remove what no run needs any more."""
        kept = self.read()
        for kind, number in (("models", kept.model), ("backtests", kept.backtest)):
            for old in (self.folder / kind).glob("[0-9]*"):
                if old.name != str(number):
                    shutil.rmtree(old)
        files = sorted((self.folder / "forecasts").glob("[0-9]*.parquet"), key=lambda path: int(path.stem))
        for file in files[:-FORECASTS_KEPT]:
            file.unlink()
