"""Training checkpoints without pickle: one safetensors file whose metadata holds the rest as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.checkpoint_io import CheckpointIO
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from foretell.errors import ForetellError
from foretell.recipe.task import Run
from foretell.system.atomic_files import replacing
from foretell.system.regular_files import open_regular
from foretell.system.strict_json import parse_json

_TENSOR = "\0tensor"  # marks the place of a tensor in the JSON; no key of a checkpoint begins so


class SafetensorsIO(CheckpointIO):
    """Lightning's checkpoints as safetensors and JSON, marked with what they belong to, replaced atomically."""

    def __init__(self, tag: str) -> None:
        self.tag = tag

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: object = None) -> None:
        tensors: dict[str, torch.Tensor] = {}
        tree = _flatten(checkpoint, tensors)
        with replacing(path) as partial:
            try:
                save_file(tensors, partial, metadata={"tag": self.tag, "tree": json.dumps(tree)})
            except SafetensorError as error:  # such as a full disk
                raise ForetellError(
                    f"the checkpoint {path} cannot be written: {error}. Free some space, or name another folder: out="
                ) from error

    def load_checkpoint(
        self, path: Any, map_location: object = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        try:
            with _opened(Path(path)) as file:
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no iterator of its own
                said = (file.metadata() or {}).get("tree", "")
            loaded = _unflatten(parse_json(said, special=True), tensors)
            if not isinstance(loaded, dict):
                raise ForetellError("it holds no dictionary")
        except (SafetensorError, LookupError, TypeError, ValueError, RuntimeError) as error:
            raise damaged(path, error) from error
        return loaded

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def tagged(path: Path) -> str:
    """What the checkpoint at `path` says that it belongs to; ForetellError when it cannot be read."""
    with _opened(path) as file:
        return str((file.metadata() or {}).get("tag", ""))


def _opened(path: Path) -> Any:
    try:
        open_regular(path).close()
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError, ForetellError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> ForetellError:
    """What to say of a checkpoint that a training cannot go on from."""
    said = str(error)
    if isinstance(error, ForetellError) and said.startswith("the checkpoint"):
        return error
    why = (said.splitlines() or [""])[0].removesuffix(".")
    return ForetellError(
        f"the checkpoint {path} is damaged ({why or type(error).__name__}). Train without resume=."
    )


def _flatten(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON with a marker for each tensor. Dictionaries become lists of pairs: their keys may be integers."""
    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        return {"d": [[key, _flatten(item, tensors)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return {"l": [_flatten(item, tensors) for item in value]}
    assert value is None or isinstance(value, (bool, int, float, str)), (
        f"a checkpoint holds a {type(value).__name__}"
    )
    return value


def _unflatten(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        return tensors[value[_TENSOR]]
    if "d" in value:
        return {key: _unflatten(item, tensors) for key, item in value["d"]}
    return [_unflatten(item, tensors) for item in value["l"]]


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes to `out` keeps its checkpoint."""
    return out / "checkpoint"


def checkpoint_to_resume(run: Run, tag: str) -> Path | None:
    """The checkpoint that a run goes on from, if it asks for one and has one; ForetellError for one of another training."""
    if not run.resume or run.out is None or not checkpoint_path(run.out).exists():
        return None
    found = tagged(checkpoint_path(run.out))
    if found != tag:
        theirs, mine = found.partition(" ")[0], tag.partition(" ")[0]
        other = (
            f"recipe {theirs!r}, not {mine!r}" if theirs != mine else "other hyperparameters, data or seed"
        )
        raise ForetellError(
            f"the checkpoint in {run.out} is of {other}. Train without resume=, or with another out=."
        )
    return checkpoint_path(run.out)
