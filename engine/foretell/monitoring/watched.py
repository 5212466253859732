"""What is watched: a model, or a folder of one, with its saved forecasts and its back-test beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foretell.data.input_shares import InputShares
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.errors import ForetellError
from foretell.models.model import Model, fitted_of
from foretell.models.model_folder import MANIFEST, read_manifest
from foretell.reporting.report import Report

FORECASTS: Final = "forecasts"  # the folder, in that of a model, of its saved forecasts
BACKTEST: Final = "backtest"  # and of its back-test
_WINDOWS: Final = "forecasts.parquet"  # of a report


@dataclass(frozen=True, slots=True)
class Watched:
    """What a model says of itself; all of it is None of forecasts without a model."""

    origin: str = ""  # what it is, in one line
    recipe: str | None = None
    schema: Schema | None = None
    last: str | None = None  # the last step that it was trained on
    inputs: InputShares | None = None
    folder: Path | None = None

    @classmethod
    def of(cls, model: object) -> Watched:
        """A `Model`, the folder of one, or a folder of forecasts alone. Raises ForetellError for anything else."""
        if isinstance(model, Model):
            fitted = fitted_of(model)
            last = None if fitted.data is None else fitted.data.last
            folder = Path(fitted.folder) if fitted.folder else None
            return cls(model.origin, model.recipe.name, model.schema, last, fitted.inputs, folder)
        if not isinstance(model, (str, Path)):
            raise ForetellError(
                f"model must be a foretell.Model, or the folder of one or of forecasts, got {type(model).__name__}"
            )
        folder = Path(model)
        if folder.is_dir() and not (folder / MANIFEST).exists():
            return cls(f"forecasts in {folder}", folder=folder)
        saved = read_manifest(folder)
        try:
            schema = Schema.from_json(saved.schema)
            inputs = None if saved.inputs is None else saved.inputs.check(schema)
        except ForetellError as error:
            raise ForetellError(f"{folder / MANIFEST} is damaged: {error}. Train the model again.") from error
        last = None if saved.data is None else saved.data.last
        said = f"{saved.recipe}, saved {saved.written}" + (f", trained up to {last}" if last else "")
        return cls(said, saved.recipe, schema, last, inputs, folder)

    def forecasts(self, given: object) -> object:
        """The forecasts that are given, else those beside the model; raises ForetellError where there are none."""
        if given is not None:
            return given
        if self.folder is None:
            raise ForetellError("forecasts is missing: a folder, a glob or a list of what predict wrote")
        if self.schema is None:
            return self.folder
        beside = self.folder / FORECASTS
        if not beside.is_dir():
            raise ForetellError(
                f"there is no folder {beside} with saved forecasts: name them with forecasts=, or have predict write there"
            )
        return beside

    def backtest(self, given: object) -> object | None:
        """The table of the back-test that is given, else that beside the model; None where there is none.

        Raises ForetellError for a folder that holds no report.
        """
        if isinstance(given, Report):
            return given.forecasts
        if given is None:
            beside = None if self.folder is None else self.folder / BACKTEST / _WINDOWS
            return beside if beside is not None and beside.is_file() else None
        if not isinstance(given, (str, Path)):
            raise ForetellError(
                f"backtest must be a foretell.Report or the folder of one, got {type(given).__name__}"
            )
        table = Path(given) / _WINDOWS
        if not table.is_file():
            raise ForetellError(
                f"{given} holds no report: {_WINDOWS} is not there. foretell backtest writes one."
            )
        return table

    def is_later(self, panel: Panel) -> Callable[[int], bool]:
        """Whether a run from an ordinal on was made by this model: what it was trained on lies before."""
        if self.last is None:
            return lambda begin: True
        last = panel.frequency.ordinal(self.last)
        return lambda begin: begin > last
