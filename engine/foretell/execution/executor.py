"""Where work runs: an executor takes tasks by name, with numbers, names and paths, and gives back as little.

    @task("add one")
    def add_one(arguments: Json) -> Json:
        return {"sum": arguments["number"] + 1}

    with LocalExecutor(workers=2) as executor:
        handle = executor.submit("add one", {"number": 1})
        done = next(executor.wait([handle]))

No function, array or row goes to another process: large things are files, and a task gets their names. `LocalExecutor` runs
tasks in processes of this machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol

from foretell.errors import ForetellError
from foretell.recipe.author_code import RecipeFailed

Json = Mapping[str, Any]  # what `json` writes and reads back
Function = Callable[[Json], Json]

MOST: Final = 1 << 16  # bytes of a task's arguments, and of its result
_TASKS: Final[dict[str, Function]] = {}
_GPU: ContextVar[int | None] = ContextVar("_GPU", default=None)


@dataclass(frozen=True, slots=True)
class Handle:
    """A task that was submitted."""

    number: int
    task: str


@dataclass(frozen=True, slots=True)
class Done:
    """A task that ended well."""

    handle: Handle
    result: Json


@dataclass(frozen=True, slots=True)
class Failed:
    """A task that did not."""

    handle: Handle
    message: str  # for people, in one line
    kind: str = "crash"  # ForetellError, RecipeFailed: what the task raised; crash: anything else
    said: str = ""  # of a RecipeFailed
    signal: str = ""  # that killed its process: SIGKILL
    lines: tuple[str, ...] = ()  # the last that its process wrote, the trace among them

    @property
    def error(self) -> ForetellError | RuntimeError:
        """What to raise in its place; the last lines of its process are its cause."""
        made: ForetellError | RuntimeError
        if self.kind == "RecipeFailed":
            made = RecipeFailed(self.message)
            made.said = self.said
        elif self.kind == "ForetellError" or self.signal:
            made = ForetellError(self.message)
        else:  # a fault of ours
            made = RuntimeError(self.message)
        made.__cause__ = ElsewhereError("\n".join(self.lines)) if self.lines else None
        return made


class ElsewhereError(Exception):
    """What another process wrote before it failed."""

    def __str__(self) -> str:
        return f"in another process:\n{self.args[0]}"


class Executor(Protocol):
    """Runs tasks somewhere: `with` closes it at the end."""

    def submit(
        self, task: str, arguments: Json, *, cpus: float = 1, gpus: float = 0, memory: int = 0
    ) -> Handle:
        """Have `task` done with `arguments` as soon as there is room for it.

        Args:
            task: its name; see `task`.
            arguments: `MOST` bytes of JSON at most.
            cpus: cores that it keeps busy.
            gpus: 1 where it needs a GPU, which it then has alone.
            memory: bytes that it takes of its own; 0 where that is next to nothing.
        """
        ...

    def wait(self, handles: Sequence[Handle]) -> Iterator[Done | Failed]:
        """Those tasks as they end, in the order of their ends."""
        ...

    def cancel(self, handle: Handle) -> None:
        """End a task, or never begin it; nothing is heard of it any more."""
        ...

    def close(self) -> None:
        """End all tasks."""
        ...


def task(name: str) -> Callable[[Function], Function]:
    """Registers a function of a module as the task called `name`; it takes and returns JSON."""

    def register(function: Function) -> Function:
        known = _TASKS.setdefault(name, function)
        if (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            raise ForetellError(f"there is a task {name!r} already, in {known.__module__}")
        return function

    return register


def home_of(name: str) -> str:
    """The module of the task called `name`: another process imports it."""
    if name not in _TASKS:
        raise ForetellError(f"there is no task {name!r}. There are: {', '.join(sorted(_TASKS))}")
    return _TASKS[name].__module__


def run_task(name: str, module: str, arguments: Json) -> Json:
    """Do a task of `module` here; its result, which is JSON of `MOST` bytes at most."""
    import_module(module)
    home_of(name)
    result = _TASKS[name](arguments)
    return packed(result, f"the result of the task {name!r}")


@contextmanager
def on_gpu(number: int | None) -> Iterator[None]:
    """Inside, `own_gpu` is `number`."""
    token = _GPU.set(number)
    try:
        yield
    finally:
        _GPU.reset(token)


def own_gpu() -> int | None:
    """The GPU that the task at hand has alone; None where it asked for none."""
    return _GPU.get()


def packed(value: Json, what: str) -> Json:
    """`value` as it is read from JSON; raises ForetellError for what JSON cannot say, and for more than `MOST` bytes of it."""
    try:
        text = json.dumps(value)
    except (TypeError, ValueError) as error:
        raise ForetellError(f"{what} is no JSON ({error}): give numbers, names and paths") from error
    if len(text) > MOST:
        raise ForetellError(
            f"{what} takes {len(text):,} bytes, at most {MOST:,} can be handed over: put it into a file, and give its path"
        )
    read: Json = json.loads(text)
    return read
