"""What the processes of all peers do: read the series, answer each line of JSON with a measurement. Imports nothing of foretell."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


def about() -> dict[str, Any]:
    """What the parent said on the command line; from here on, what libraries print goes to standard error."""
    return json.loads(sys.argv[1])


def long_frame(about: dict[str, Any]) -> pd.DataFrame:
    """The series as columns unique_id, ds, y."""
    values = np.load(about["values"])
    n, length = values.shape
    stamps = pd.date_range(about["begin"], periods=length, freq=about["unit"]).to_numpy()
    names = np.repeat([f"series-{k}" for k in range(n)], length)
    return pd.DataFrame({"unique_id": names, "ds": np.tile(stamps, n), "y": values.ravel()})


def serve(answer: Callable[[dict[str, Any]], tuple[float, Callable[[], object]]]) -> None:
    """Answer until standard input ends; `answer` prepares a job and gives its work and what is to be timed."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            work, run = answer(json.loads(line))
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            took = {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}
            replies.write(json.dumps({"work": work} | took) + "\n")
        except Exception as error:  # the one who asked gets it as the answer
            traceback.print_exc()
            replies.write(json.dumps({"error": f"{type(error).__name__}: {str(error)[:300]}"}) + "\n")
