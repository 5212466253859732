"""A version of a data set to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.ingest.dataset import Dataset
from foretell.service.schemas.models import TrainSpec
from foretell.service.work.order import Order
from foretell.workflows.train import load, train


def run(order: Order) -> Mapping[str, Any]:
    """Train, going on from the checkpoint that is there, and save."""
    spec = TrainSpec.model_validate(order.spec)
    start = order.spec["links"].get("from_model_id")
    model = train(
        Dataset.open(order.source("version_id", "dataset_versions")),
        recipe=spec.recipe,
        horizon=spec.horizon,
        levels=spec.levels,
        settings=spec.settings,
        time_limit=spec.time_limit,
        calibrate=spec.calibrate,
        start=None if start is None else load(order.home.folder("models", start)),
        out=order.kept,
        resume=True,
        seed=spec.seed,
    )
    model.save(order.target, overwrite=True)
    return {
        "recipe": model.recipe.name,
        "horizon": model.task.horizon,
        "levels": list(model.task.levels),
        "frequency": model.schema.frequency.alias,
        "fit_seconds": model.fit_seconds,
        "scores": dict(model.scores),
        "fingerprint": model.fingerprint,
    }
