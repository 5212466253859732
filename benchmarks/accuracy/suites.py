"""The tasks of the benchmark, as the TOML files beside this one describe them: one file a suite."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from foretell.errors import ForetellError, nearest

FOLDER = Path(__file__).parent / "suites"
SUITES = ("retail", "classic", "amazon")
# more.toml holds tasks of no suite; left_out.toml those whose Seasonal Naive here is not the published one
FILES = (*SUITES, "more", "left_out")
# published systems whose weights were trained on far more data than a task has
PRETRAINED = frozenset(
    {
        "Bolt-small",
        "Bolt-base",
        "Chronos-Bolt",
        "Chronos-large",
        "Chronos-2",
        "Chronos-2-synth",
        "FlowState",
        "Moirai-base",
        "Moirai-large",
        "PatchTST-FM",
        "TabPFN-TS",
        "TabPFN-TS-3",
        "TempoPFN",
        "TimeCopilot",
        "TimesFM-2.0",
        "TimesFM-2.5",
        "TiRex",
        "TiRex-2",
        "Toto-2.0",
        "Toto-2.0-2.5B",
        "TS-ICL",
    }
)
LEVELS = {"nine": tuple(round(0.1 * k, 1) for k in range(1, 10))}
# the published system that says whether a task's data and scores are the published ones
NAIVE = "Seasonal Naive"
_READING = ("freq", "known", "past", "open", "ends", "season", "filling", "dimensions")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkTask:
    """What is asked of every recipe, and what others reached. A file's table [suite] holds defaults for its tasks."""

    name: str
    suite: str
    about: str
    horizon: int
    levels: tuple[float, ...]
    reading: Mapping[str, Any]  # arguments of foretell.Dataset beside its tables
    target: str = ""  # path of the table below FORETELL_DATA
    related: tuple[str, ...] = ()
    items: str = ""
    loader: str = ""  # one of loaders.LOADERS, which makes the tables instead
    load: Mapping[str, Any] = field(default_factory=dict)  # its arguments
    windows: int = 1  # one horizon apart, the last one ending with the data
    skip_last: bool = False  # leave the last window out of the scores
    refit: Literal["never", "every"] = "never"  # train once before the earliest window, or in each
    by: str = ""  # a column of the key: wQL is the mean over its values of each one's own
    least_size: float = 0.0  # with `by`: the mean |y| of a group counts as at least this
    recipes: tuple[str, ...] = ()  # run unless --recipe says otherwise; settings follow a colon
    shown: tuple[str, ...] = ("wQL", "MASE")  # the scores of the tables, the ranking one first
    source: str = ""  # of the published figures
    # how the published Seasonal Naive was made: see naive.py
    naive: Mapping[str, Any] = field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # score -> system -> figure
    trained_on: tuple[
        str, ...
    ] = ()  # pretrained systems that have seen the task's data: shown, never to be beaten
    left_out: str = ""  # why Seasonal Naive here is not the published one; no result of such a task counts

    def rivals(self, score: str) -> dict[str, float]:
        """The published figures of `score` to be beaten, the best first: without Seasonal Naive and `trained_on`."""
        systems = self.published.get(score, {})
        kept = {k: v for k, v in systems.items() if k != NAIVE and k not in self.trained_on}
        return dict(sorted(kept.items(), key=lambda pair: pair[1]))

    def marked(self, system: str) -> str:
        """A published system's name with its marks: ° is pretrained, † has also seen this task's data."""
        return system + "°" * (system in PRETRAINED) + "†" * (system in self.trained_on)


def read_suites(folder: Path = FOLDER) -> dict[str, BenchmarkTask]:
    """All tasks by name, in the order of the suites and of their files."""
    paths = [folder / f"{name}.toml" for name in FILES]
    tasks: dict[str, BenchmarkTask] = {}
    for path in (path for path in paths if path.exists()):
        for task in _read(path):
            if task.name in tasks:
                raise ForetellError(
                    f"the task {task.name!r} stands in {tasks[task.name].suite} and in {task.suite}"
                )
            tasks[task.name] = task
    return tasks


def read_about(folder: Path = FOLDER) -> dict[str, str]:
    """What each suite is, in a sentence."""
    paths = [folder / f"{name}.toml" for name in FILES]
    return {path.stem: tomllib.loads(path.read_text())["suite"]["about"] for path in paths if path.exists()}


def choose(
    tasks: Mapping[str, BenchmarkTask], suites: Sequence[str], names: Sequence[str]
) -> list[BenchmarkTask]:
    """The tasks of `suites` ("all" is all of them) and those called `names`."""
    unknown = [name for name in names if name not in tasks]
    if unknown:
        raise ForetellError(
            f"no task {unknown[0]!r}.{nearest(unknown[0], tasks)} There are: {', '.join(tasks)}"
        )
    wanted = SUITES if "all" in suites else suites
    return [task for task in tasks.values() if task.suite in wanted or task.name in names]


def _read(path: Path) -> list[BenchmarkTask]:
    tables = tomllib.loads(path.read_text())
    defaults = {key: value for key, value in tables.pop("suite").items() if key != "about"}
    return [_task(path.stem, name, {**defaults, **table}) for name, table in tables.items()]


def _task(suite: str, name: str, table: Mapping[str, Any]) -> BenchmarkTask:
    known = {each.name for each in fields(BenchmarkTask)} - {"name", "suite", "reading"}
    for key in table:
        if key not in known and key not in _READING:
            raise ForetellError(
                f"task {name!r} has an unknown key {key!r}.{nearest(key, [*known, *_READING])}"
            )
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in table.items()
        if key not in _READING
    }
    levels = values.pop("levels")
    return BenchmarkTask(
        name=name,
        suite=suite,
        reading={key: table[key] for key in _READING if key in table},
        levels=LEVELS[levels] if isinstance(levels, str) else levels,
        **values,
    )
