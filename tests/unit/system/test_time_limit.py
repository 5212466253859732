"""A time limit in any thread."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from foretell.system.time_limit import TimeUp, time_limit


def in_a_thread(work: Callable[[], None]) -> list[BaseException]:
    """What `work` raised in a thread of its own."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    return raised


def busy(seconds: float) -> None:
    """Work for so long; `except Exception` on the way, as models have it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            sum(range(100))
        except Exception:
            continue


def test_outside_the_main_thread_too_a_block_ends_with_its_time() -> None:
    def work() -> None:
        with time_limit(0.2):
            busy(20)

    began = time.monotonic()
    (error,) = in_a_thread(work)
    assert isinstance(error, TimeUp)
    assert time.monotonic() - began < 5


def test_a_block_that_ends_in_time_hears_nothing_afterwards() -> None:
    def work() -> None:
        for _ in range(100):
            try:
                with time_limit(0.002, again=0.001):
                    busy(0.002)  # now it is over in time, now it is not
            except TimeUp:
                pass
        busy(0.3)

    assert in_a_thread(work) == []


def test_a_limit_within_a_limit_has_no_more_time_than_the_outer_one() -> None:
    def work() -> None:
        with time_limit(0.2, again=60):
            try:
                with time_limit(20):
                    busy(20)
            except TimeUp:  # as where a series failed: the outer limit must end the loop over the others too
                busy(20)

    began = time.monotonic()
    (error,) = in_a_thread(work)
    assert isinstance(error, TimeUp)
    assert time.monotonic() - began < 5


def test_a_time_out_that_is_swallowed_comes_again() -> None:
    def work() -> None:
        with time_limit(0.1):
            try:
                busy(20)
            except BaseException:
                busy(20)

    with pytest.raises(TimeUp):
        raise in_a_thread(work)[0]


@pytest.mark.parametrize("aside", [False, True])
def test_a_module_whose_import_outlasts_the_time_is_imported_whole(
    aside: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"slow_to_import_{aside}"
    lines = "import time\nuntil = time.monotonic() + 0.3\nwhile time.monotonic() < until:\n    pass\nwhole = True\n"
    (tmp_path / f"{name}.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    def work() -> None:
        with time_limit(0.05, again=60):
            importlib.import_module(name)
            busy(20)

    began = time.monotonic()
    if aside:
        (error,) = in_a_thread(work)
        assert isinstance(error, TimeUp)
    else:
        with pytest.raises(TimeUp):
            work()
    assert time.monotonic() - began < 5
    assert sys.modules.pop(name).whole
