"""What happens between the steps of a training: the learning rate, validations, the annealing, checkpoints."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any, cast

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn

from foretell.errors import ForetellError
from foretell.networks.checkpoint import checkpoint_path
from foretell.networks.checkpoint_limits import check_optimizer, check_progress
from foretell.networks.distributed.ranks import Ranks
from foretell.networks.lightning_calls import past_lightning
from foretell.networks.seeds import networks_of
from foretell.networks.step_timer import StepTimer
from foretell.networks.training_job import Progress, Schedule, TrainingJob
from foretell.recipe.task import Run
from foretell.system.listener import heard, tell

logger = logging.getLogger(__name__)


class ScheduleCallback(lightning.Callback):
    """Sets the learning rate, validates, keeps the best weights, begins the annealing, writes checkpoints."""

    def __init__(
        self, job: TrainingJob, schedule: Schedule, run: Run, timer: StepTimer | None, ranks: Ranks
    ) -> None:
        self.job, self.schedule, self.run, self.timer, self.ranks = job, schedule, run, timer, ranks
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        self.begun = False  # whether a step was taken: what a checkpoint holds was restored then
        self._losses: list[Tensor] = []
        self.seed: Callable[[int], Any] = torch.manual_seed  # of what dropout draws from

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        if trainer.global_step != self.progress.step:
            raise ForetellError(
                f"its loop is at step {trainer.global_step}, its progress at {self.progress.step}"
            )
        if trainer.global_step and not trainer.optimizers[0].state:
            raise ForetellError("it has no state of the optimizer")
        if trainer.global_step:
            check_optimizer(
                trainer.optimizers[0], cast(torch.optim.Optimizer, pl_module.configure_optimizers())
            )

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.begun = True
        if self.timer is not None:
            self.timer.step_begins()
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = self._learning_rate(trainer.global_step)
        # dropout too is a function of seed, step and rank alone, so that resuming needs nothing but the step
        self.seed(self.run.seed * 1_000_003 + trainer.global_step + self.ranks.rank * 1_000_000_000_039)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        step = self.progress.step = trainer.global_step
        self._average(step)
        loss = outputs["loss"].detach() / len(networks_of(self.job.network))
        self._losses.append(loss)
        if self.timer is not None:
            self.timer.step_ends()
        if self.progress.anneal_from is None:
            self._hold(step)
        elif self.timer is not None and self.progress.end is not None:
            self.progress.end = min(self.progress.end, step + self.timer.steps_left())
        if step % self.schedule.validate_every == 0:
            self._note(step)
            if self.run.out is not None:
                trainer.save_checkpoint(checkpoint_path(self.run.out))
        if self.progress.end is not None and step >= self.progress.end:
            trainer.should_stop = True
        self._tell(step, loss)

    def _tell(self, step: int, loss: Tensor) -> None:
        """Say how far training is, and end it when it is cancelled."""
        figure = float(loss) if heard() else None
        score = self.progress.best_score if self.progress.scores else None
        with past_lightning():
            tell("train", step, self.progress.end or self.schedule.max_steps, loss=figure, score=score)

    def _hold(self, step: int) -> None:
        """Validate when it is time to, and begin the annealing when it is time for that."""
        due = step % self.schedule.validate_every == 0 or step >= self.schedule.hold_until
        if due and (self.timer is None or self.timer.may_validate()):
            with nullcontext() if self.timer is None else self.timer.validating():
                self._validate(step)
        over = self.timer is not None and self.timer.must_anneal()
        if over or step >= self.schedule.hold_until or self.progress.stale > self.schedule.patience:
            self._begin_annealing(step)

    def _learning_rate(self, step: int) -> float:
        rate = self.schedule.learning_rate
        if self.progress.anneal_from is not None and self.progress.end is not None:
            done = (step - self.progress.anneal_from) / max(1, self.progress.end - self.progress.anneal_from)
            return rate * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))
        return rate * min(1.0, (step + 1) / max(1.0, self.schedule.warmup * self.schedule.max_steps))

    def _average(self, step: int) -> None:
        """Weights averaged over about the last 100 steps forecast far more evenly than those of any one step."""
        weights = _weights(self.job.network)
        if not self.average:
            self.average = {name: value.clone() for name, value in weights.items()}
        decay = min(self.schedule.averaging, step / (step + 10))
        averages = [self.average[name] for name in weights]
        torch._foreach_lerp_(
            averages, list(weights.values()), 1 - decay
        )  # on a GPU one launch, not one a tensor

    def _validate(self, step: int) -> None:
        if self.job.validate is None:
            return
        network = self.job.network
        current = {name: value.clone() for name, value in _weights(network).items()}
        network.eval()
        network.load_state_dict(self.average, strict=False)
        with torch.no_grad(), past_lightning():
            score = self.job.validate()
        network.load_state_dict(current, strict=False)
        network.train()
        self.progress.scores.append([step, score])
        if score < self.progress.best_score:
            self.progress.best_score, self.progress.best_step, self.progress.stale = score, step, 0
            self.best = {name: value.clone() for name, value in self.average.items()}
        else:
            self.progress.stale += 1
        logger.info("step %d: validation wQL %.4f (best %.4f)", step, score, self.progress.best_score)

    def _begin_annealing(self, step: int) -> None:
        self.job.network.load_state_dict(self.best or self.average, strict=False)
        length = max(1, self.schedule.max_steps - self.schedule.hold_until)
        if self.timer is not None:
            length = max(1, min(length, self.timer.steps_left()))
        self.progress.anneal_from, self.progress.end = step, min(step + length, self.schedule.max_steps)
        self.best = {}

    def _note(self, step: int) -> None:
        mean = self.ranks.sum(torch.stack(self._losses).mean()) / self.ranks.size
        self.progress.losses.append([step, float(mean)])
        self._losses = []

    def keep_best(self) -> None:
        """Put the best weights so far into the network: the validated ones, while annealing the average."""
        self.job.network.load_state_dict(self.best or self.average, strict=False)

    def state_dict(self) -> dict[str, Any]:
        return {"progress": asdict(self.progress), "best": self.best, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.progress = Progress.of(state["progress"])
        check_progress(self.progress, self.schedule)
        shapes = {name: value.shape for name, value in _weights(self.job.network).items()}
        for kind in ("best", "average"):
            if state[kind] and {name: value.shape for name, value in state[kind].items()} != shapes:
                raise ForetellError(f"its {kind} weights are not those of the network")
        device = next(self.job.network.parameters()).device
        self.best, self.average = (
            {name: value.to(device) for name, value in state[kind].items()} for kind in ("best", "average")
        )


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """The trained tensors by name, without gradients; buffers do not change."""
    return {name: value.detach() for name, value in network.named_parameters()}
