"""A `foretell serve` of its own for a measurement."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    process: int
    seconds: float  # from its start to the first answer of its API


@contextmanager
def served(home: Path, *, workers: int = 1) -> Iterator[Served]:
    """A server of `home` in a process of its own, which ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, began = f"http://127.0.0.1:{port}", time.monotonic()
    command = [sys.executable, "-m", "foretell", "serve", "--home", str(home), "--port", str(port)]
    command += ["--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while not _answers(f"{url}/api/v1/datasets"):
                if server.poll() is not None:
                    raise RuntimeError(f"foretell serve ended with status {server.returncode}")
                time.sleep(0.01)
            yield Served(url, server.pid, time.monotonic() - began)
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
