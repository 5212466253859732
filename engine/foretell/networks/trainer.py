"""The one training loop of all neural recipes, on Lightning: warm up, hold, anneal.

While the learning rate holds, the last windows before the origin are kept out and validate; when that stops improving (or the
steps are used up), the best weights so far are annealed to a learning rate of zero with those windows trained on as well.
Under a time limit the annealing begins early enough to end in time, judged by how long the steps took so far.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor

from foretell.errors import ForetellError, Interrupted
from foretell.networks.checkpoint import SafetensorsIO, checkpoint_to_resume, damaged
from foretell.networks.checkpoint_limits import check_counters
from foretell.networks.device import computing, pick_device
from foretell.networks.distributed.ranks import SINGLE, Ranks
from foretell.networks.lightning_calls import interrupted_lightning, quiet_lightning
from foretell.networks.out_of_memory import short_of_memory
from foretell.networks.own_draws import training_draws
from foretell.networks.seeds import clip_gradients
from foretell.networks.step_timer import StepTimer
from foretell.networks.training_job import Batch, Diverged, Progress, Schedule, TrainingJob
from foretell.networks.training_schedule import ScheduleCallback
from foretell.recipe.task import Run

logger = logging.getLogger(__name__)


def fit_network(
    job: TrainingJob,
    schedule: Schedule,
    run: Run,
    *,
    clock: Callable[[], float] = time.monotonic,
    ranks: Ranks = SINGLE,
) -> Progress:
    """Train `job.network` in place. Raises ForetellError, with the items of the batch, when the loss is not finite.

    With `run.out` it leaves checkpoints in `out/checkpoint`, and `run.resume` goes on from there. `run.time_limit` is
    counted by `clock` from the beginning of the loop on. A cancel and Ctrl-C raise Interrupted, with the best weights so far
    in the network. Several `ranks` go through the steps together, each with its own rows of every batch.
    """
    timer = None if run.time_limit is None else StepTimer(run.time_limit, schedule.anneal, clock, ranks)
    callback = ScheduleCallback(job, schedule, run, timer, ranks)
    module = _Module(job, schedule, callback)
    device = pick_device(run.device)
    resume = checkpoint_to_resume(run, job.tag)
    draws = training_draws(job.network, device, shared=job.draws_globally)
    with quiet_lightning(), computing(run), draws as callback.seed:
        trainer = _trainer(job, schedule, run, callback, ranks)
        try:
            with (
                _resumed(resume, callback),
                interrupted_lightning(),
                short_of_memory("a training step", job.smaller),
            ):
                steps = _Steps(schedule.max_steps)
                trainer.fit(module, train_dataloaders=steps, ckpt_path=resume, weights_only=True)
        except KeyboardInterrupt as stop:
            if callback.progress.step == 0:
                raise
            callback.keep_best()
            job.network.to(device).eval()
            raise Interrupted(callback.progress.describe(schedule)) from stop
    job.network.to(device).eval()
    return callback.progress


def _trainer(
    job: TrainingJob, schedule: Schedule, run: Run, callback: ScheduleCallback, ranks: Ranks
) -> lightning.Trainer:
    device = pick_device(run.device)
    return lightning.Trainer(
        **_placed(device, ranks),
        precision=precision_of(run, device),
        max_steps=schedule.max_steps,
        max_epochs=-1,
        gradient_clip_val=schedule.clip,
        use_distributed_sampler=False,  # each rank gathers its own rows of a batch
        callbacks=[callback],
        plugins=[SafetensorsIO(job.tag)],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        default_root_dir=run.out or Path(),
    )


def _placed(device: torch.device, ranks: Ranks) -> dict[str, Any]:
    """Lightning's arguments for the device and the other ranks."""
    cuda = device.type == "cuda"
    accelerator = "gpu" if cuda else device.type
    if ranks.size == 1:
        return {"accelerator": accelerator, "devices": [device.index or 0] if cuda else 1}
    # buffers never change, so that they need not be sent around
    together = DDPStrategy(cluster_environment=_RanksEnvironment(ranks), broadcast_buffers=False)
    devices = list(range(ranks.size)) if cuda else ranks.size
    return {"accelerator": accelerator, "devices": devices, "strategy": together}


class _RanksEnvironment(ClusterEnvironment):
    """Tells Lightning that its processes run already, and that their group is made."""

    def __init__(self, ranks: Ranks) -> None:
        super().__init__()
        self._ranks = ranks

    creates_processes_externally = True
    main_address = "localhost"  # neither is used: the group was made over a file
    main_port = 0

    @staticmethod
    def detect() -> bool:
        return False

    def world_size(self) -> int:
        return self._ranks.size

    def set_world_size(self, size: int) -> None:
        assert size == self._ranks.size

    def global_rank(self) -> int:
        return self._ranks.rank

    def set_global_rank(self, rank: int) -> None:
        assert rank == self._ranks.rank

    def local_rank(self) -> int:
        return self._ranks.rank

    def node_rank(self) -> int:
        return 0


class _Steps:
    """Stands in for a data loader: the batches themselves are made by step number, where they are used."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


class _Module(lightning.LightningModule):
    """The network as Lightning wants it; the callback takes every decision."""

    def __init__(self, job: TrainingJob, schedule: Schedule, callback: ScheduleCallback) -> None:
        super().__init__()
        self.network = job.network
        self.job, self.schedule, self.callback = job, schedule, callback
        self._items = torch.empty(0, dtype=torch.long)  # of the batch at hand, for errors

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        check_counters(checkpoint)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        rate = self.schedule.learning_rate
        return torch.optim.AdamW(self.network.parameters(), lr=rate, weight_decay=1e-4, fused=True)

    def training_step(self, _: object, __: int) -> Tensor:
        batch = self.job.batch(self.global_step, self.callback.progress.anneal_from is not None)
        loss = self.job.loss(batch)
        self._items = batch.items
        if not bool(torch.isfinite(loss)):
            raise self._diverged("loss")
        return loss if self.callback.ranks.size == 1 else self._share_of_loss(loss, batch)

    def _share_of_loss(self, loss: Tensor, batch: Batch) -> Tensor:
        """The loss so scaled that its mean over the ranks is the loss of the whole batch."""
        ranks, weigh = self.callback.ranks, self.job.weight
        if weigh is None:
            return loss
        mine = weigh(batch)
        return loss * mine.clamp(min=1) / ranks.sum(mine).clamp(min=1) * ranks.size

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip, and stop where the loss is finite but its gradient is not: one more step would spoil the weights."""
        norm = clip_gradients(self.network, self.schedule.clip)
        if not bool(torch.isfinite(norm)):
            raise self._diverged("gradient")

    def _diverged(self, what: str) -> ForetellError:
        names = sorted({self.job.names[int(item)] for item in self._items})
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        return Diverged(
            f"the training {what} is not finite at step {self.global_step}; the items of that batch: {shown}."
            " Look for extreme values among them, or lower learning_rate."
        )


@contextmanager
def _resumed(checkpoint: Path | None, callback: ScheduleCallback) -> Iterator[None]:
    """What goes wrong before the first step of a training that goes on from a `checkpoint` is the checkpoint's fault."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, ArithmeticError) as error:
        if checkpoint is None or callback.begun:
            raise
        raise damaged(checkpoint, error) from error


def precision_of(run: Run, device: torch.device) -> Any:
    """Lightning's word for the precision that `run` asks for: bf16 by itself where the card has it."""
    half = run.precision == "bf16" or (
        run.precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return "bf16-mixed" if half else "32-true"
