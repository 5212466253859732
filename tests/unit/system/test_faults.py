"""Faults of the machine: one message, or a way around them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples import code_blocks
from foretell.system import processes
from foretell.system.processes import across_processes

FULL = """
import resource, sys
import torch
from foretell.errors import ForetellError
from foretell.networks.checkpoint import SafetensorsIO
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    SafetensorsIO("tag").save_checkpoint({"w": torch.zeros(100_000)}, sys.argv[1])
except ForetellError as error:
    print(error)
"""


def test_without_semaphores_this_process_fits_the_series_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def Lock(self) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("multiprocessing.get_context", Broken)
    assert list(across_processes(abs, [(-1,), (-2,)], workers=2)) == [1, 2]
    assert "fitted in this process alone: this system gives no semaphores" in caplog.text


def test_a_fork_of_a_process_that_asked_others_fits_the_series_itself(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(processes, "_STARTED_BY", [os.getpid() + 1])
    assert list(across_processes(abs, [(-1,), (-2,)], workers=2)) == [1, 2]
    assert "it was forked" in caplog.text


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="limits of a process")
def test_a_checkpoint_that_does_not_fit_on_the_disk_is_one_message_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "checkpoint")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "cannot be written" in done.stdout or "cannot write to" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell")
def test_a_closed_standard_output_is_one_message() -> None:
    command = f"{sys.executable} -m foretell recipes >&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output is closed")
    assert "Traceback" not in done.stderr


def test_the_code_of_the_page_about_results_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in code_blocks("docs/reference/results.md"):
        exec(compile(block, "docs/reference/results.md", "exec"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
