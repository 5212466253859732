"""What every recipe promises of what is stored of it: hyperparameters, state and saved models."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.models.fitting import fit_model
from foretell.models.model_folder import UNFIT
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import hyperparameters, settings_of
from foretell.recipe.protocols import Predictor, State, abilities_of, held_out_of, summary_of
from foretell.recipe.registry import build_recipe
from foretell.testing.form import has_source
from foretell.testing.fresh_process import DID, EXPECTED, forecast_afresh
from foretell.testing.recipe_check import RUN, TASK, Broken, RecipeCheck, doing, require_equal, spoken
from foretell.workflows.train import load


def hyperparameters_are_described(check: RecipeCheck) -> None:
    """Each hyperparameter has a comment that says what it means, beside it or on the lines above."""
    kind = type(check.recipe)
    silent = [each.name for each in hyperparameters(kind) if not each.meaning]
    if silent and has_source(kind):
        raise Broken("read its fields", "a comment on each", f"none on {silent[0]!r}")


def hyperparameters_survive_as_text(check: RecipeCheck) -> None:
    """Its settings written as text, as the command line has them, are read back as the same recipe."""
    as_text = {name: str(value) for name, value in settings_of(check.recipe).items()}
    did, expected = "wrote its hyperparameters as text and read them back", repr(check.recipe)
    with doing(did, expected):
        again = build_recipe(type(check.recipe), as_text)
    if again != check.recipe:
        raise Broken(did, expected, repr(again))


def does_what_its_abilities_declare(check: RecipeCheck) -> None:
    """What its abilities declare is there: tables for a report, held-out forecasts, a training that goes on."""
    model, did = check.model, f"fitted it on {check.shop} and asked for what its abilities declare"
    with doing(did, "the methods of these abilities"):
        summary_of(check.recipe, model.predictor)
        held_out_of(check.recipe, model.predictor)
        if abilities_of(check.recipe).warm_start:
            going_on = fit_model(check.recipe, check.shop.panel, TASK, RUN, start=model.predictor)
            going_on.forecast(check.shop.panel)


def comes_back_from_its_state(check: RecipeCheck) -> None:
    """What `load` makes of the stored state forecasts as the fitted predictor did."""
    did = f"fitted it on {check.shop}, wrote its state as JSON and safetensors and loaded it"
    with doing(did, EXPECTED):
        loaded = check.loaded(check.stored())
    again = check.predict(check.shop, model=replace(check.model, predictor=loaded))
    require_equal(check.forecast, again.quantiles, again.mean, did=did, expected=EXPECTED)


def comes_back_in_a_fresh_process(check: RecipeCheck) -> None:
    """A saved model that another process loads forecasts the same; for a recipe that is registered."""
    if not check.registered:
        return
    if check.afresh is None:
        forecast_afresh([check])
    assert check.afresh is not None
    if isinstance(check.afresh, Broken):
        raise check.afresh
    quantiles, mean = check.afresh
    require_equal(check.forecast, quantiles, mean, did=DID, expected=EXPECTED)


def incomplete_weights_are_refused(check: RecipeCheck) -> None:
    """`load` raises where an array of the state is missing; it does not make a model that forecasts nonsense."""
    state, arrays = check.stored()
    for missing in arrays:
        rest = {name: array for name, array in arrays.items() if name != missing}
        did = f"loaded the state of the model fitted on {check.shop} without its array {missing!r}"
        try:
            check.loaded((deepcopy(state), rest))
        except (ForetellError, *UNFIT):
            continue
        except Exception as error:
            raise Broken(did, "a KeyError or a ValueError", spoken(error)) from error
        raise Broken(did, "an error", "a predictor")
    if check.registered and arrays:
        _refused_from_a_folder(check, next(iter(arrays)))


def _refused_from_a_folder(check: RecipeCheck, missing: str) -> None:
    did = f"saved the model fitted on {check.shop} without its array {missing!r} and loaded it"
    expected = "an error that speaks of the weights"
    with TemporaryDirectory() as folder:
        replace(check.model, predictor=_Lacking(check.model.predictor, missing)).save(Path(folder, "model"))
        try:
            load(Path(folder, "model"))
        except ForetellError as error:
            if "weights" in str(error):
                return
            raise Broken(did, expected, spoken(error)) from error
    raise Broken(did, expected, "a model")


@dataclass(frozen=True)
class _Lacking:
    """A predictor whose state lacks an array."""

    predictor: Predictor
    missing: str

    def predict(self, panel: Panel, *, levels: Any = None) -> Forecast:
        return self.predictor.predict(panel, levels=levels)

    def state(self) -> State:
        state, arrays = self.predictor.state()
        return state, {name: array for name, array in arrays.items() if name != self.missing}
