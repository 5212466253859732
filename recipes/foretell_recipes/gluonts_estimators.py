"""GluonTS' torch estimators by name, and what each is given: what the data say, and the user's settings."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from typing import Any

import gluonts.torch
import numpy as np
import pandas as pd

from foretell.data.frequency import Frequency
from foretell.data.panel import Panel
from foretell.data.static_scale import StaticScale
from foretell.errors import ForetellError, nearest
from foretell.recipe.hyperparameters import PARSING
from foretell.recipe.levels import QUANTILE_LEVELS
from foretell.recipe.task import Task
from foretell.windows.windows import Windows

SUFFIX = "Estimator"
# What pandas calls a period; its business days are deprecated, and integer time has no dates.
PERIODS = {"min": "min", "h": "h", "D": "D", "W": "W", "M": "M", "Q": "Q", "Y": "Y"}
OFFSETS = {**PERIODS, "M": "MS", "Q": "QS", "Y": "YS"}
OWN_FIELDS = {
    "context_length": "context_length",
    "batch_size": "batch_size",
    "lr": "learning_rate",
    "num_parallel_samples": "num_samples",
    "num_batches_per_epoch": "max_steps",
}
FROM_DATA = (
    "freq",
    "prediction_length",
    "num_feat_dynamic_real",
    "num_feat_static_real",
    "num_feat_static_cat",
    "cardinality",
    "static_dims",
    "dynamic_dims",
    "past_dynamic_dims",
    "static_cardinalities",
    "dynamic_cardinalities",
    "past_dynamic_cardinalities",
    "time_features",
    "negative_data",
)
OBJECTS = (
    "self",
    "trainer_kwargs",
    "train_sampler",
    "validation_sampler",
    "distr_output",
    "imputation_method",
)


def estimator_class(name: str) -> Any:
    """GluonTS' torch estimator of that name, suffix or not; raises ForetellError when GluonTS exports none such."""
    known = estimators()
    if name.removesuffix(SUFFIX) not in known:
        raise ForetellError(
            f"gluonts.estimator: no estimator {name!r}.{nearest(name, known)} There are: {', '.join(sorted(known))}"
        )
    return known[name.removesuffix(SUFFIX)]


@cache
def estimators() -> dict[str, Any]:
    """The torch estimators that GluonTS exports and trains with Lightning, by name without the suffix."""
    base = gluonts.torch.PyTorchLightningEstimator
    exported = {name: getattr(gluonts.torch, name) for name in gluonts.torch.__all__}
    return {
        name.removesuffix(SUFFIX): each
        for name, each in exported.items()
        if each is not base and isinstance(each, type) and issubclass(each, base)
    }


def parse_settings(estimator: str, text: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`hidden_dimensions=[40],batch_norm=True` as a dictionary of literals; raises ForetellError for anything else.

    Nothing is evaluated: the text is parsed, and values that are no literals are refused.
    """
    try:
        values = _literals(text)
    except (SyntaxError, ValueError, TypeError) as error:
        raise ForetellError(
            f"gluonts.settings must be names and plain values such as hidden_dimensions=[40],batch_norm=True, got {text!r}"
        ) from error
    free = [name for name in parameters if name not in (*OBJECTS, *FROM_DATA, *OWN_FIELDS)]
    for name in values:
        if name in OWN_FIELDS:
            raise ForetellError(
                f"gluonts.settings: {name!r} is set by the hyperparameter {OWN_FIELDS[name]!r}"
            )
        if name not in free:
            raise ForetellError(
                f"gluonts.settings: {estimator} has no setting {name!r} to give.{nearest(name, free)}"
                f" It has: {', '.join(sorted(free))}"
            )
    return values


def _literals(text: str) -> dict[str, Any]:
    with PARSING:
        call = ast.parse(f"settings({text})", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError("expected name=value, ...")
    if not all(word.arg for word in call.keywords):
        raise ValueError("** is no setting")
    return {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}


def facts_of(panel: Panel, task: Task, windows: Windows, scale: StaticScale) -> dict[str, Any]:
    """What the data say of an estimator's arguments, by GluonTS' names and as JSON; each takes those that it has."""
    schema, frequency = panel.schema, panel.frequency
    cardinalities, reals = list(schema.cardinalities), windows.static_real.shape[1]
    facts: dict[str, Any] = {
        "freq": f"{frequency.multiple}{OFFSETS.get(frequency.unit, 'D')}",
        "prediction_length": task.horizon,
        "num_feat_dynamic_real": windows.covariate_size,
        "num_feat_static_real": reals,
        "num_feat_static_cat": len(cardinalities),
        "cardinality": cardinalities or [1],
        "dynamic_dims": [windows.covariate_size] if windows.covariate_size else [],
        "past_dynamic_dims": [windows.past_size] if windows.past_size else [],
        "static_dims": [1] * reals,
        "static_cardinalities": cardinalities,
        "quantiles": sorted({*QUANTILE_LEVELS, *task.levels}),
        "seasonality": max(schema.seasons),
        "negative_data": not scale.positive,
        "default_scale": float(scale.unit[0]),  # else a series of zeros is scaled by the mean of its batch
    }
    if frequency.unit not in PERIODS:  # GluonTS knows lags and calendar of dates alone
        back = {season * repeat for season in schema.seasons for repeat in (1, 2, 3)}
        facts |= {"time_features": [], "lags_seq": sorted({1, 2, 3, *back})}
    return facts


def period(frequency: Frequency, ordinal: int) -> pd.Period:
    """The step as pandas' period; integer time and business days, which have none, begin on any day."""
    if frequency.unit not in PERIODS:
        return pd.Period("2000-01-01", freq="D")
    moment = pd.Timestamp(frequency.timestamps(np.array([ordinal]))[0])
    return pd.Period(moment, freq=f"{frequency.multiple}{PERIODS[frequency.unit]}")
