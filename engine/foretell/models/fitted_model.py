"""`FittedModel`: a fitted recipe with its task and schema, as the engine works with it. `model.Model` shows it to users."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from foretell.checks.alarms import warn_of_alarms
from foretell.data.findings import Finding
from foretell.data.input_shares import InputShares
from foretell.data.item_floors import item_floors
from foretell.data.known_findings import KnownFinding
from foretell.data.panel import Panel
from foretell.data.schema import Schema
from foretell.data.seen_range import Beyond, SeenRange
from foretell.errors import ForetellError
from foretell.ingest.dataset import check_dataset, encoded, untold
from foretell.models.calibration import Calibration
from foretell.models.forecast_findings import ForecastFindings
from foretell.models.item_lookup import find_items
from foretell.models.model_folder import (
    LIBRARIES,
    MANIFEST,
    UNFIT,
    WEIGHTS,
    _check_registered,
    _damaged,
    _pack,
    _read_weights,
    _reason,
    _recipe_of,
    _version,
    facts_of,
    plain,
    predictor_of,
    read_manifest,
)
from foretell.models.returned_forecast import (
    arrays_of,
    check_returned,
    missing_items,
    say_crossing,
    say_older,
    states_fit,
)
from foretell.models.saved_model import FORMAT, SavedData
from foretell.recipe.adjustments import Adjustment, UnknownAdjustment, adjustment_to_json
from foretell.recipe.author_code import author_code, expect_forecast
from foretell.recipe.dependence import Dependence
from foretell.recipe.forecast import Forecast
from foretell.recipe.forecast_parts import with_possible_mean, within
from foretell.recipe.hyperparameters import settings_of
from foretell.recipe.levels import QUANTILE_LEVELS, check_levels, with_tails
from foretell.recipe.paths import PATH_LEVELS, Margins
from foretell.recipe.protocols import HeldOut, Predictor, Recipe, State, Summary, findings_of, summary_of
from foretell.recipe.task import Run, Task
from foretell.recipe.variants import Variants, predict_variants
from foretell.system.big_arrays import allocate
from foretell.system.frame_writers import Destination, frame_writer
from foretell.system.host_state import host_state_kept
from foretell.system.identity import This
from foretell.system.listener import interruptible, tell, working_on
from foretell.system.results import free_for_forecasts, may_replace, new_result
from foretell.system.whole_numbers import whole_number

if TYPE_CHECKING:
    from foretell.ingest.dataset import Dataset


logger = logging.getLogger(__name__)

ITEMS_AT_A_TIME = 1 << 13  # of a forecast that is made in pieces
CELLS_AT_A_TIME = 1 << 25  # of the grid that these occupy: 128 MB of every column
MANY_AT_A_TIME = 1 << 17  # the same where several devices share them, whose processes take seconds to start


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedModel:
    """A trained recipe with all it needs to forecast, to be saved, and to say what it was trained on."""

    recipe: Recipe  # as it was asked for
    resolved: Recipe = field(repr=False)  # with the defaults worked out from the data
    seed: int  # of everything random in it
    task: Task
    schema: Schema
    predictor: Predictor = field(repr=False)
    # no forecast of an item without history is below: 0 where training items were hardly ever negative, else None
    floor: float | None
    fit_seconds: float
    fingerprint: str = ""  # of the training data, sha256
    data: SavedData | None = (
        None  # how many items these had, and their last step; None where an older foretell saved it
    )
    warned: tuple[
        KnownFinding, ...
    ] = ()  # what its training found in the data; none in a model of an older foretell
    written: str = ""  # when it was saved
    scores: Mapping[str, float] = field(default_factory=dict)  # of its validation, or those `save` was given
    panel: Panel | None = field(default=None, repr=False)  # the training data; None after `load`
    read: tuple[Finding, ...] = field(default=(), repr=False)  # what reading them found; empty after `load`
    # of its forecasts, one after the other; calibration is the first
    adjustments: tuple[Adjustment, ...] = ()
    folder: str = field(default="", repr=False)  # that it was loaded from
    said: set[str] = field(default_factory=set, repr=False)  # warnings of its forecasts, each logged once
    # what training saw of each covariate; None in a model of format 2 or before
    seen: SeenRange | None = field(default=None, repr=False)
    # how the values of each column were spread then, for `foretell.monitor`; None in a model of an older foretell
    inputs: InputShares | None = field(default=None, repr=False)
    # how errors hang together, for joint paths; None in a model of format 2 or before
    dependence: Dependence | None = field(default=None, repr=False)
    # forecasts of windows that its training held out; None where it held out none, and after `load`
    held: HeldOut | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        return f"FittedModel({self.origin})"

    def predict(
        self,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> Forecast:
        """As `Model.predict`."""
        steps, panel = self.steps(horizon), self.panel_of(data)
        if items is not None:
            panel = panel.take(find_items(panel.keys, items))
        forecast = self.forecast_in_arrays(panel, levels=levels, joint=True).first(steps)
        return replace(forecast, findings=(*self.read_as(data), *forecast.findings))

    def predict_to(
        self,
        path: Destination,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
        spreadsheet: bool = False,
        overwrite: bool = False,
        unit: float | None = None,
        horizon: int | None = None,
    ) -> int:
        """As `Model.predict_to`."""
        count = 0
        with (
            free_for_forecasts(path, overwrite=overwrite),
            frame_writer(path, spreadsheet=spreadsheet) as writer,
        ):
            for forecast in self.predict_in_pieces(data, items=items, levels=levels, horizon=horizon):
                writer.write((forecast if unit is None else forecast.rounded(unit)).to_frame())
                count += len(forecast)
        return count

    def predict_in_pieces(
        self,
        data: Dataset | None = None,
        *,
        items: Sequence[str | Sequence[object]] | None = None,
        levels: Sequence[float] | None = None,
        horizon: int | None = None,
    ) -> Iterator[Forecast]:
        """As `Model.predict_in_pieces`."""
        steps, panel = self.steps(horizon), self.panel_of(data)
        chosen = None if items is None else find_items(panel.keys, items)
        size = self._items_at_a_time(panel)
        if chosen is None:
            panel.check_horizon(self.task.horizon, trained=True)  # before the first piece is written
        count = len(panel) if chosen is None else len(chosen)
        said = ForecastFindings()
        for first in range(0, count, size):
            if chosen is None:  # items in a row are looked at where they are, others are copied
                part = panel.between(first, min(first + size, count))
            else:
                part = panel.take(chosen[first : first + size])
            yield self._forecast(part, levels, said).first(steps)
            tell("forecast", first + len(part), count, recipe=self.recipe.name)
        said.log()

    def steps(self, horizon: int | None) -> int:
        """How many steps of a forecast are asked for: all unless given; raises ForetellError for more than there are."""
        most = self.task.horizon
        steps = most if horizon is None else whole_number("horizon", horizon, least=1)
        if steps > most:
            raise ForetellError(
                f"the model forecasts {most} steps, {steps} were asked for. Ask for at most horizon={most}, or train a model with"
                f" horizon={steps}."
            )
        return steps

    def forecast(self, panel: Panel, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast every item of a panel of this model's schema from its origin on, checked and within bounds.

        The mean is the same whatever levels are asked: it is made to agree with the quantiles at `QUANTILE_LEVELS`.
        """
        said = ForecastFindings()
        forecast = self._forecast(panel, levels, said)
        said.log()
        return forecast

    def forecast_variants(self, variants: Variants, *, levels: Sequence[float] | None = None) -> Forecast:
        """Forecast each of the variants as `forecast` does.

        Nothing is logged, known columns may end anywhere, and must lie within what training saw.
        """
        return self._forecast(variants.panel, levels, ForecastFindings(), variants)

    def _forecast(
        self,
        panel: Panel,
        levels: Sequence[float] | None,
        said: ForecastFindings,
        variants: Variants | None = None,
    ) -> Forecast:
        """As `forecast`, of a part perhaps; `said` gathers what there is to say of the whole, and nothing is logged."""
        wanted = self.task.levels if levels is None else check_levels(levels)
        if variants is None:
            panel.check_horizon(self.task.horizon, trained=True)
        floor = item_floors(panel, new=self.floor)
        extra = [level for adjustment in self.adjustments for level in adjustment.extra_levels]
        asked = check_levels((*wanted, *extra, *QUANTILE_LEVELS))
        with (
            author_code(self.recipe, "forecasting"),
            working_on(self.recipe.name),
            interruptible(),
            host_state_kept(),
            states_fit(self.folder),
        ):
            tell("forecast", 0, len(panel))
            shown, found = self._within_seen(panel) if variants is None else (panel, ())
            made = predict_variants(self.predictor, shown, variants, levels=asked)
            forecast = expect_forecast(self.recipe, made)
        said.add(forecast.findings, found)
        if found:
            more = (each.finding for each in found)
            forecast = replace(forecast, history=panel, findings=(*forecast.findings, *more))
        check_returned(self.recipe.name, forecast, panel, self.task.horizon, asked)
        say_crossing(self.recipe.name, forecast, self.said)
        forecast = within(forecast, panel, floor=floor)
        if asked != QUANTILE_LEVELS:
            tails = with_tails(forecast.quantiles, asked, floor=floor[:, None, None])
            forecast = replace(forecast, quantiles=tails)
        before = forecast.quantiles if self.adjustments else None
        for adjustment in self.adjustments:
            forecast = adjustment.apply(forecast)
        if self.adjustments:
            forecast = replace(within(forecast, panel, floor=floor), before=before)
        return with_possible_mean(forecast, floor=floor, levels=QUANTILE_LEVELS).only(wanted)

    def _within_seen(self, panel: Panel) -> tuple[Panel, tuple[Beyond, ...]]:
        """The panel within what training saw, and what was not; older models do not know."""
        return (panel, ()) if self.seen is None else self.seen.apply(panel, horizon=self.task.horizon)

    def _joint(self, panel: Panel, levels: Sequence[float] | None, said: ForecastFindings) -> Forecast:
        """`_forecast` with what `Forecast.paths` needs besides: finer margins, and how errors hang together."""
        wanted = self.task.levels if levels is None else check_levels(levels)
        fine = self._forecast(panel, check_levels((*wanted, *PATH_LEVELS)), said)
        margins = Margins(fine.levels, fine.quantiles)
        return replace(fine.only(wanted), margins=margins, dependence=self.dependence)

    def forecast_in_arrays(
        self, panel: Panel, *, levels: Sequence[float] | None = None, beside: int = 1, joint: bool = False
    ) -> Forecast:
        """As `forecast`, a large panel's items a chunk at a time, into arrays that are files where memory is short.

        It is one of `beside` forecasts that are held together. A `joint` one has what `Forecast.paths` needs.
        """
        make, said = self._joint if joint else self._forecast, ForecastFindings()
        size = self._items_at_a_time(panel)
        if len(panel) <= size:
            forecast = make(panel, levels, said)
            said.log()
            return forecast
        whole: dict[str, NDArray[Any]] = {}
        for first in range(0, len(panel), size):
            items = slice(first, min(first + size, len(panel)))
            part = make(panel.between(items.start, items.stop), levels, said)
            for name, values in arrays_of(part).items():
                if name not in whole:
                    whole[name] = allocate((len(panel), *values.shape[1:]), values.dtype, beside=beside)
                whole[name][items] = values
            tell("forecast", items.stop, len(panel), recipe=self.recipe.name)
        margins = None if part.margins is None else Margins(part.margins.levels, whole.pop("margins"))
        facts: dict[str, Any] = whole | {"keys": panel.keys, "origin": panel.origin, "history": panel}
        return replace(part, margins=margins, findings=said.log(), **facts)

    def _items_at_a_time(self, panel: Panel) -> int:
        shared = getattr(getattr(self.predictor, "run", None), "devices", 1) > 1
        wide = self.task.horizon * len(QUANTILE_LEVELS)
        return items_at_a_time(panel, MANY_AT_A_TIME if shared else ITEMS_AT_A_TIME, wide=wide)

    @property
    def origin(self) -> str:
        """What it is and where it comes from, in one line: its recipe, when it was saved, and its training data."""
        when = f", saved {self.written}" if self.written else ""
        if self.data is None:
            return f"{self.recipe.name}{when}"
        return f"{self.recipe.name}{when}, trained on {self.data.items:,} items up to {self.data.last}"

    def summary(self) -> Summary:
        """What the predictor has to say about how it was fitted, as tables by their titles; mostly nothing."""
        with author_code(self.recipe, "saying how it was fitted"):
            tables = dict(summary_of(self.recipe, self.predictor))
        for adjustment in self.adjustments:
            tables.update(adjustment.summary())
        return tables

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the training brought to light: members of `auto` that had no time; mostly nothing."""
        return findings_of(self.predictor)

    @property
    def calibration(self) -> Calibration | None:
        """How its quantiles are calibrated; None where they are left as they are."""
        found = [each for each in self.adjustments if isinstance(each, Calibration)]
        return found[0] if found else None

    def save(
        self, folder: str | Path, *, scores: Mapping[str, float] | None = None, overwrite: bool = False
    ) -> None:
        """As `Model.save`."""
        kept = self.scores if scores is None else scores
        write_model(self, Path(folder), scores=kept, overwrite=overwrite)

    def read_as(self, data: Dataset | None) -> tuple[Finding, ...]:
        """What reading `data` (None: the training data) found and decided."""
        return self.read if data is None else (*data.findings, *self._missing_items(data))

    def _missing_items(self, data: Dataset) -> tuple[Finding, ...]:
        """A warning of items that the training had and `data` lack; looked for once."""
        return data.panel.once(
            ("missing items", This(self.data)), lambda: missing_items(self.data, data.panel)
        )

    def panel_of(self, data: Dataset | None) -> Panel:
        """The panel that a forecast of `data` is made from, in this model's columns; the training data where it is None.

        What `check` warns of is logged, once for each data set.

        Raises ForetellError for what is no data set, lacks what the model needs, or is None after `load`.
        """
        if data is not None:
            panel = encoded(check_dataset(data), self.schema, horizon=self.task.horizon)
            warn_of_alarms(data, horizon=self.task.horizon, trained=True, known=self.warned)
            say_older(self.data, panel)
            for finding in untold(data, self._missing_items(data)):
                logger.warning("%s", finding.message)
            return panel
        if self.panel is None:
            raise ForetellError(
                "a loaded model holds no data: give it the history to forecast from, model.predict(data), with data a"
                " table of sales or a foretell.Dataset"
            )
        return self.panel


def items_at_a_time(panel: Panel, most: int, *, wide: int = 1) -> int:
    """How many items of a panel are forecast in one piece: `most`, fewer where series or forecasts (`wide` cells) are long."""
    longest = max(int(panel.lengths.max(initial=0)), wide)
    return min(most, 1 << max(CELLS_AT_A_TIME // longest, 1).bit_length() - 1)


def write_model(
    model: FittedModel, folder: Path, *, scores: Mapping[str, float], overwrite: bool = False
) -> None:
    """Write `model` to `folder`, whole or not at all, in the place of a result there if that is to be overwritten."""
    may_replace(folder, "model", overwrite=overwrite)  # before the work of packing it
    _check_registered(model.recipe)
    state, arrays = state_of(model)
    weights = _pack(model.recipe.name, arrays)
    checksum = {"sha256": hashlib.sha256(weights).hexdigest(), "bytes": len(weights)}
    manifest = _manifest_of(model) | {"scores": dict(scores), "weights": checksum, "state": state}
    text = json.dumps(plain(manifest, "manifest"), indent=1, ensure_ascii=False)
    with new_result(folder, "model", overwrite=overwrite) as partial:
        (partial / MANIFEST).write_text(text + "\n", encoding="utf-8")
        (partial / WEIGHTS).write_bytes(weights)


def state_of(model: FittedModel) -> State:
    """What the model's predictor has to keep; raises RecipeFailed for what its recipe raises."""
    with author_code(model.recipe, "giving its state"):
        return model.predictor.state()


def _manifest_of(model: FittedModel) -> dict[str, Any]:
    """What a manifest says of a model, but for its scores, weights and state."""
    return {
        "format": FORMAT,
        "recipe": model.recipe.name,
        "hyperparameters": settings_of(model.recipe),
        "resolved": settings_of(model.resolved),
        "seed": model.seed,
        "task": {"horizon": model.task.horizon, "levels": model.task.levels},
        "schema": model.schema.to_json(),
        "floor": model.floor,
        "seen": None if model.seen is None else model.seen.to_json(),
        "inputs": None if model.inputs is None else asdict(model.inputs),
        "warned": [asdict(each) for each in model.warned],
        "fit_seconds": model.fit_seconds,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "fingerprint": model.fingerprint,
        "data": None if model.data is None else asdict(model.data),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "dependence": None if model.dependence is None else model.dependence.to_json(),
        "adjustments": [adjustment_to_json(adjustment) for adjustment in model.adjustments],
    }


def read_model(folder: Path, run: Run) -> FittedModel:
    """The model that `write_model` wrote; raises ForetellError naming the file that is missing, damaged or foreign."""
    saved = read_manifest(folder)
    recipe = _recipe_of(folder, saved)
    arrays = _read_weights(folder, saved)
    try:
        facts = facts_of(saved, recipe)
        run = replace(run, seed=saved.seed)
    except UnknownAdjustment as error:
        raise ForetellError(f"{folder / MANIFEST}: {error}") from error
    except (ForetellError, *UNFIT) as error:
        raise _damaged(folder / MANIFEST, _reason(error)) from error
    state = (dict(saved.state), arrays)
    predictor = predictor_of(folder, facts["resolved"], facts["schema"], facts["task"], state, run)
    return FittedModel(recipe=recipe, predictor=predictor, folder=str(folder), **facts)
