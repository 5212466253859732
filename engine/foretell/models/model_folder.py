"""A model as a folder: `manifest.json` says what it is, `weights.safetensors` holds its arrays. Nothing in it can run code."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foretell.data.schema import Schema
from foretell.data.seen_range import SeenRange
from foretell.errors import ForetellError
from foretell.models.older_formats import upgraded
from foretell.models.saved_model import FORMAT, SavedModel
from foretell.recipe.adjustments import adjustment_from_json
from foretell.recipe.author_code import RecipeFailed, author_code
from foretell.recipe.dependence import Dependence
from foretell.recipe.protocols import Predictor, Recipe, State
from foretell.recipe.registry import is_registered, make_recipe, recipe_names, why_unregistered
from foretell.recipe.task import Run, Task
from foretell.system.host_state import host_state_kept
from foretell.system.regular_files import read_regular
from foretell.system.results import TRAINING, under_way
from foretell.system.strict_json import MOST_BYTES, parse_json, refuse_special
from foretell.system.tensor_header import checked_header
from foretell.system.typed import typed

MOST_WEIGHTS = 1 << 40  # bytes of the file of weights
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
# what `Recipe.load` raises on a state that is not of its making
UNFIT = (
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
)
LIBRARIES = ("foretell", "torch", "numpy", "gluonts", "lightning", "scikit-learn", "statsforecast")


def plain(value: Any, where: str) -> Any:
    """`value` as JSON's own types (numbers of numpy and tuples become Python's and lists); names what cannot be."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
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
        raise ForetellError(f"a model of it could not be loaded: {why_unregistered(recipe)}")


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


def read_manifest(folder: Path) -> SavedModel:
    """What the manifest of a model says, without its weights; raises ForetellError as `read_model`."""
    said = _read_manifest(folder)
    try:
        return typed(SavedModel, upgraded(said))
    except (ForetellError, *UNFIT) as error:
        if said["recipe"] not in recipe_names():
            make_recipe(said["recipe"])
        raise _damaged(folder / MANIFEST, _reason(error)) from error


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if folder.is_file():
        raise ForetellError(
            f"{folder} is a file, expected the folder of a model. Name the model first: MODEL, then SALES."
        )
    if not folder.is_dir():
        raise ForetellError(f"no model folder {folder}. Train one: foretell train ... --out {folder}")
    try:
        manifest = _strict(_bytes(path, MOST_BYTES))
    except ForetellError as error:
        raise _damaged(path, error) from error
    written = manifest.get("format") if isinstance(manifest, dict) else None
    if isinstance(manifest, dict) and manifest.get("kind") == "panel":
        raise ForetellError(
            f"{folder} is a panel that `foretell ingest` wrote, expected a model. Name the model first."
        )
    if type(written) is not int or not isinstance(manifest.get("recipe"), str):
        raise ForetellError(f"{path} is no foretell manifest: it does not say its format and recipe")
    if written < 1:
        raise _damaged(path, f"there is no format {written}")
    if written > FORMAT:
        libraries = manifest.get("libraries")
        newer = libraries.get("foretell", "unknown") if isinstance(libraries, dict) else "unknown"
        raise ForetellError(
            f"{folder} has model format {written} (written by foretell {newer}); this is foretell {_version('foretell')},"
            f" which reads formats up to {FORMAT}. Upgrade foretell, or train the model again."
        )
    return dict(manifest)


def _strict(data: bytes) -> Any:
    """A manifest. A score that is not defined was NaN up to format 2, and is null now."""
    manifest = parse_json(data, special=True)
    if isinstance(manifest, dict) and isinstance(manifest.get("scores"), dict):
        manifest["scores"] = {
            name: None if isinstance(score, float) and not math.isfinite(score) else score
            for name, score in manifest["scores"].items()
        }
    refuse_special(manifest)
    return manifest


def _damaged(path: Path, why: object) -> ForetellError:
    return ForetellError(f"{path} is damaged: {str(why).removesuffix('.')}. Train the model again.")


def _recipe_of(folder: Path, saved: SavedModel) -> Recipe:
    try:
        return make_recipe(saved.recipe, saved.hyperparameters)
    except (ForetellError, *UNFIT) as error:
        raise ForetellError(f"{folder / MANIFEST}: {_reason(error)}") from error


def _read_weights(folder: Path, saved: SavedModel) -> dict[str, NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / WEIGHTS
    data = _bytes(path, MOST_WEIGHTS)
    try:
        owner = checked_header(data).get("recipe", "unknown")
        arrays: dict[str, NDArray[Any]] = load(data)
    except (SafetensorError, *UNFIT) as error:
        raise ForetellError(
            f"{path} is damaged or cut short: {_reason(error)}. Train the model again."
        ) from error
    if owner != saved.recipe:
        raise ForetellError(
            f"{path} holds the weights of recipe {owner!r}, but {MANIFEST} speaks of {saved.recipe!r}."
            " The two files come from different models."
        )
    if saved.weights.sha256 != hashlib.sha256(data).hexdigest() or saved.weights.bytes != len(data):
        raise ForetellError(
            f"{path} is not the file that {MANIFEST} was written with: its checksum differs. The two files come from"
            " different models, or one was changed."
        )
    return arrays


def _bytes(path: Path, most: int) -> bytes:
    try:
        return read_regular(path, most=most)
    except FileNotFoundError as error:
        if under_way(path.parent):
            best = path.parent / TRAINING / "best"
            so_far = f" What it has learned so far is a model in {best}." if best.is_dir() else ""
            raise ForetellError(
                f"{path.parent} holds no model yet: its training was interrupted, or is still running. Go on with it:"
                f" resume=True.{so_far}"
            ) from error
        raise ForetellError(f"{path} is missing: {path.parent} holds no whole model") from error


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _reason(error: Exception) -> str:
    text = str(error).strip().splitlines()
    if isinstance(error, ForetellError):
        return text[0].removesuffix(".")
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def facts_of(saved: SavedModel, recipe: Recipe) -> dict[str, Any]:
    """The fields of a model that its manifest holds."""
    schema = Schema.from_json(saved.schema)
    return {
        "seed": saved.seed,
        "floor": saved.floor,
        "seen": None if saved.seen is None else SeenRange.from_json(saved.seen.known, saved.seen.past),
        "dependence": None if saved.dependence is None else Dependence.from_json(saved.dependence),
        "fit_seconds": saved.fit_seconds,
        "fingerprint": saved.fingerprint,
        "data": saved.data,
        "warned": saved.warned,
        "written": saved.written,
        "scores": {name: math.nan if score is None else score for name, score in saved.scores.items()},
        "resolved": make_recipe(recipe.name, saved.resolved),
        "task": Task(saved.task.horizon, saved.task.levels),
        "schema": schema,
        "inputs": None if saved.inputs is None else saved.inputs.check(schema),
        "adjustments": tuple(map(adjustment_from_json, saved.adjustments)),
    }


def predictor_of(
    folder: Path, recipe: Recipe, schema: Schema, task: Task, state: State, run: Run
) -> Predictor:
    """The predictor whose `state` was read from a folder; raises ForetellError naming it where they do not fit."""
    try:
        with host_state_kept(), author_code(recipe, "loading its state"):
            return recipe.load(schema, task, state, run)
    except ForetellError as error:
        if not isinstance(error, RecipeFailed) or not isinstance(error.__cause__, UNFIT):
            raise ForetellError(f"{folder}: {error}") from error  # such as a device that is not there
        raise ForetellError(
            f"{folder / WEIGHTS} does not hold the weights of {recipe.name!r} that {MANIFEST} speaks of:"
            f" {error.said.splitlines()[0]}. Train the model again."
        ) from error
