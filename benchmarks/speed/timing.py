"""Contestants timed in turn, round after round, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.speed.settings import Row, Settings, Unavailable


class Sample(NamedTuple):
    """One measurement: how much work was done in how many seconds."""

    work: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Case:
    """What is measured: the names that a row of the results begins with."""

    part: str
    case: str
    unit: str  # of work: windows, series, ...
    target: float | None = None  # how many times as fast foretell must be


Contestant = Callable[[], Sample]


def timed(work: float, run: Callable[[], object], device: str = "cpu") -> Sample:
    """Seconds that `run` takes, on the wall and of this process's processors."""
    gc.collect()
    _wait(device)
    wall, cpu = time.perf_counter(), time.process_time()
    run()
    _wait(device)
    return Sample(work, time.perf_counter() - wall, time.process_time() - cpu)


def compete(case: Case, contestants: Mapping[str, Contestant | Unavailable], settings: Settings) -> list[Row]:
    """A row a contestant: the medians over rounds in which each has its turn. The first round warms up where there are more."""
    present = {name: run for name, run in contestants.items() if not isinstance(run, Unavailable)}
    samples: dict[str, list[Sample]] = {name: [] for name in present}
    for _ in range(settings.repeats):
        for name, run in present.items():
            samples[name].append(run())
    rows = []
    for name, each in contestants.items():
        if isinstance(each, Unavailable):
            rows.append(_row(case, name) | {"note": str(each)})
        else:
            rows.append(_row(case, name) | _medians(samples[name]))
    return rows


def row_of(case: Case, system: str, sample: Sample, note: str = "") -> Row:
    """The row of a single measurement."""
    return _row(case, system) | _medians([sample]) | {"note": note}


def _row(case: Case, system: str) -> Row:
    return {
        "part": case.part,
        "case": case.case,
        "system": system,
        "unit": case.unit,
        "target": case.target,
        "note": "",
    }


def _medians(samples: list[Sample]) -> Row:
    """Median seconds for the same work; rounds are many enough to leave one odd one out."""
    return {
        "work": samples[0].work,
        "repeats": len(samples),
        "seconds": statistics.median(sample.seconds for sample in samples),
        "cpu_seconds": statistics.median(sample.cpu_seconds for sample in samples),
    }


def _wait(device: str) -> None:
    """Until the device has done all that it was given."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
