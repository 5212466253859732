"""foretell's side of every contest about networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from benchmarks.speed.settings import BATCH, CONTEXT, HORIZON, LAYERS, LEVELS, SAMPLES, WEEK, WIDTH, Settings
from foretell.data.panel import Panel
from foretell.networks.network_recipe import NetworkPredictor, NetworkRecipe, prepare
from foretell.networks.source import Source
from foretell.networks.trainer import fit_network
from foretell.networks.training_job import Batch, Schedule, TrainingJob
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.windows.sampling import drawing_device

DEEPAR: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_layers": LAYERS,
    "context_length": CONTEXT,
    "batch_size": BATCH,
    "num_samples": SAMPLES,
    "likelihood": "student_t",
}
MQRNN: dict[str, Any] = {"hidden_size": 64, "num_layers": LAYERS, "context_length": WEEK, "batch_size": BATCH}


@dataclass(frozen=True, slots=True)
class Untrained:
    """A recipe with its network and a panel placed on the device, as `fit` has them before its first step."""

    recipe: NetworkRecipe
    panel: Panel
    source: Source[Any]
    fitted: NetworkPredictor
    run: Run

    @classmethod
    def of(cls, name: str, hyperparameters: dict[str, Any], panel: Panel, settings: Settings) -> Untrained:
        """Of the recipe `name` for the horizon that all parts have."""
        run, task = Run(device=settings.device, threads=settings.threads), Task(HORIZON, LEVELS)
        recipe: Any = make_recipe(name, hyperparameters)
        fitted, source = prepare(recipe.resolved(panel, task), panel, task, run)
        return cls(fitted.recipe, panel, source, fitted, run)

    def batch(self, step: int) -> Batch:
        """The training batch of a step."""
        generator = torch.Generator(drawing_device(self.source.windows.device)).manual_seed(step)
        return self.recipe.batch(self.source, generator)

    def loss(self, batch: Batch) -> torch.Tensor:
        return self.recipe.loss(self.fitted.network, batch)

    def train(self, steps: int) -> None:
        """Run foretell's own training loop for `steps`, without validation: the peers do none either."""
        self.fitted.network.train()
        job = TrainingJob(
            network=self.fitted.network,
            batch=lambda step, _: self.batch(step),
            loss=self.loss,
            validate=None,
            names=self.panel.names,
            tag="speed",
        )
        fit_network(job, Schedule(steps, 1e-3, patience=steps), self.run)

    @property
    def lags(self) -> Any:
        """The lags that deepar's network reads."""
        sizes: Any = self.fitted.sizes
        return sizes.lags

    def feeding(self, batches: int) -> Callable[[], None]:
        """Makes batches and nothing else; none is kept, as none is of the peer's."""

        def run() -> None:
            for step in range(batches):
                self.batch(step)

        return run
