"""The one training loop of all neural recipes, on Lightning: warm up, hold, anneal.

While the learning rate holds, the last windows before the origin are kept out and validate; when that stops improving (or the
steps are used up), the best weights so far are annealed to a learning rate of zero with those windows trained on as well.
Under a time limit the annealing begins early enough to end in time, judged by the pace of the steps so far.
"""

from __future__ import annotations

import logging
import math
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import lightning.pytorch as lightning
import torch
from torch import Tensor, nn

from foretell.checkpoint import SafetensorsIO, tagged
from foretell.errors import ForetellError
from foretell.task import Run

logger = logging.getLogger(__name__)

# The steps of a recurrent network this small are over before a second thread has woken up, and on a shared machine the
# threads wait for one another: a training step of 0.1 s on one thread took up to 15 s on two beside other work.
CPU_THREADS = 1


class Batch(Protocol):
    """What a recipe's feed returns; the loop asks only for the positions of its items, to name them in an error."""

    @property
    def items(self) -> Tensor: ...  # [B]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast."""

    max_steps: int  # gradient steps, annealing included
    learning_rate: float
    patience: int  # validations without a better score until the learning rate is annealed
    validations: int = 20  # evenly spread over the steps at full learning rate
    warmup: float = 0.05  # share of max_steps in which the learning rate rises
    anneal: float = 0.35  # share of max_steps in which it falls to zero, however early that begins
    clip: float = 1.0  # largest norm of a gradient
    averaging: float = (
        0.99  # decay of the running average of the weights, which is what is validated and kept
    )

    @property
    def hold_until(self) -> int:
        """The step at which annealing begins at the latest."""
        return max(1, round(self.max_steps * (1 - self.anneal)))

    @property
    def validate_every(self) -> int:
        return max(1, self.hold_until // self.validations)


@dataclass(slots=True)
class Progress:
    """Where training stands; saved in checkpoints."""

    step: int = 0
    best_score: float = math.inf
    best_step: int = 0
    stale: int = 0  # validations since the best one
    anneal_from: int | None = None
    end: int | None = None  # the step at which annealing ends
    losses: list[list[float]] = field(default_factory=list)  # [step, mean training loss since the last row]
    scores: list[list[float]] = field(default_factory=list)  # [step, validation score]


@dataclass(frozen=True, slots=True)
class Work:
    """What a recipe hands to the loop."""

    network: nn.Module
    batch: Callable[
        [int, bool], Batch
    ]  # (step, whether the held-out windows are trained on too) -> batch; a pure function
    loss: Callable[[Any], Tensor]
    validate: (
        Callable[[], float] | None
    )  # score of the network as it is, lower is better; None: histories too short
    names: list[str]  # [N] of items, for errors
    tag: str  # what a checkpoint must match to be resumed: recipe, hyperparameters, data


def pick_device(name: str) -> torch.device:
    """The torch device that `auto`, `cpu`, `cuda`, `cuda:1` or `mps` means here; ForetellError when it is not there."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ForetellError(f"device must be auto, cpu, cuda, cuda:1, ... or mps, got {name!r}") from error
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(device.type, False) or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise ForetellError(f"device {name!r} is not on this machine. Use device='auto' or 'cpu'.")
    return device


@contextmanager
def seeded(run: Run) -> Iterator[None]:
    """Torch's random state and threads as `run` says inside; the host program's own are back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(run.seed)
        torch.set_num_threads(run.threads or CPU_THREADS)
        torch.set_flush_denormal(
            True
        )  # gradients that fade through a long LSTM become denormal: ten times slower
        try:
            yield
        finally:
            torch.set_flush_denormal(False)
            torch.set_num_threads(threads)


def fit_network(
    work: Work, schedule: Schedule, run: Run, *, clock: Callable[[], float] = time.monotonic
) -> Progress:
    """Train `work.network` in place. Raises ForetellError, with the items of the batch, when the loss is not finite.

    With `run.out` it leaves checkpoints in `out/checkpoint`, and `run.resume` goes on from there. `run.time_limit` is
    counted by `clock` from this call on.
    """
    pace = None if run.time_limit is None else Pace(run.time_limit, schedule.anneal, clock)
    conductor = _Conductor(work, schedule, run, pace)
    module = _Module(work, schedule, conductor)
    device = pick_device(run.device)
    resume = _checkpoint_to_resume(run, work.tag)
    with quiet_lightning(), seeded(run):
        trainer = lightning.Trainer(
            accelerator={"cuda": "gpu"}.get(device.type, device.type),
            devices=[device.index or 0] if device.type == "cuda" else 1,
            precision=_precision(run, device),
            max_steps=schedule.max_steps,
            max_epochs=-1,
            gradient_clip_val=schedule.clip,
            callbacks=[conductor],
            plugins=[SafetensorsIO(work.tag)],
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=run.progress,
            default_root_dir=run.out or Path(),
        )
        with keyboard_interrupt():
            trainer.fit(
                module, train_dataloaders=_Steps(schedule.max_steps), ckpt_path=resume, weights_only=True
            )
    work.network.to(device).eval()
    return conductor.progress


class Pace:
    """How fast the steps go, and with that what a time limit leaves time for."""

    def __init__(self, limit: float, anneal: float, clock: Callable[[], float]) -> None:
        self._clock, self._began = clock, clock()
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
        return self._spent + self._validation <= self._hold

    def must_anneal(self) -> bool:
        """Whether the time at full learning rate is used up."""
        return self._spent >= self._hold

    def steps_left(self) -> int:
        """Training steps that fit into what is left of the limit."""
        seconds = self._stepped / max(self._steps, 1)
        left = max(self._limit - self._spent, 0.0)
        return int(left / seconds) if seconds > 0 else 1 << 30


class _Steps:
    """Stands in for a data loader: the batches themselves are made by step number, where they are used."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.count))

    def __len__(self) -> int:
        return self.count


class _Module(lightning.LightningModule):
    """The network as Lightning wants it; every decision is the conductor's."""

    def __init__(self, work: Work, schedule: Schedule, conductor: _Conductor) -> None:
        super().__init__()
        self.network = work.network
        self.work, self.schedule, self.conductor = work, schedule, conductor

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.network.parameters(), lr=self.schedule.learning_rate, weight_decay=1e-4)

    def training_step(self, _: object, __: int) -> Tensor:
        batch = self.work.batch(self.global_step, self.conductor.progress.anneal_from is not None)
        loss = self.work.loss(batch)
        if not bool(torch.isfinite(loss)):
            raise self._diverged(batch)
        return loss

    def _diverged(self, batch: Batch) -> ForetellError:
        names = sorted({self.work.names[int(item)] for item in batch.items})
        shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        return ForetellError(
            f"the training loss is not finite at step {self.global_step}; the items of that batch: {shown}."
            " Look for extreme values among them, or lower learning_rate."
        )


class _Conductor(lightning.Callback):
    """Sets the learning rate, validates, keeps the best weights, begins the annealing, writes checkpoints."""

    def __init__(self, work: Work, schedule: Schedule, run: Run, pace: Pace | None) -> None:
        self.work, self.schedule, self.run, self.pace = work, schedule, run, pace
        self.progress = Progress()
        self.best: dict[str, Tensor] = {}
        self.average: dict[str, Tensor] = {}
        self._losses: list[Tensor] = []

    def on_train_batch_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if self.pace is not None:
            self.pace.step_begins()
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = self._learning_rate(trainer.global_step)
        # dropout too is a function of seed and step alone, so that resuming needs nothing but the step
        torch.manual_seed(self.run.seed * 1_000_003 + trainer.global_step)

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
        if self.pace is not None:
            self.pace.step_ends()
        if self.progress.anneal_from is None:
            self._hold(step)
        elif self.pace is not None and self.progress.end is not None:
            self.progress.end = min(self.progress.end, step + self.pace.steps_left())
        if step % self.schedule.validate_every == 0:
            self._note(step)
            if self.run.out is not None:
                trainer.save_checkpoint(checkpoint_path(self.run.out))
        if self.progress.end is not None and step >= self.progress.end:
            trainer.should_stop = True

    def _hold(self, step: int) -> None:
        """Validate when it is time to, and begin the annealing when it is time for that."""
        due = step % self.schedule.validate_every == 0 or step >= self.schedule.hold_until
        if due and (self.pace is None or self.pace.may_validate()):
            with nullcontext() if self.pace is None else self.pace.validating():
                self._validate(step)
        over = self.pace is not None and self.pace.must_anneal()
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
        weights = _weights(self.work.network)
        if not self.average:
            self.average = {name: value.clone() for name, value in weights.items()}
        decay = min(self.schedule.averaging, step / (step + 10))
        for name, value in weights.items():
            self.average[name].lerp_(value, 1 - decay)

    def _validate(self, step: int) -> None:
        if self.work.validate is None:
            return
        network = self.work.network
        current = {name: value.clone() for name, value in _weights(network).items()}
        network.eval()
        network.load_state_dict(self.average, strict=False)
        with torch.no_grad():
            score = self.work.validate()
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
        self.work.network.load_state_dict(self.best or self.average, strict=False)
        length = max(1, self.schedule.max_steps - self.schedule.hold_until)
        if self.pace is not None:
            length = max(1, min(length, self.pace.steps_left()))
        self.progress.anneal_from, self.progress.end = step, min(step + length, self.schedule.max_steps)
        self.best = {}

    def _note(self, step: int) -> None:
        self.progress.losses.append([step, float(torch.stack(self._losses).mean())])
        self._losses = []

    def state_dict(self) -> dict[str, Any]:
        return {"progress": asdict(self.progress), "best": self.best, "average": self.average}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.progress = Progress(**state["progress"])
        self.best, self.average = state["best"], state["average"]


def _weights(network: nn.Module) -> dict[str, Tensor]:
    """The trained tensors by name, without gradients; buffers do not change."""
    return {name: value.detach() for name, value in network.named_parameters()}


def checkpoint_path(out: Path) -> Path:
    """Where a run that writes to `out` keeps its checkpoint."""
    return out / "checkpoint"


def _checkpoint_to_resume(run: Run, tag: str) -> Path | None:
    if not run.resume or run.out is None or not checkpoint_path(run.out).exists():
        return None
    if tagged(checkpoint_path(run.out)) != tag:
        raise ForetellError(
            f"the checkpoint in {run.out} belongs to another recipe, hyperparameters or data. Train without resume, or"
            " with another out folder."
        )
    return checkpoint_path(run.out)


def _precision(run: Run, device: torch.device) -> Any:
    half = run.precision == "bf16" or (
        run.precision == "auto"
        and device.type == "cuda"
        and torch.cuda.is_bf16_supported(including_emulation=False)
    )
    return "bf16-mixed" if half else "32-true"


@contextmanager
def keyboard_interrupt() -> Iterator[None]:
    """Ctrl-C stays a KeyboardInterrupt: Lightning turns it into SystemExit and leaves the signal switched off."""
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from error


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Lightning's hints about loaders, loggers and devices kept away from a host program's log and warnings."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        warnings.filterwarnings("ignore", module=r"torch\..*", category=UserWarning)
        yield
    for log, level in zip(loggers, levels, strict=True):
        log.setLevel(level)
