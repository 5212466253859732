"""Parts about networks: the feed, training, prediction, and what a training step is made of."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from benchmarks.speed import gluonts_side
from benchmarks.speed.ours import DEEPAR, MQRNN, Untrained
from benchmarks.speed.panels import Series
from benchmarks.speed.peers import Peer, peer
from benchmarks.speed.settings import (
    BATCH,
    CONTEXT,
    HORIZON,
    LAYERS,
    LEVELS,
    WEEK,
    Row,
    Settings,
    Unavailable,
)
from benchmarks.speed.timing import Case, Contestant, Sample, compete, row_of, timed
from foretell.networks.device import computing, pick_device
from foretell.networks.trainer import precision_of

ITEMS, LENGTH = 1000, 1000  # hourly series
WARM_UP = 3  # training steps that are not counted: kernels are loaded in the first ones
WORKER = {"horizon": HORIZON, "context": CONTEXT, "batch": BATCH, "layers": LAYERS, "levels": list(LEVELS)}


def feed(settings: Settings) -> list[Row]:
    """Batches alone: foretell's gathers against GluonTS' loader."""
    series = Series.make(settings.amount(ITEMS, least=100), LENGTH)
    ours = Untrained.of("deepar", DEEPAR, series.panel(), settings)
    many, few = settings.amount(200, least=20), settings.amount(20, least=5)
    theirs = gluonts_side.feeding(settings, series, few, ours.lags)

    def gather() -> Sample:
        with computing(ours.run):
            return timed(many * BATCH, ours.feeding(many), settings.device)

    case = Case("feed", f"context {CONTEXT}, horizon {HORIZON}, batch {BATCH}", "windows", 50)
    contestants: dict[str, Contestant | Unavailable] = {
        "foretell deepar": gather,
        "GluonTS loader": lambda: timed(few * BATCH, theirs, settings.device),
    }
    return compete(case, contestants, settings)


def training(settings: Settings) -> list[Row]:
    """Training end to end, without validation: deepar against GluonTS (and AutoGluon), mqrnn against neuralforecast."""
    series = Series.make(settings.amount(ITEMS, least=100), LENGTH)
    panel = series.panel()
    many, few = settings.amount(100, least=10), settings.amount(40, least=5)
    ours = Untrained.of("deepar", DEEPAR, panel, settings)
    forks = Untrained.of("mqrnn", MQRNN, panel, settings)
    theirs = gluonts_side.training(settings, series, few, ours.lags)
    return [
        *_training_deepar(ours, theirs, series, (many, few), settings),
        *_training_mqrnn(forks, series, many, settings),
    ]


def _training_deepar(
    ours: Untrained,
    theirs: Callable[[], object],
    series: Series,
    steps: tuple[int, int],  # ours, the peers'
    settings: Settings,
) -> list[Row]:
    many, few = steps
    deepar = Case("training", f"deepar, LSTM {LAYERS} x {DEEPAR['hidden_size']}", "windows", 8)
    with peer("autogluon", series, settings, **WORKER, width=DEEPAR["hidden_size"]) as autogluon:
        return compete(
            deepar,
            {
                "foretell deepar": lambda: timed(many * BATCH, lambda: ours.train(many), settings.device),
                "GluonTS DeepAREstimator": lambda: timed(few * BATCH, theirs, settings.device),
                "AutoGluon DeepAR": asking(autogluon, job="train", steps=few),
            },
            settings,
        )


def _training_mqrnn(forks: Untrained, series: Series, many: int, settings: Settings) -> list[Row]:
    mqrnn = Case("training", f"mqrnn, context {WEEK}, LSTM {LAYERS} x {MQRNN['hidden_size']}", "windows")
    with _neuralforecast(series, settings) as other:
        rows = compete(
            mqrnn,
            {
                "foretell mqrnn": lambda: timed(many * BATCH, lambda: forks.train(many), settings.device),
                "neuralforecast LSTM": asking(other, job="train", steps=many),
            },
            settings,
        )
    note = f"{getattr(forks.recipe, 'forks', 1)} forecasts are trained in each window of mqrnn, one in neuralforecast's"
    return [row | {"note": note} if row["system"] == "foretell mqrnn" else row for row in rows]


def prediction(settings: Settings) -> list[Row]:
    """Forecasts of 1,000 series by sample paths, deepar against GluonTS."""
    series = Series.make(settings.amount(ITEMS, least=20), LENGTH)
    panel = series.panel()
    ours = Untrained.of("deepar", DEEPAR, panel, settings)
    theirs = gluonts_side.predicting(settings, series, ours.lags)
    count = len(panel)
    case = Case("prediction", f"deepar, {DEEPAR['num_samples']} paths x {HORIZON} steps", "series", 3)
    with peer("autogluon", series, settings, **WORKER, width=DEEPAR["hidden_size"]) as autogluon:
        return compete(
            case,
            {
                "foretell deepar": lambda: timed(
                    count, lambda: ours.fitted.predict(panel, levels=LEVELS), settings.device
                ),
                "GluonTS DeepAREstimator": lambda: timed(count, theirs, settings.device),
                "AutoGluon DeepAR": asking(autogluon, job="predict"),
            },
            settings,
        )


def prediction_many(settings: Settings) -> list[Row]:
    """Forecasts of 30,000 series as a frame, mqrnn against neuralforecast's recurrent quantile model."""
    series = Series.make(settings.amount(30_000, least=300), 400)
    panel = series.panel()
    ours = Untrained.of("mqrnn", MQRNN, panel, settings)
    case = Case(
        "prediction of many",
        f"mqrnn, context {WEEK}, LSTM {LAYERS} x {MQRNN['hidden_size']}, 9 levels",
        "series",
        2,
    )

    def frame() -> object:
        return ours.fitted.predict(panel, levels=LEVELS).to_frame()

    with _neuralforecast(series, settings) as other:
        return compete(
            case,
            {
                "foretell mqrnn": lambda: timed(len(panel), frame, settings.device),
                "neuralforecast LSTM": asking(other, job="predict"),
            },
            settings,
        )


def step(settings: Settings) -> list[Row]:
    """What one training step is made of, and how long the whole loop takes for it."""
    panel = Series.make(settings.amount(ITEMS, least=100), LENGTH).panel()
    rows: list[Row] = []
    for name, hyperparameters in (("deepar", DEEPAR), ("mqrnn", MQRNN)):
        ours = Untrained.of(name, hyperparameters, panel, settings)
        rows += _profile(name, ours, settings)
        if settings.device == "cuda":
            rows.append(_outside_kernels(name, ours, settings))
    return rows


def batch_sizes(settings: Settings) -> list[Row]:
    """The curve of mqrnn's training over batch sizes, in forecast origins."""
    panel = Series.make(settings.amount(ITEMS, least=100), LENGTH).panel()
    rows: list[Row] = []
    steps = settings.amount(50, least=5)
    for size in (64, 256, 1024, 4096) if settings.device == "cuda" else (32, 128, 512):
        ours = Untrained.of("mqrnn", MQRNN | {"batch_size": size}, panel, settings)
        forks = getattr(ours.recipe, "forks", 1)
        work = steps * size * forks
        once = _once(ours, steps, work, settings.device)
        case = Case("batch size", f"mqrnn, batch {size}, {forks} forks a window", "origins")
        rows += compete(case, {"foretell mqrnn": once}, settings)
    return rows


def _once(ours: Untrained, steps: int, work: float, device: str) -> Contestant:
    return lambda: timed(work, lambda: ours.train(steps), device)


def asking(other: Peer | Unavailable, **job: Any) -> Contestant | Unavailable:
    """A contestant that asks a peer's process; a first question, not counted, shows whether it works at all."""
    if isinstance(other, Unavailable):
        return other
    try:
        other.ask(**job | ({"steps": 1} if "steps" in job else {}))
    except Unavailable as reason:
        return reason
    return lambda: other.ask(**job)


def _neuralforecast(series: Series, settings: Settings) -> Any:
    sizes = WORKER | {
        "context": MQRNN["context_length"],
        "width": MQRNN["hidden_size"],
        "series_at_once": 256,
    }
    return peer("neuralforecast", series, settings, **sizes)


def _profile(name: str, ours: Untrained, settings: Settings) -> list[Row]:
    """A row a phase; `other` is what foretell's loop takes beyond them."""
    steps = settings.amount(60, least=5)
    network = ours.fitted.network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    phases: dict[str, Sample] = {}
    spend = partial(_spend, phases, settings.device)
    with computing(ours.run):
        for number in range(-WARM_UP, steps):
            if number == 0:
                phases.clear()
            optimiser.zero_grad()
            batch = spend("feed", partial(ours.batch, number + WARM_UP))
            loss = spend("forward", partial(_forward, ours, batch))
            spend("backward", loss.backward)
            spend("optimiser", optimiser.step)
    whole = timed(steps, lambda: ours.train(steps), settings.device)
    seconds, cpu = (sum(sample[k] for sample in phases.values()) for k in (1, 2))
    phases["other"] = Sample(steps, max(whole.seconds - seconds, 0.0), max(whole.cpu_seconds - cpu, 0.0))
    return [
        row_of(Case("a training step", name, "steps"), f"foretell {name}: {phase}", sample)
        for phase, sample in phases.items()
    ]


def _forward(ours: Untrained, batch: Any) -> torch.Tensor:
    """The loss in the precision that the training loop takes on the device."""
    device = pick_device(ours.run.device)
    with torch.autocast(device.type, torch.bfloat16, enabled=precision_of(ours.run, device) == "bf16-mixed"):
        return ours.loss(batch)


def _spend(phases: dict[str, Sample], device: str, phase: str, run: Callable[[], Any]) -> Any:
    """What `run` gives; its time is added to `phases`."""
    result: list[Any] = []
    took = _quick(lambda: result.append(run()), device)
    before = phases.get(phase, Sample(0, 0.0, 0.0))
    phases[phase] = Sample(before.work + 1, before.seconds + took[0], before.cpu_seconds + took[1])
    return result[0]


def _outside_kernels(name: str, ours: Untrained, settings: Settings) -> Row:
    """What is left of the loop's wall time when the time of the device's kernels is taken from it."""
    from torch.profiler import ProfilerActivity, profile

    steps = settings.amount(60, least=5)
    whole = timed(steps, lambda: ours.train(steps), settings.device)
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        ours.train(steps)
    kernels = sum(event.self_device_time_total for event in seen.key_averages()) / 1e6
    outside = max(whole.seconds - kernels, 0.0)
    sample = Sample(steps, outside, whole.cpu_seconds)
    note = f"{100 * outside / whole.seconds:.0f} % of the step"
    return row_of(Case("a training step", name, "steps"), f"foretell {name}: outside kernels", sample, note)


def _quick(run: Callable[[], object], device: str) -> tuple[float, float]:
    """As `timed`, without collecting garbage first."""
    if device == "cuda":
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - wall, time.process_time() - cpu
