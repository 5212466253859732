"""Chronos weights in a local folder: checked from the outside, then read; nothing in it is run, nothing is downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Annotated, Any, Final, cast

import torch

from foretell.errors import ForetellError
from foretell.networks.device import pick_device
from foretell.networks.out_of_memory import short_of_memory
from foretell.networks.own_draws import alone
from foretell.recipe.extras import missing_library
from foretell.system.big_arrays import memory
from foretell.system.regular_files import open_regular, read_regular
from foretell.system.strict_json import parse_json
from foretell.system.tensor_header import checked_file
from foretell.system.typed import Within, typed

CONFIG, WEIGHTS = "config.json", "model.safetensors"
_MOST_CONFIG: Final = 1 << 20  # bytes
# Formats of weights that can run code when they are read, or that nothing here reads
_OTHERS: Final = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".h5", ".msgpack"}
_TIED: Final = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}  # copies of shared.weight
_MIDDLE: Final = tuple(round(0.1 * k, 1) for k in range(1, 10))  # that longer horizons are unrolled with
_HINT: Final = "Take a smaller model, such as Chronos-2 small or Chronos-Bolt tiny, or another device."

_Width = Annotated[int, Within(1, 1 << 16)]
_Steps = Annotated[int, Within(1, 1 << 20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sizes:
    """What both models' networks are built of."""

    d_model: _Width
    d_kv: _Width
    d_ff: _Width
    num_layers: Annotated[int, Within(1, 1000)]
    num_heads: _Width
    vocab_size: _Width
    num_decoder_layers: Annotated[int, Within(1, 1000)] | None = None
    dropout_rate: float = 0.1
    layer_norm_epsilon: float = 1e-6
    feed_forward_proj: str = "relu"
    pad_token_id: int = 0
    eos_token_id: int | None = None
    decoder_start_token_id: int | None = None
    reg_token_id: int = 1
    rope_theta: float | None = None
    relative_attention_num_buckets: _Width | None = None
    relative_attention_max_distance: _Steps | None = None
    is_encoder_decoder: bool | None = None
    tie_word_embeddings: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forecasting:
    """What both models say of context, horizon and levels."""

    context_length: _Steps
    input_patch_size: _Width
    input_patch_stride: _Width
    quantiles: tuple[float, ...]
    use_reg_token: bool = False
    use_arcsinh: bool | None = None
    prediction_length: _Steps | None = None
    output_patch_size: _Width | None = None
    max_output_patches: _Steps | None = None
    time_encoding_scale: _Steps | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """A folder that passed all checks that need no network: which model it holds, and its SHA-256."""

    folder: Path  # absolute
    sha256: str  # of both files
    covariates: bool  # Chronos-2, which reads them; Chronos-Bolt reads the target alone
    parameters: int
    levels: tuple[float, ...]  # that it forecasts, rising
    context: int  # steps that it reads at most

    @property
    def model(self) -> str:
        """What people call it."""
        return "Chronos-2" if self.covariates else "Chronos-Bolt"

    @classmethod
    def of(cls, folder: str, *, where: str = "chronos.folder") -> Weights:
        """The weights in `folder`, which the hyperparameter `where` names.

        Raises ForetellError where there is no such folder, for pickles, adapters, other models, files that are cut, and for
        more than the machine's memory holds.
        """
        path = _folder(folder, where)
        config, facts = _config(path)
        try:
            with open_regular(path / WEIGHTS) as file:
                shapes = checked_file(file, os.fstat(file.fileno()).st_size)
                file.seek(0)
                digest = hashlib.file_digest(cast("BytesIO", file), "sha256").digest()
        except ForetellError as error:
            raise ForetellError(f"{path / WEIGHTS} is cut or damaged: {error}. Download it again.") from error
        parameters = sum(prod(shape) for shape in shapes.values())
        if (needed := 8 * parameters) > memory():  # the file's numbers and the network's
            raise ForetellError(
                f"the weights in {path} need {needed / 1e9:.1f} GB of memory, this machine has {memory() / 1e9:.1f} GB. {_HINT}"
            )
        _check_shapes(path, shapes, facts)
        said = facts.forecasting
        whole = hashlib.sha256(hashlib.sha256(config).digest() + digest).hexdigest()
        levels = tuple(round(level, 6) for level in said.quantiles)
        return cls(path, whole, facts.covariates, parameters, levels, said.context_length)

    def pipeline(self, device: str) -> Any:
        """The package's pipeline, in evaluation mode on the device; that of the last weights is kept."""
        return _pipeline(self, str(pick_device(device)))


@dataclass(frozen=True, slots=True)
class _Facts:
    covariates: bool
    sizes: _Sizes
    forecasting: _Forecasting

    def network(self) -> Any:
        """An untrained network of this shape, by the package's own classes."""
        chronos, transformers = _libraries()
        sizes = {name: value for name in _Sizes.__slots__ if (value := getattr(self.sizes, name)) is not None}
        said = {
            name: list(value) if isinstance(value, tuple) else value
            for name in _Forecasting.__slots__
            if (value := getattr(self.forecasting, name)) is not None
        }
        if self.covariates:
            made = chronos.chronos2.config.Chronos2CoreConfig(**sizes, chronos_config=said)
            return chronos.chronos2.Chronos2Model(made)
        made = transformers.T5Config(**sizes, chronos_config=said)
        return chronos.chronos_bolt.ChronosBoltModelForForecasting(made)


def _libraries() -> tuple[Any, Any]:
    """The package and the one that it stands on; ForetellError where they are not installed."""
    try:
        import chronos
        import chronos.chronos2.config
        import chronos.chronos_bolt
        import transformers
    except ImportError as error:
        raise missing_library("chronos", "chronos-forecasting", extra="chronos") from error
    return chronos, transformers


def _folder(folder: str, where: str) -> Path:
    """The absolute path; ForetellError for no folder, and for one that holds what is not read."""
    if not folder:
        raise ForetellError(
            f"{where} is missing: chronos forecasts with weights that you bring. Give the local folder that has them, such as"
            f" {where}=weights/chronos-2; it holds {CONFIG} and {WEIGHTS}."
        )
    try:
        path = Path(folder).expanduser().absolute()
        names = sorted(each.name for each in path.iterdir())
    except (OSError, ValueError, RuntimeError) as error:  # no folder, no name of one, no such user
        why = error.strerror if isinstance(error, OSError) else error
        raise ForetellError(
            f"{where} must be a local folder with {CONFIG} and {WEIGHTS}, got {folder!r}: {why}. Nothing is downloaded: put the"
            " files there yourself."
        ) from error
    adapters = [name for name in names if name.startswith("adapter_")]
    if adapters:
        raise ForetellError(
            f"{path / adapters[0]} belongs to an adapter: chronos reads whole models alone. Merge it into its model and save that."
        )
    pickles = [name for name in names if Path(name).suffix.lower() in _OTHERS]
    if pickles:
        raise ForetellError(
            f"{path / pickles[0]} is refused: such files can run code when they are read. Only {WEIGHTS} is; remove the other."
        )
    missing = [name for name in (CONFIG, WEIGHTS) if name not in names]
    if missing:
        raise ForetellError(
            f"{path} has no {missing[0]}. Weights of chronos are one folder with {CONFIG} and {WEIGHTS}, not in several parts."
        )
    return path


def _config(folder: Path) -> tuple[bytes, _Facts]:
    """The configuration's bytes and what they say; ForetellError for a model other than Chronos-2 and Chronos-Bolt."""
    path = folder / CONFIG
    data = read_regular(path, most=_MOST_CONFIG)
    try:
        said = parse_json(data)
        if not isinstance(said, dict):
            raise ForetellError("it is no object")
        kind = typed(tuple[str, ...], said.get("architectures", []), "architectures")
        if kind not in (("Chronos2Model",), ("ChronosBoltModelForForecasting",)) or "auto_map" in said:
            raise ForetellError(
                f"it is of another architecture, {', '.join(kind) or 'not named'}; expected Chronos-2 or Chronos-Bolt"
            )
        sizes = typed(_Sizes, _known(said, _Sizes))
        forecasting = typed(_Forecasting, _known(said.get("chronos_config"), _Forecasting), "chronos_config")
        facts = _Facts(kind == ("Chronos2Model",), sizes, forecasting)
        _check_forecasting(facts)
    except ForetellError as error:
        raise ForetellError(f"{path} is no configuration that chronos reads: {error}.") from error
    return data, facts


def _known(said: Any, kind: type) -> dict[str, Any]:
    """The entries that `kind` has a field for; configurations have others, which shape nothing here."""
    if not isinstance(said, Mapping):
        raise ForetellError("it has no chronos_config")
    return {name: said[name] for name in kind.__slots__ if name in said}  # type: ignore[attr-defined]


def _check_forecasting(facts: _Facts) -> None:
    said = facts.forecasting
    levels = said.quantiles
    if not levels or list(levels) != sorted(set(levels)) or not 0 < levels[0] <= levels[-1] < 1:
        raise ForetellError("its quantiles must rise between 0 and 1")
    needed = ("output_patch_size", "max_output_patches") if facts.covariates else ("prediction_length",)
    lacking = [name for name in needed if getattr(said, name) is None]
    if lacking:
        raise ForetellError(f"chronos_config has no field {lacking[0]!r}")
    if not set(_MIDDLE) <= {round(level, 6) for level in levels}:
        raise ForetellError("its quantiles must have 0.1, 0.2, ..., 0.9 among them")


def _check_shapes(folder: Path, shapes: Mapping[str, tuple[int, ...]], facts: _Facts) -> None:
    """Raises ForetellError unless the file has the arrays of the network that the configuration describes."""
    if facts.sizes.num_layers > len(shapes) or (facts.sizes.num_decoder_layers or 0) > len(shapes):
        raise ForetellError(
            f"{folder / WEIGHTS} does not fit {CONFIG}: it has fewer arrays than that has layers."
        )
    with alone(0), torch.device("meta"):
        expected = {name: tuple(value.shape) for name, value in _built(folder, facts).state_dict().items()}
    for name in sorted(set(expected) | set(shapes)):
        got, wanted = shapes.get(name), expected.get(name)
        if got != wanted and not (got is None and name in _TIED and "shared.weight" in shapes):
            raise ForetellError(
                f"{folder / WEIGHTS} does not fit {CONFIG}: expected {_spelt(wanted)} of the name {name!r}, got {_spelt(got)}."
            )


def _spelt(shape: tuple[int, ...] | None) -> str:
    return "no array" if shape is None else f"an array of shape {list(shape)}"


def _built(folder: Path, facts: _Facts) -> Any:
    try:
        return facts.network()
    except ForetellError:
        raise
    except (AssertionError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise ForetellError(f"{folder / CONFIG} describes no network that can be built: {error}") from error


@lru_cache(maxsize=1)
def _pipeline(weights: Weights, device: str) -> Any:
    """The network with its weights in float32, on the device."""
    from safetensors.torch import load_file

    chronos, _ = _libraries()
    with short_of_memory(f"{weights.model} ({weights.parameters:,} parameters)", _HINT), alone(0):
        network = _built(weights.folder, _config(weights.folder)[1])
        state = load_file(weights.folder / WEIGHTS)
        state |= dict.fromkeys(_TIED & set(network.state_dict()) - set(state), state["shared.weight"])
        network.load_state_dict({name: value.float() for name, value in state.items()})
        network = network.eval().requires_grad_(False).to(device)
    made = chronos.Chronos2Pipeline if weights.covariates else chronos.ChronosBoltPipeline
    return made(network)
