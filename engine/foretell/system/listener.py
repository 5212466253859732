"""Who listens to a long action, and how it is cancelled.

    token = foretell.CancelToken()
    with foretell.listening(print, cancel=token):  # in the thread that works
        foretell.train(data, horizon=28)

Code that works long calls `tell` or `heed` where it can end. What it calls and cannot change (compiled models, queries) is
made `interruptible`. Listener and token belong to the block, not to a model: they reach every action inside, prediction and
ingestion too, no model keeps them, and none of them is sent to another process.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from foretell.errors import Interrupted
from foretell.system.interruption import Interruption

Stage = Literal["backtest", "explain", "fit series", "forecast", "ingest", "judge", "score", "train", "tune"]

_GRACE: Final = 0.2  # seconds that a cancelled action has to reach a place where it asks
# seconds after which it is interrupted again, should somebody's `except:` have swallowed it
_TIDYING: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """How far a long action is: what a listener is called with.

    Example:
        >>> event = foretell.Event(stage="train", done=200, total=1000, recipe="mqrnn")
        >>> f"{event.recipe}: {event.done / event.total:.0%}"
        'mqrnn: 20%'
    """

    stage: Stage
    done: int = 0  # steps, series, items, windows, rows: what the stage counts
    total: int | None = None  # None: not known
    recipe: str = ""  # that is at work; "" where none is
    loss: float | None = None  # of the last training step
    score: float | None = None  # wQL on held-out windows, the last one known; lower is better
    settings: Mapping[str, Any] = field(default_factory=dict)  # that a trial of `tune` tried
    message: str = ""  # for people


class Listener(Protocol):
    """Is called with each event, in the thread that works; any function of one argument is a listener.

    It should be quick. What it raises ends the action, and is raised from the `listening` block as it is.

    Example:
        >>> def show(event: foretell.Event) -> None:
        ...     print(event.stage, event.done, event.total)
    """

    def __call__(self, event: Event, /) -> None: ...


class CancelToken:
    """Cancels the actions it was given to, from any thread: they raise `Interrupted` at their next step.

    Example:
        >>> token = foretell.CancelToken()
        >>> token.cancel()
        >>> token.cancelled
        True
    """

    def __init__(self) -> None:
        self._lock, self._cancelled = threading.Lock(), False
        self._calls: list[Callable[[], None]] = []

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Cancel, for good."""
        with self._lock:
            first, self._cancelled = not self._cancelled, True
            calls = list(self._calls) if first else []
        for call in calls:
            call()

    def check(self) -> None:
        """Raises Interrupted when cancelled."""
        if self._cancelled:
            raise Interrupted("cancelled")

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Inside, `cancel` calls `call`, in its own thread; at once where it was called before."""
        with self._lock:
            self._calls.append(call)
            late = self._cancelled
        try:
            if late:
                call()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


@dataclass(slots=True)
class _Watch:
    """Of a `listening` block."""

    listener: Listener | None
    cancel: CancelToken | None
    interruption: Interruption | None = None  # of the `interruptible` block that its thread is in


class _ListenerFailed(BaseException):
    """A listener's own error on its way out: no `except Exception` takes it for a failing recipe's."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


_WATCH: ContextVar[_Watch | None] = ContextVar("_WATCH", default=None)
_RECIPE: ContextVar[str] = ContextVar("_RECIPE", default="")


@contextmanager
def listening(listener: Listener | None = None, *, cancel: CancelToken | None = None) -> Iterator[None]:
    """Inside, long actions of this thread tell `listener` how far they are, and end once `cancel` is cancelled.

    What is None is as in the block around this one.

    Args:
        listener: is called with each `foretell.Event`; any function of one argument.
        cancel: a `foretell.CancelToken`, which any thread may cancel.

    Raises:
        Interrupted: when cancelled. What the listener raises is raised as it is.

    Example:
        >>> stages = set()
        >>> with foretell.listening(lambda event: stages.add(event.stage)):
        ...     data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")
        >>> stages
        {'ingest'}
    """
    outer = _WATCH.get() or _Watch(None, None)
    token = _WATCH.set(_Watch(listener or outer.listener, cancel or outer.cancel))
    try:
        heed()
        yield
    except _ListenerFailed as failed:
        raise failed.error from None
    finally:
        _WATCH.reset(token)


@contextmanager
def working_on(recipe: str) -> Iterator[None]:
    """Inside, events name this recipe."""
    token = _RECIPE.set(recipe)
    try:
        yield
    finally:
        _RECIPE.reset(token)


def tell(stage: Stage, done: int, total: int | None = None, **more: Any) -> None:
    """Tell the listener how far `stage` is, with `more` fields of an Event, and heed a cancel.

    Args:
        stage: what is being done: "train" or "forecast" in a recipe.
        done: how much of it, in any unit.
        total: how much there is, in the same unit; None where that is not known.
        more: `loss`, `score` or `message`, fields of `foretell.Event`.

    Raises:
        Interrupted: as `heed` does.

    Example:
        >>> from foretell.recipe import tell
        >>> with foretell.listening(lambda event: print(event.stage, event.done, event.total)):
        ...     tell("train", 1, 10)
        train 1 10
    """
    watch = _WATCH.get()
    if watch is not None and watch.listener is not None:
        event = Event(stage=stage, done=done, total=total, **{"recipe": _RECIPE.get(), **more})
        try:
            watch.listener(event)
        except Exception as error:
            raise _ListenerFailed(error) from error
    heed()


def heard() -> bool:
    """Whether anybody listens: what only an event needs is then worth computing."""
    watch = _WATCH.get()
    return watch is not None and watch.listener is not None


def heed() -> None:
    """Raises Interrupted when the action is cancelled.

    Raises:
        Interrupted: where somebody cancelled the action that this is part of.

    Example:
        >>> from foretell.recipe import heed
        >>> for step in range(100):
        ...     heed()  # a long loop of a recipe ends here, once it is cancelled
    """
    watch = _WATCH.get()
    if watch is None or watch.cancel is None or not watch.cancel.cancelled:
        return
    if watch.interruption is not None:  # once is enough: nothing may come in the way of tidying up
        watch.interruption.close()
    watch.cancel.check()


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, a cancel is raised between any two Python instructions, as Ctrl-C is: for code that never asks.

    Not inside compiled code, which ends first: see `Interruption`.
    """
    heed()
    watch = _WATCH.get()
    if watch is None or watch.cancel is None or watch.interruption is not None:
        yield
        return
    watch.interruption = interruption = Interruption(Interrupted, again=_TIDYING)
    try:
        with watch.cancel.calling(lambda: interruption.begin(_GRACE)):
            yield
    except Interrupted as stop:
        if not stop.args:
            stop.args = ("cancelled",)
        raise
    finally:
        interruption.close()
        watch.interruption = None


@contextmanager
def shielded() -> Iterator[None]:
    """Inside, a cancel is met only where the code asks, by `tell` or `heed`: it leaves something behind worth keeping."""
    watch = _WATCH.get()
    interruption = None if watch is None else watch.interruption
    if interruption is None:
        yield
        return
    interruption.hold()
    try:
        yield
    finally:
        interruption.release()


@contextmanager
def on_cancel(call: Callable[[], None]) -> Iterator[None]:
    """Inside, a cancel calls `call`, in a thread of its own and again until the block is left: what ends a query."""
    watch, left = _WATCH.get(), threading.Event()
    if watch is None or watch.cancel is None:
        yield
        return

    def repeat() -> None:
        while not left.wait(_GRACE):  # one call is lost on a query that has not quite begun
            with suppress(Exception):
                call()

    try:
        with watch.cancel.calling(lambda: threading.Thread(target=repeat, daemon=True).start()):
            yield
    finally:
        left.set()
