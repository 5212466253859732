"""The one training loop of all neural recipes, on Lightning: warm up, hold, anneal.

While the learning rate holds, the last windows before the origin are kept out and validate; when that stops improving (or the
steps are used up), the best weights so far are annealed to a learning rate of zero with those windows trained on as well.
Under a time limit the annealing begins early enough to end in time, judged by how long the steps took so far.
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn

from foretell.errors import ForetellError, Interrupted
from foretell.networks.checkpoint import SafetensorsIO, tagged
from foretell.networks.device import computing, pick_device
from foretell.networks.distributed.ranks import SINGLE, Ranks
from foretell.networks.out_of_memory import short_of_memory
from foretell.networks.own_draws import training_draws
from foretell.networks.training_job import Batch, Progress, Schedule, TrainingJob
from foretell.recipe.task import Run
from foretell.system.listener import heard, shielded, tell
from foretell.system.quiet import quieted, unwarned

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
    callback = _ScheduleCallback(job, schedule, run, timer, ranks)
    module = _Module(job, schedule, callback)
    device = pick_device(run.device)
    resume = _checkpoint_to_resume(run, job.tag)
    draws = training_draws(job.network, device, shared=job.draws_globally)
    with quiet_lightning(), computing(run), draws as callback.seed:
        trainer = _trainer(job, schedule, run, callback, ranks)
        try:
            with interrupted_lightning(), short_of_memory("a training step", job.smaller):
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
    job: TrainingJob, schedule: Schedule, run: Run, callback: _ScheduleCallback, ranks: Ranks
) -> lightning.Trainer:
    device = pick_device(run.device)
    return lightning.Trainer(
        **_placed(device, ranks),
        precision=_precision(run, device),
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


class StepTimer:
    """How fast the steps go, and what a time limit leaves time for."""

    def __init__(
        self, limit: float, anneal: float, clock: Callable[[], float], ranks: Ranks = SINGLE
    ) -> None:
        self._clock, self._began, self._ranks = clock, clock(), ranks
        self._limit, self._hold = limit, limit * (1 - anneal)
        self._stepped, self._steps = 0.0, 0  # seconds spent in training steps, and their number
        self._step_began = self._began
        self._validation = 0.0  # seconds that the slowest one took

    @property
    def _spent(self) -> float:
        return self._clock() - self._began

    def step_begins(self) -> None:
        self._step_began = self._clock()

    def step_ends(self) -> None:
        self._stepped += self._clock() - self._step_began
        self._steps += 1

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Measures a validation."""
        began = self._clock()
        yield
        self._validation = max(self._validation, self._clock() - began)

    def may_validate(self) -> bool:
        """Whether a validation as slow as the slowest so far ends before annealing must begin."""
        return bool(self._ranks.from_first(self._spent + self._validation <= self._hold))

    def must_anneal(self) -> bool:
        """Whether the time at full learning rate is used up."""
        return bool(self._ranks.from_first(self._spent >= self._hold))

    def steps_left(self) -> int:
        """Training steps that fit into what is left of the limit."""
        seconds = self._stepped / max(self._steps, 1)
        left = max(self._limit - self._spent, 0.0)
        return int(self._ranks.from_first(left / seconds if seconds > 0 else 1 << 30))


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

    def __init__(self, job: TrainingJob, schedule: Schedule, callback: _ScheduleCallback) -> None:
        super().__init__()
        self.network = job.network
        self.job, self.schedule, self.callback = job, schedule, callback
        self._items = torch.empty(0, dtype=torch.long)  # of the batch at hand, for errors

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
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.clip)
        if not bool(torch.isfinite(norm)):
            raise self._diverged("gradient")

    def _diverged(self, what: str) -> ForetellError:
        names = sorted({self.job.names[int(item)] for item in self._items})
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        return ForetellError(
            f"the training {what} is not finite at step {self.global_step}; the items of that batch: {shown}."
            " Look for extreme values among them, or lower learning_rate."
        )


class _ScheduleCallback(lightning.Callback):
    """Sets the learning rate, validates, keeps the best weights, begins the annealing, writes checkpoints."""

    def __init__(
        self, job: TrainingJob, schedule: Schedule, run: Run, timer: StepTimer | None, ranks: Ranks
    ) -> None:
        self.job, self.schedule, self.run, self.timer, self.ranks = job, schedule, run, timer, ranks
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []
        self.seed: Callable[[int], Any] = torch.manual_seed  # of what dropout draws from

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
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
        self._losses.append(outputs["loss"].detach())
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
        self._tell(step, outputs["loss"])

    def _tell(self, step: int, loss: Tensor) -> None:
        """Say how far training is, and end it when it is cancelled."""
        figure = float(loss.detach()) if heard() else None
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
        for name, value in weights.items():
            self.average[name].lerp_(value, 1 - decay)

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
        self.progress = Progress(**state["progress"])
        device = next(self.job.network.parameters()).device
        self.best, self.average = (
            {name: value.to(device) for name, value in state[kind].items()} for kind in ("best", "average")
        )


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """The trained tensors by name, without gradients; buffers do not change."""
    return {name: value.detach() for name, value in network.named_parameters()}


def _checkpoint_to_resume(run: Run, tag: str) -> Path | None:
    if not run.resume or run.out is None or not checkpoint_path(run.out).exists():
        return None
    found = tagged(checkpoint_path(run.out))
    if found != tag:
        theirs, mine = found.partition(" ")[0], tag.partition(" ")[0]
        other = (
            f"recipe {theirs!r}, not {mine!r}" if theirs != mine else "other hyperparameters, data or seed"
        )
        raise ForetellError(
            f"the checkpoint in {run.out} is of {other}. Train without resume, or with another out folder."
        )
    return checkpoint_path(run.out)


def _precision(run: Run, device: torch.device) -> Any:
    half = run.precision == "bf16" or (
        run.precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return "bf16-mixed" if half else "32-true"


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes to `out` keeps its checkpoint."""
    return out / "checkpoint"


class _PastLightning(BaseException):
    """An interruption on its way through Lightning, which would end the process on a KeyboardInterrupt."""

    def __init__(self, stop: Interrupted) -> None:
        super().__init__(stop)
        self.stop = stop


@contextmanager
def past_lightning() -> Iterator[None]:
    """An Interrupted inside, called by Lightning, is raised from `interrupted_lightning` around the call to it."""
    try:
        yield
    except Interrupted as stop:
        raise _PastLightning(stop) from stop


@contextmanager
def interrupted_lightning() -> Iterator[None]:
    """A cancel is heard only where code calls `tell` in `past_lightning`, and raised as Interrupted.

    Ctrl-C stays a KeyboardInterrupt: Lightning turns it into SystemExit and leaves the signal switched off.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        with shielded():
            yield
    except _PastLightning as passed:
        raise passed.stop from None
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's hints about loaders, loggers and devices kept away from a host program's log and warnings."""
    with (
        quieted("lightning.pytorch", "lightning.fabric"),
        unwarned({"lightning": Warning, "torch": UserWarning}),
    ):
        yield
