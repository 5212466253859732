"""Runs a piece of work in a process of its own and watches its anonymous memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_EVERY = 0.05  # seconds between two looks


def measured(work: str, *arguments: object) -> dict[str, Any]:
    """Seconds, seconds of processor time, peak RssAnon in MB, and what the work itself says.

    Raises RuntimeError with its error output when it fails.
    """
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.speed.work", work, *map(str, arguments)]
    load = os.getloadavg()[0]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, anonymous(process.pid))
        time.sleep(_EVERY)
    output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{work} failed:\n{errors[-2000:]}")
    return {**json.loads(output.splitlines()[-1]), "peak_anonymous_mb": peak, "load_before": load}


def anonymous(process: int) -> float:
    """Megabytes of memory that are the process's own and not a file's; 0 once it has ended (or where Linux is not)."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0
