"""Algorithm ARNs and their hyperparameters as recipes and settings; featurizations as fillings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from foretell.service.amazon.errors import invalid_input

PREFIX: Final = "arn:aws:forecast:::algorithm/"
STEPS_AN_EPOCH: Final = 50  # gradient steps that stand for one epoch of the service

Parsed = tuple[str, Any] | None  # the recipe's field and its value; None: known and without a counterpart


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """One of the service's: its default as Describe echoes it, what it may be, and what it is to the recipe."""

    check: Callable[[str], Any]  # raises ValueError
    default: str | None = None
    becomes: str | None = None  # a field of the recipe
    convert: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What an ARN stands for."""

    name: str
    recipe: str
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    mean_is_median: bool = False
    tunable: bool = False  # PerformHPO

    @property
    def arn(self) -> str:
        """As the service spells it."""
        return PREFIX + self.name


def _whole(least: int, most: int) -> Callable[[str], int]:
    def check(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return check


def _real(least: float, most: float) -> Callable[[str], float]:
    def check(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise ValueError(f"a number from {least} to {most}")
        return value

    return check


def _choice(*choices: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if text not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return text

    return check


_LIKELIHOODS: Final[Mapping[str, str]] = {
    "negative-binomial": "negative_binomial",
    **dict.fromkeys(("beta", "deterministic-L1", "gaussian", "piecewise-linear", "student-t"), "student_t"),
}
_EPOCHS: Final = Hyperparameter(_whole(1, 1000), "500", "max_steps", lambda epochs: epochs * STEPS_AN_EPOCH)
_RATE: Final = Hyperparameter(_real(1e-4, 1e-1), "1E-3", "learning_rate")
_CONTEXT: Final = Hyperparameter(_whole(1, 10_000), None, "context_length")
_LENGTH: Final = Hyperparameter(_whole(1, 500))  # what the service itself adds in Describe
_USE_RELATED: Final = _choice("ALL", "NONE", "HISTORICAL", "FORWARD_LOOKING")

CNN_QR: Final = Algorithm(
    "CNN-QR",
    "mqcnn",
    {
        "context_length": _CONTEXT,
        "use_related_data": Hyperparameter(_USE_RELATED, "ALL"),
        "use_item_metadata": Hyperparameter(_choice("ALL", "NONE"), "ALL"),
        "epochs": Hyperparameter(
            _whole(10, 1000), "100", "max_steps", lambda epochs: epochs * STEPS_AN_EPOCH
        ),
        "prediction_length": _LENGTH,
    },
    mean_is_median=True,
    tunable=True,
)
DEEP_AR: Final = Algorithm(
    "Deep_AR_Plus",
    "deepar",
    {
        "context_length": _CONTEXT,
        "epochs": _EPOCHS,
        "learning_rate": _RATE,
        "learning_rate_decay": Hyperparameter(_real(0.5, 1.0), "0.5"),
        "likelihood": Hyperparameter(
            _choice(*_LIKELIHOODS), "student-t", "likelihood", _LIKELIHOODS.__getitem__
        ),
        "max_learning_rate_decays": Hyperparameter(_whole(0, 10), "0"),
        "num_averaged_models": Hyperparameter(_whole(1, 10), "1"),
        "num_cells": Hyperparameter(_whole(30, 100), "40", "hidden_size"),
        "num_layers": Hyperparameter(_whole(1, 8), "2", "num_layers"),
        "prediction_length": _LENGTH,
    },
    tunable=True,
)
NPTS: Final = Algorithm(
    "NPTS",
    "npts",
    {
        "context_length": Hyperparameter(_whole(1, 1_000_000)),
        "kernel_type": Hyperparameter(_choice("exponential", "uniform"), "exponential"),
        "exp_kernel_weights": Hyperparameter(_real(0.0, 1e9), "0.01"),
        "use_seasonal_model": Hyperparameter(
            _choice("True", "False", "true", "false"),
            "True",
            "seasonal",
            lambda text: "auto" if text.lower() == "true" else "never",
        ),
        "use_default_time_features": Hyperparameter(_choice("True", "False", "true", "false"), "True"),
    },
)
MQRNN: Final = Algorithm(
    "MQRNN",
    "mqrnn",
    {
        "context_length": _CONTEXT,
        "epochs": Hyperparameter(_whole(1, 1000), "500", "max_steps", lambda epochs: epochs * STEPS_AN_EPOCH),
        "learning_rate": _RATE,
        "num_cells": Hyperparameter(_whole(1, 1000), None, "hidden_size"),
        "num_layers": Hyperparameter(_whole(1, 32), None, "num_layers"),
        "prediction_length": _LENGTH,
    },
    tunable=True,
)
ARIMA: Final = Algorithm("ARIMA", "arima")
ETS: Final = Algorithm("ETS", "ets")
PROPHET: Final = Algorithm("Prophet", "ets")

ALGORITHMS: Final[Mapping[str, Algorithm]] = {
    each.arn: each for each in (CNN_QR, DEEP_AR, NPTS, PROPHET, ARIMA, ETS, MQRNN)
}
# What PerformAutoML trains: the six that the service had.
AUTO_ML: Final = (CNN_QR, DEEP_AR, NPTS, PROPHET, ARIMA, ETS)


def algorithm_of(arn: str) -> Algorithm:
    """Raises InvalidInputException for an algorithm that there is not."""
    if arn not in ALGORITHMS:
        raise invalid_input(
            f"The algorithm {arn} does not exist. Valid algorithms are: {', '.join(ALGORITHMS)}."
        )
    return ALGORITHMS[arn]


def recipe_settings(algorithm: Algorithm, given: Mapping[str, str]) -> dict[str, Any]:
    """The settings of the recipe; raises InvalidInputException for a hyperparameter that is unknown or out of range."""
    settings = {}
    for name, text in given.items():
        if name not in algorithm.hyperparameters:
            known = ", ".join(algorithm.hyperparameters) or "none"
            raise invalid_input(f"{algorithm.name} has no hyperparameter {name}. It has: {known}.")
        hyperparameter = algorithm.hyperparameters[name]
        try:
            value = hyperparameter.check(text)
        except ValueError as error:
            raise invalid_input(
                f"The hyperparameter {name} of {algorithm.name} is not valid: {text} ({error})."
            ) from error
        if hyperparameter.becomes is not None:
            settings[hyperparameter.becomes] = hyperparameter.convert(value)
    return settings


def echoed(algorithm: Algorithm, given: Mapping[str, str], horizon: int) -> dict[str, str]:
    """TrainingParameters as Describe has them: the service's defaults and what was given."""
    found = {
        name: each.default for name, each in algorithm.hyperparameters.items() if each.default is not None
    }
    if (
        "context_length" in algorithm.hyperparameters
        and algorithm.hyperparameters["context_length"] is _CONTEXT
    ):
        found["context_length"] = str(2 * horizon)
    if "prediction_length" in algorithm.hyperparameters:
        found["prediction_length"] = str(horizon)
    return dict(sorted({**found, **given}.items()))


# Filling. The service's places and methods by foretell's.
_TARGET_PLACES: Final[Mapping[str, str]] = {"frontfill": "front", "middlefill": "middle", "backfill": "back"}
_RELATED_PLACES: Final[Mapping[str, str]] = {
    "middlefill": "middle",
    "backfill": "back",
    "futurefill": "future",
}
_METHODS: Final = ("zero", "value", "median", "mean", "min", "max", "nan")
_AGGREGATIONS: Final[Mapping[str, str]] = {
    "sum": "sum",
    "avg": "mean",
    "first": "first",
    "min": "min",
    "max": "max",
}
TARGET_DEFAULTS: Final[Mapping[str, str]] = {
    "aggregation": "sum",
    "backfill": "zero",
    "frontfill": "none",
    "middlefill": "zero",
}


@dataclass(frozen=True, slots=True)
class Transformed:
    """How the gaps and repeated rows of one column are read."""

    filling: dict[str, Any]  # place -> method, as `foretell.Dataset` has it
    aggregation: str | None


def transformed(attribute: str, given: Mapping[str, str], *, target: bool) -> Transformed:
    """What the parameters of a filling mean; those of a target have defaults. Raises InvalidInputException for others."""
    parameters = {**TARGET_DEFAULTS, **given} if target else dict(given)
    places = _TARGET_PLACES if target else _RELATED_PLACES
    filling: dict[str, Any] = {}
    for name, method in parameters.items():
        if name == "aggregation":
            _check(attribute, name, method, tuple(_AGGREGATIONS))
        elif name in places:
            rule = _rule(attribute, name, method, parameters)
            if rule is not None:
                filling[places[name]] = rule
        elif not (name.endswith("_value") and name.removesuffix("_value") in places):
            valid = ", ".join(("aggregation", *places))
            raise invalid_input(
                f"The parameter {name} of {attribute} is not valid. Valid parameters are: {valid}."
            )
    if not target:
        _check_related(attribute, filling)
    asked = parameters.get("aggregation")
    return Transformed(filling, None if asked is None else _AGGREGATIONS[asked])


def _rule(attribute: str, name: str, method: str, parameters: Mapping[str, str]) -> Any:
    if name == "frontfill":
        _check(attribute, name, method, ("none",))
        return None
    _check(attribute, name, method, _METHODS)
    if method != "value":
        return method
    text = parameters.get(f"{name}_value")
    try:
        return {"value": float(text)}  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise invalid_input(
            f"{name} of {attribute} is value: {name}_value must be a number, got {text}."
        ) from error


def _check(attribute: str, name: str, method: str, choices: Sequence[str]) -> None:
    if method not in choices:
        raise invalid_input(
            f"{name} of {attribute} may not be {method}. Valid values are: {', '.join(choices)}."
        )


def _check_related(attribute: str, filling: Mapping[str, Any]) -> None:
    """A related time series is filled at all places or at none."""
    missing = [name for name, place in _RELATED_PLACES.items() if place not in filling]
    if filling and missing:
        raise invalid_input(f"The related attribute {attribute} must have {', '.join(missing)} too.")


# ForecastTypes
def levels_of(types: Sequence[str]) -> tuple[float, ...]:
    """The quantiles among forecast types, rising; raises InvalidInputException for what is repeated or out of range."""
    found = []
    for each in types:
        if each == "mean":
            continue
        level = float(each)
        if not 0.01 <= level <= 0.99:
            raise invalid_input(f"The forecast type {each} is not valid: quantiles go from 0.01 to 0.99.")
        found.append(level)
    if len({*found}) < len(found) or list(types).count("mean") > 1:
        raise invalid_input("ForecastTypes must be unique.")
    return tuple(sorted(found))


def name_of_level(level: float) -> str:
    """A column's name, and a prediction's: p10, p50, p90."""
    return f"p{round(level * 100)}"
