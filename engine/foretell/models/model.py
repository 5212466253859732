"""`Model`: what a user holds of a trained recipe. What the engine asks of one stands in `fitted_model`, behind `fitted_of`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from foretell.data.findings import Finding
from foretell.data.schema import Schema
from foretell.models.calibration import Calibration
from foretell.models.fitted_model import FittedModel
from foretell.models.given_data import given_data, read_as_trained
from foretell.recipe.dependence import Dependence
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Recipe, Summary
from foretell.recipe.task import Task
from foretell.system.frame_writers import Destination

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset

Items = Sequence[str | Sequence[object]]


class Model:
    """A trained recipe: it forecasts, and can be saved.

    `foretell.train` makes one, `foretell.load` reads one.

    Example:
        >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
        >>> data = foretell.Dataset(sales, freq="D")
        >>> model = foretell.train(data, recipe="seasonal_naive", horizon=7)
        >>> model
        Model(seasonal_naive, trained on 4 items up to 2011-12-08)
        >>> model.predict(items=["20676"], levels=[0.05, 0.95]).to_frame().shape
        (7, 5)
        >>> model.save("model")
        >>> foretell.load("model").predict(sales).horizon  # read as the training's table was
        7
    """

    __slots__ = ("_fitted",)

    def __init__(self, _fitted: FittedModel) -> None:
        self._fitted = _fitted

    def __repr__(self) -> str:
        return f"Model({self.origin})"

    def _repr_html_(self) -> str:
        from foretell.reporting.notebook import model_html

        return model_html(self._fitted)

    def read(
        self, target: object, *, related: object = None, metadata: object = None, **options: Any
    ) -> Dataset:
        """Tables as a `foretell.Dataset`, read as those of the training: frequency, columns, formats, fillings, time zone.

        What is known of the training is used where an argument is left out, and a usual name where a table lacks the column.

        Args:
            target: the target table: a frame, a path, a query.
            related: the related table, or a list of them.
            metadata: the item metadata.
            options: arguments of `foretell.Dataset` in which these tables differ, such as `decimal="."`.

        Raises:
            ForetellError: for an option that the training has fixed otherwise, and for tables that cannot be read.

        Example:
            >>> sales = pd.read_csv("data/retail/sales.csv", nrows=2952)  # four items
            >>> model = foretell.train(foretell.Dataset(sales, freq="D"), recipe="seasonal_naive", horizon=7)
            >>> model.read(sales.rename(columns={"target": "sold"}), target_column="sold").schema.frequency.alias
            'D'
        """
        return read_as_trained(self.schema, target, related=related, metadata=metadata, **options)

    def _given(self, data: object, related: object, metadata: object) -> Dataset | None:
        return given_data(self.schema, data, related=related, metadata=metadata)

    def predict(
        self,
        data: object = None,
        *,
        related: object = None,
        metadata: object = None,
        items: Items | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> Forecast:
        """Forecast what comes after the end of `data` (default: the training data).

        Inside `foretell.listening(listener, cancel=token)` it tells how far it is, and ends with `foretell.Interrupted` once `token`,
        a `foretell.CancelToken`, is cancelled.

        Args:
            data: the history to forecast from; a loaded model needs it. A `foretell.Dataset`, or the target table itself (a frame, a
                path, a query), which is read as that of the training was: frequency, columns, formats. `read` takes other options.
            related: where `data` is a table: the related table, or a list of them.
            metadata: likewise, the item metadata.
            items: some of them: each an item_id, or a tuple of item_id and dimensions; an item_id alone means all that carry it.
            levels: of the quantiles, any between 0 and 1. Default: those of the training.
            horizon: steps to forecast, fewer than the model's: its numbers are those of the first steps. Known columns must reach as far
                as ever, for the first steps may depend on all of them.

        Raises:
            ForetellError: for an item that is not there, data that lack what the model needs, none after `foretell.load`, or a
                longer horizon than the model's.
        """
        return self._fitted.predict(
            self._given(data, related, metadata), items=items, levels=levels, horizon=horizon
        )

    def predict_to(  # noqa: PLR0913  (each is a decision of its own)
        self,
        path: Destination,
        data: object = None,
        *,
        related: object = None,
        metadata: object = None,
        items: Items | None = None,
        levels: Sequence[float] | None = None,
        spreadsheet: bool = False,
        overwrite: bool = False,
        unit: float | None = None,
        horizon: int | None = None,
    ) -> int:
        """Forecast as `predict` does, straight into a table; how many items were forecast.

        Items are forecast and written a chunk at a time, so that their number is bounded by the disk alone. The table is there whole
        or not at all.

        Args:
            path: a .csv, .parquet or .xlsx file, a .delta folder or a `foretell.SqlTable`.
            data: as in `predict`.
            related: as in `predict`.
            metadata: as in `predict`.
            items: as in `predict`.
            levels: as in `predict`.
            spreadsheet: in a CSV file, texts that a spreadsheet would compute get an apostrophe in front.
            overwrite: replace a table of forecasts that is there; nothing else is ever replaced.
            unit: numbers are rounded to multiples of it, as `Forecast.rounded` does.
            horizon: as in `predict`.

        Raises:
            ForetellError: as `predict` does, and where `path` holds something that is not to be replaced.
        """
        return self._fitted.predict_to(
            path,
            self._given(data, related, metadata),
            items=items,
            levels=levels,
            spreadsheet=spreadsheet,
            overwrite=overwrite,
            unit=unit,
            horizon=horizon,
        )

    def predict_in_pieces(
        self,
        data: object = None,
        *,
        related: object = None,
        metadata: object = None,
        items: Items | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> Iterator[Forecast]:
        """The forecast that `predict` makes, of some items after the other: each piece of a size that memory holds."""
        return self._fitted.predict_in_pieces(
            self._given(data, related, metadata), items=items, levels=levels, horizon=horizon
        )

    def whatif(
        self,
        data: object,
        scenarios: Mapping[str, Any],
        *,
        related: object = None,
        metadata: object = None,
        items: Items | None = None,
        levels: Sequence[float] | None = None,
    ) -> Any:
        """The forecast beside those of other plans, a `foretell.WhatIf`; `foretell.explain.whatif.whatif` says what it takes."""
        from foretell.explain.whatif import whatif

        return whatif(
            self._fitted, self._given(data, related, metadata), scenarios, items=items, levels=levels
        )

    def explain(
        self,
        data: object = None,
        *,
        related: object = None,
        metadata: object = None,
        items: Items | None = None,
        by: Sequence[str] | None = None,
        level: float | None = None,
        permutations: int | None = None,
        seed: int = 0,
    ) -> Any:
        """What each driver adds to the forecast, a `foretell.Explanation`; `foretell.explain.explain.explain` says what it takes."""
        from foretell.explain.explain import explain

        return explain(
            self._fitted,
            self._given(data, related, metadata),
            items=items,
            by=by,
            level=level,
            permutations=permutations,
            seed=seed,
        )

    def save(
        self, folder: str | Path, *, scores: Mapping[str, float] | None = None, overwrite: bool = False
    ) -> None:
        """Write the model to `folder`: JSON and arrays, whole or not at all.

        Args:
            folder: where it goes.
            scores: of a backtest, which are kept beside it in place of its own (`Model.scores`).
            overwrite: replace a result of foretell that is there: a crash leaves the old one or the new one.

        Raises:
            ForetellError: where `folder` holds a result that is not to be replaced, and always where it holds anything else.
        """
        self._fitted.save(folder, scores=scores, overwrite=overwrite)

    def summary(self) -> Summary:
        """What there is to say about how it was fitted, as tables by their titles; mostly nothing."""
        return self._fitted.summary()

    @property
    def origin(self) -> str:
        """What it is and where it comes from, in one line: its recipe, when it was saved, and its training data."""
        return self._fitted.origin

    @property
    def recipe(self) -> Recipe:
        """The recipe as it was asked for; its fields are the hyperparameters."""
        return self._fitted.recipe

    @property
    def task(self) -> Task:
        """What it forecasts: `task.horizon` steps, at `task.levels` unless others are asked for."""
        return self._fitted.task

    @property
    def schema(self) -> Schema:
        """The columns and categories that it knows."""
        return self._fitted.schema

    @property
    def seed(self) -> int:
        """Of everything random in it."""
        return self._fitted.seed

    @property
    def fit_seconds(self) -> float:
        """What its training took."""
        return self._fitted.fit_seconds

    @property
    def fingerprint(self) -> str:
        """A sha256 of the data that it was trained on."""
        return self._fitted.fingerprint

    @property
    def scores(self) -> Mapping[str, float]:
        """What its training scored on windows that it held out before the end, by the names of the leaderboard's columns.

        Of `auto`, and of what is calibrated (before it is), wQL, coverage and intervals; of a network the wQL that chose its weights.
        Empty where nothing was held out: a backtest scores any recipe. Those that `save` was given stand in their place.
        """
        return MappingProxyType(dict(self._fitted.scores))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the training brought to light: members of `auto` that had no time; mostly nothing."""
        return self._fitted.findings

    @property
    def calibration(self) -> Calibration | None:
        """How its quantiles are calibrated; None where they are left as they are."""
        return self._fitted.calibration

    @property
    def dependence(self) -> Dependence | None:
        """How errors hang together over steps and items, for totals and paths; None in a model of foretell 0.1."""
        return self._fitted.dependence


def fitted_of(model: Model) -> FittedModel:
    """What the engine itself works with: the one door to it, for its packages, benchmarks and tests."""
    return model._fitted
