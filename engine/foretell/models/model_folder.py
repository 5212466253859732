"""A model as a folder: `manifest.json` says what it is, `weights.safetensors` holds its arrays. Nothing in it can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.errors import ForetellError
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import is_registered, make_recipe

FORMAT = 2  # of the folder; raised when an older foretell could not read it
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
TRAINING = "training"  # where the command line keeps the checkpoints of a training that is under way
# what `Recipe.load` raises on a state that is not of its making
UNFIT = (KeyError, IndexError, TypeError, ValueError, RuntimeError, AttributeError)
LIBRARIES = ("foretell", "torch", "numpy", "gluonts", "lightning", "scikit-learn", "statsforecast")


def check_replaceable(folder: Path) -> None:
    """Raises ForetellError when `folder` is no place for a model: a file, or a folder of other things."""
    if folder.is_file():
        raise ForetellError(f"{folder} is a file, expected a folder for the model. Choose another name.")
    others = sorted(entry.name for entry in folder.glob("*") if entry.name != TRAINING)
    if others and MANIFEST not in others:
        raise ForetellError(
            f"{folder} holds other things than a model, such as {others[0]!r}. Give a new folder, an empty one, or one"
            " with a model to replace."
        )


def plain(value: Any, where: str) -> Any:
    """`value` as JSON's own types (numbers of numpy and tuples become Python's and lists); names what cannot be."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        strange = [key for key in value if not isinstance(key, str)]
        if strange:
            raise ForetellError(
                f"{where} has the key {strange[0]!r}; JSON's keys are text. Make it a string."
            )
        return {key: plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    raise ForetellError(
        f"{where} is a {type(value).__name__}; a model's JSON state is made of numbers, text, lists and dictionaries."
        " Arrays belong to the second part of the state."
    )


def _check_registered(recipe: Recipe) -> None:
    """A model of an unregistered recipe could never be loaded: say so now."""
    if not is_registered(recipe):
        raise ForetellError(
            f"{type(recipe).__name__} is not the recipe registered as {recipe.name!r}, so its model could not be loaded."
            " Register it in your package's entry points, group 'foretell.recipes'."
        )


def _pack(recipe: str, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    from safetensors.numpy import save

    ready = {}
    for name, array in arrays.items():
        array = np.asarray(array, order="C")  # ascontiguousarray would make a 0-d array 1-d
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise ForetellError(
                f"array {name!r} of {recipe}'s state has dtype {array.dtype}; expected numbers or booleans"
            )
        ready[name] = array.astype(array.dtype.newbyteorder("="), copy=False)
    packed: bytes = save(ready, metadata={"recipe": recipe})  # one entry: several would come in any order
    return packed


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if folder.is_file():
        raise ForetellError(
            f"{folder} is a file, expected the folder of a model. Name the model first: MODEL, then SALES."
        )
    if not folder.is_dir():
        raise ForetellError(f"no model folder {folder}. Train one: foretell train ... --out {folder}")
    try:
        manifest = json.loads(_bytes(path))
    except ValueError as error:
        raise ForetellError(f"{path} is damaged: {_reason(error)}. Train the model again.") from error
    written = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(manifest, dict) and manifest.get("kind") == "panel":
        raise ForetellError(
            f"{folder} is a panel that `foretell ingest` wrote, expected a model. Name the model first."
        )
    if not isinstance(written, int) or isinstance(written, bool) or "recipe" not in manifest:
        raise ForetellError(f"{path} is no foretell manifest: it does not say its format and recipe")
    if written > FORMAT:
        libraries = manifest.get("libraries")
        newer = libraries.get("foretell", "unknown") if isinstance(libraries, dict) else "unknown"
        raise ForetellError(
            f"{folder} has model format {written} (written by foretell {newer}); this is foretell {_version('foretell')},"
            f" which reads formats up to {FORMAT}. Upgrade foretell, or train the model again."
        )
    return dict(manifest)


def _recipe_of(folder: Path, manifest: Mapping[str, Any]) -> Recipe:
    settings = manifest.get("hyperparameters")
    try:
        return make_recipe(str(manifest["recipe"]), settings if isinstance(settings, dict) else {})
    except ForetellError as error:
        raise ForetellError(f"{folder / MANIFEST}: {error}") from error


def _read_weights(folder: Path, manifest: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / WEIGHTS
    data, wanted = _bytes(path), manifest.get("weights")
    try:
        arrays: dict[str, NDArray[Any]] = load(data)
        owner = _owner(data)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ForetellError(
            f"{path} is damaged or cut short: {_reason(error)}. Train the model again."
        ) from error
    if owner != manifest["recipe"]:
        raise ForetellError(
            f"{path} holds the weights of recipe {owner!r}, but {MANIFEST} speaks of {manifest['recipe']!r}."
            " The two files come from different models."
        )
    if not isinstance(wanted, dict) or wanted.get("sha256") != hashlib.sha256(data).hexdigest():
        raise ForetellError(
            f"{path} is not the file that {MANIFEST} was written with: its checksum differs. The two files come from"
            " different models, or one was changed."
        )
    return arrays


def _owner(data: bytes) -> str:
    """The recipe that a safetensors file says it belongs to: its header is 8 bytes of length, then JSON."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return str(header.get("__metadata__", {}).get("recipe", "unknown"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ForetellError(f"{path} is missing: {path.parent} holds no whole model") from error
    except OSError as error:
        raise ForetellError(f"{path} cannot be read: {error.strerror}") from error


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
