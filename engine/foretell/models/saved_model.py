"""`SavedModel`: the fields of a model's manifest, typed; a field that is not here is refused when a model is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from foretell.data.input_shares import InputShares
from foretell.data.known_findings import KnownFinding
from foretell.errors import ForetellError
from foretell.system.typed import Within

FORMAT: Final = (
    3  # of the folder; raised when an older foretell could not read it, so with every new field here
)
LARGEST: Final = 1_000_000  # of a hyperparameter that says how much is read or computed
_FREE: Final = ("max_", "patience")  # begin those that only end a training


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedTask:
    """What a model forecasts."""

    horizon: Annotated[int, Within(1, LARGEST)]  # steps ahead
    levels: tuple[Annotated[float, Within(0, 1)], ...]  # those of `predict`, unless others are asked


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedData:
    """What a model was trained on, for people."""

    items: Annotated[int, Within(0, 1 << 50)]  # how many
    last: str  # step before their origins
    names: tuple[str, ...] | None = None  # of the items, where they are not too many


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedWeights:
    """The file of weights as it was written."""

    sha256: str  # of its bytes
    bytes: Annotated[int, Within(0, 1 << 50)]  # how many


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRange:
    """`SeenRange`: smallest and largest value of each covariate; None where there was none."""

    known: tuple[tuple[float, float] | None, ...]  # [K] as `schema.known`
    past: tuple[tuple[float, float] | None, ...]  # [P] as `schema.past`


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedModel:
    """The manifest of the present format; `upgraded` makes one of older formats."""

    format: Annotated[int, Within(1, FORMAT)]  # a foretell that knows only lower ones refuses the folder
    recipe: str  # its name; only an installed recipe is loaded
    hyperparameters: Mapping[str, Any]  # as they were asked for
    resolved: Mapping[str, Any]  # with the defaults that follow from the data
    seed: int  # of everything random in it
    task: SavedTask  # what it forecasts
    schema: Mapping[str, Any]  # `Schema.from_json` reads it
    # no forecast of an item without history is below; None: there is no floor
    floor: float | None
    seen: SavedRange | None  # None: written before format 3
    inputs: InputShares | None = None  # None: written before there was a monitor
    dependence: Mapping[str, Any] | None = (
        None  # `Dependence.from_json` reads it; None: written before format 3
    )
    fit_seconds: float  # that training took
    written: str  # time of saving, ISO
    fingerprint: str  # of the training data, sha256
    data: SavedData | None = None  # None up to format 2
    warned: tuple[KnownFinding, ...] = ()  # what its training found in the data
    scores: Mapping[str, float | None]  # None: not defined
    libraries: Mapping[str, str]  # versions of foretell, Python and what it was trained with
    weights: SavedWeights  # `weights.safetensors`
    adjustments: tuple[Mapping[str, Any], ...]  # of its forecasts, in turn; calibration is one
    state: Mapping[str, Any]  # the recipe reads it

    def __post_init__(self) -> None:
        """Raises ForetellError for a number among the hyperparameters that no training has."""
        for settings in (self.hyperparameters, self.resolved):
            check_settings(settings)


def check_settings(settings: Any) -> None:
    """Raises ForetellError for hyperparameters that would take a machine's memory."""
    if not isinstance(settings, Mapping):
        raise ForetellError("hyperparameters must be an object")
    for name, value in settings.items():
        if isinstance(value, int) and abs(value) > LARGEST and not name.startswith(_FREE):
            raise ForetellError(f"{name} must be {LARGEST:,} at most, got {value!r}")
