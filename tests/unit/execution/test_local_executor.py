"""Tasks in processes of this machine: by name, with little to and fro; what ends them leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import execution_tasks  # noqa: F401  (registers its tasks)
import foretell
from foretell.errors import ForetellError
from foretell.execution import budget
from foretell.execution.executor import Done, Failed, Json, run_task, task
from foretell.execution.local import LocalExecutor

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two() -> Iterator[LocalExecutor]:
    with LocalExecutor(workers=2) as executor:
        yield executor


def end_of(executor: LocalExecutor, name: str, arguments: Json, **more: Any) -> Done | Failed:
    return next(executor.wait([executor.submit(name, arguments, **more)]))


def result_of(executor: LocalExecutor, name: str, arguments: Json, **more: Any) -> Json:
    end = end_of(executor, name, arguments, **more)
    assert isinstance(end, Done), end
    return end.result


def failure_of(executor: LocalExecutor, name: str, arguments: Json) -> Failed:
    end = end_of(executor, name, arguments)
    assert isinstance(end, Failed)
    return end


def lives(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def dies(process: int) -> bool:
    until = time.monotonic() + 20
    while lives(process) and time.monotonic() < until:
        time.sleep(0.05)
    return not lives(process)


def test_tasks_are_done_by_other_processes_which_stay_for_the_next(two: LocalExecutor) -> None:
    handles = [two.submit("add one", {"number": k}) for k in range(6)]
    ends = {end.handle: end for end in two.wait(handles)}
    results = [end.result for handle in handles if isinstance(end := ends[handle], Done)]
    assert [result["sum"] for result in results] == [1, 2, 3, 4, 5, 6]
    processes = {result["process"] for result in results}
    assert len(processes) <= 2
    assert os.getpid() not in processes


def test_more_than_64_kb_is_refused_on_the_way_there_and_back(two: LocalExecutor) -> None:
    with pytest.raises(ForetellError, match=r"what the task 'add one' is given takes 65,\d{3} bytes"):
        two.submit("add one", {"number": 1, "text": "x" * 65_530})
    failed = failure_of(two, "long result", {"length": 70_000})
    assert "the result of the task 'long result' takes 70," in failed.message
    assert len(result_of(two, "long result", {"length": 60_000})["text"]) == 60_000


def test_what_is_no_json_is_refused(two: LocalExecutor) -> None:
    with pytest.raises(ForetellError, match="is no JSON"):
        two.submit("add one", {"number": {1, 2}})


def test_a_task_that_nobody_registered_is_refused(two: LocalExecutor) -> None:
    with pytest.raises(ForetellError, match=r"there is no task 'add two'. There are: .*add one"):
        two.submit("add two", {})


def test_a_name_means_one_task() -> None:
    with pytest.raises(ForetellError, match="there is a task 'add one' already"):
        task("add one")(lambda arguments: arguments)


def test_a_task_can_be_done_here_as_well() -> None:
    assert run_task("add one", "execution_tasks", {"number": 4})["sum"] == 5


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        ("ours", "ForetellError", r"^this is why$"),
        ("crash", "crash", r"KeyError: 'this is why'"),
        ("memory", "ForetellError", r"ran out of memory.*processes=1"),
        ("killed", "crash", r"was killed \(SIGKILL\), most likely for want of memory.*processes=1"),
    ],
)
def test_a_failure_says_what_happened_and_the_last_lines(
    two: LocalExecutor, how: str, kind: str, message: str
) -> None:
    failed = failure_of(two, "fail", {"how": how})
    with pytest.raises(RuntimeError if how == "crash" else ForetellError, match=message) as caught:
        raise failed.error
    assert failed.kind == kind
    assert failed.signal == ("SIGKILL" if how == "killed" else "")
    assert "the last line of a crash" in str(caught.value.__cause__)
    assert result_of(two, "add one", {"number": 1})["sum"] == 2  # others go on


def test_events_and_warnings_are_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    told: list[foretell.Event] = []
    with foretell.listening(told.append), LocalExecutor(workers=1) as executor:
        result_of(executor, "say", {"who": "a task"})
    assert [(e.stage, e.done, e.total, e.recipe) for e in told] == [("train", 3, 7, "a task")]
    assert "a task is heard" in caplog.text


def overlap(one: Json, other: Json) -> bool:
    return bool(one["began"] < other["ended"] and other["began"] < one["ended"])


def test_memory_and_gpus_say_how_many_tasks_are_done_at_a_time() -> None:
    while_ = {"seconds": 0.4}
    with LocalExecutor(workers=2, gpus=1, memory=100) as executor:
        both = [executor.submit("take a while", while_) for _ in range(2)]  # two processes are there then
        assert len(list(executor.wait(both))) == 2
        large = [executor.submit("take a while", while_, memory=60) for _ in range(2)]
        first, second = (end.result for end in executor.wait(large) if isinstance(end, Done))
        handles = [executor.submit("take a while", while_, gpus=1) for _ in range(2)]
        third, fourth = (end.result for end in executor.wait(handles) if isinstance(end, Done))
        pair = [executor.submit("take a while", {"seconds": 2}, gpus=g) for g in (1, 0)]
        beside = {end.handle: end.result for end in executor.wait(pair) if isinstance(end, Done)}
    assert not overlap(first, second)
    assert not overlap(third, fourth)
    assert third["gpu"] == fourth["gpu"] == 0
    assert overlap(*beside.values())
    assert [beside[handle]["gpu"] for handle in pair] == [0, None]


def started(executor: LocalExecutor, file: Path) -> list[int]:
    executor.submit("start another", {"file": str(file)})
    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return [int(number) for number in file.read_text().split()]


def test_what_is_closed_leaves_no_process_behind_nor_what_these_started(tmp_path: Path) -> None:
    with LocalExecutor(workers=1) as executor:
        processes = started(executor, tmp_path / "numbers")
        assert all(map(lives, processes))
    assert all(map(dies, processes))


def test_a_task_that_is_cancelled_is_not_heard_of_again_and_others_are_done(tmp_path: Path) -> None:
    with LocalExecutor(workers=1) as executor:
        handle = executor.submit("start another", {"file": str(tmp_path / "numbers")})
        while not (tmp_path / "numbers").exists():
            time.sleep(0.05)
        processes = [int(number) for number in (tmp_path / "numbers").read_text().split()]
        executor.cancel(handle)
        assert result_of(executor, "add one", {"number": 1})["sum"] == 2
        assert all(map(dies, processes))


SCRIPT = """
import sys, time
import execution_tasks
from foretell.execution.local import LocalExecutor
executor = LocalExecutor(workers=1)
executor.submit("start another", {"file": sys.argv[1]})
time.sleep(600)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_the_one_that_asked_for_them(tmp_path: Path, how: signal.Signals) -> None:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    parent = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "numbers")],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not (tmp_path / "numbers").exists() and time.monotonic() < until:
        time.sleep(0.05)
    processes = [int(number) for number in (tmp_path / "numbers").read_text().split()]
    parent.send_signal(how)
    parent.wait(20)
    assert all(map(dies, processes))


def test_libraries_of_a_process_start_its_share_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("MKL_NUM_THREADS", "7")
    made = budget.thread_variables(3)
    assert (made["OMP_NUM_THREADS"], made["MKL_NUM_THREADS"]) == ("3", "7")


def test_a_container_has_what_its_limit_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "_GROUP", tmp_path)
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 100000\n")
    assert budget.free_memory() == 700_000
    assert budget.memory_budget() == 560_000
