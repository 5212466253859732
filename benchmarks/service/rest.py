"""Measure `foretell serve` at rest.

    python -m benchmarks.service.rest [--runs 5]

Starts a server on an empty home and again on that home, each time in a process of its own: seconds to the first answer of its API,
its anonymous memory five seconds later, whether torch and pandas were loaded. Writes rest.csv, a row a run.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks.machine import cores
from benchmarks.service.server import served
from foretell.service.resources import anonymous_memory
from foretell.system.frame_writers import write_frame

HERE: Final = Path(__file__).parent
_REST: Final = 5.0  # seconds until memory is read


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service.rest", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args(arguments).runs
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            rows.append({"home": "old" if number else "new", **measure(Path(folder) / "home")})
            print(rows[-1], flush=True)
    write_frame(pd.DataFrame(rows), HERE / "rest.csv")
    print(f"written to {HERE / 'rest.csv'}")
    return 0


def measure(home: Path) -> dict[str, Any]:
    """One start, five seconds of rest and an end."""
    load = os.getloadavg()[0]
    with served(home) as server:
        processor = _processor_seconds(server.process)
        time.sleep(_REST)
        memory = anonymous_memory(server.process)
        maps = Path(f"/proc/{server.process}/maps").read_text()
    loaded = [name for name in ("torch", "pandas") if f"/site-packages/{name}/" in maps]
    return {
        "seconds_to_first_answer": round(server.seconds, 2),
        "processor_seconds": round(processor, 2),  # until then: what a busy machine does not change
        "anonymous_mb": round(memory / 1e6, 1),
        "loaded": " ".join(loaded) or "neither",
        "load": round(load, 1),
        "machine": cores(),
    }


def _processor_seconds(process: int) -> float:
    told = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
