"""Manifests of older formats read as the present one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.recipe.protocols import abilities_of
from foretell.recipe.registry import recipe_class


def upgraded(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of format 1 or later as one of the present format; arrays are the same in all.

    Up to format 2 nothing was said of what training saw. Format 1 kept resolved settings and the seed in the state of those recipes that have any, and one calibration.
    """
    manifest = dict(manifest)
    if manifest["format"] < 3:
        manifest |= {"seen": None, "data": None}
    if manifest["format"] > 1:
        return manifest
    calibration = manifest.pop("calibration", None)
    part = _part(manifest["recipe"], manifest["hyperparameters"], manifest["state"])
    return {
        **manifest,
        **part,
        "adjustments": [] if calibration is None else [{"kind": "calibration", **calibration}],
    }


def _part(recipe: str, settings: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """`resolved`, `seed` and `state` of a model, or of a member of an ensemble."""
    state, resolved, seed = dict(state), settings, 0
    if abilities_of(recipe_class(recipe)).resolved:
        resolved, seed = state.pop("settings", settings), state.pop("seed", 0)
    if isinstance(state.get("members"), list):
        state["members"] = [
            {**member, **_part(member["recipe"], member["settings"], member["state"])}
            for member in state["members"]
        ]
    return {"resolved": resolved, "seed": seed, "state": state}
