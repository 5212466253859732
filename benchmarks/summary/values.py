"""What the committed tables say, as texts by name: figures for sentences, and whole tables in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from benchmarks.accuracy import volume
from benchmarks.accuracy.results import read_results
from benchmarks.accuracy.spread import read_spreads
from benchmarks.accuracy.suites import BenchmarkTask, read_suites
from benchmarks.accuracy.task_results import TaskResults, task_results
from benchmarks.speed import ingest
from benchmarks.speed import results as speed
from benchmarks.summary import accuracy_values, speed_values


@dataclass(frozen=True)
class Tables:
    """The committed tables as they are read."""

    rows: pd.DataFrame  # of accuracy: one a task, recipe and seed
    tasks: Mapping[str, BenchmarkTask]
    spreads: Mapping[str, float]  # of the ratio of `auto` to `ets`, by task
    volume: pd.DataFrame
    speed: pd.DataFrame
    ingest: Sequence[Mapping[str, str]]


def read_tables() -> Tables:
    """All of them. Raises ForetellError where a line is no row."""
    return Tables(
        rows=read_results(),
        tasks=read_suites(),
        spreads=read_spreads(),
        volume=volume.joined(volume.read(volume.RESULTS)),
        speed=speed.read(),
        ingest=ingest.read(ingest.HOME / "ingest.csv"),
    )


def values_of(tables: Tables) -> dict[str, str]:
    """By the name that a text calls it by."""
    boards: dict[str, TaskResults] = {
        name: task_results(tables.rows, task) for name, task in tables.tasks.items()
    }
    return {
        **accuracy_values.of_auto(boards, tables.spreads),
        **accuracy_values.of_left_out(boards),
        **accuracy_values.of_recipes(boards),
        **accuracy_values.of_deepar(boards, tables.rows),
        **accuracy_values.of_volume(tables.volume),
        **speed_values.of_peers(tables.speed),
        **speed_values.of_growth(tables.speed),
        **speed_values.of_ingest(tables.ingest),
    }
