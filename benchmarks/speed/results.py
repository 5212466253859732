"""`speed.csv`: the latest rows of each part, with versions and the machine."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from benchmarks.committed_table import check_rows
from benchmarks.machine import cores
from benchmarks.speed import peers
from benchmarks.speed.settings import RESULTS, Row, Settings
from foretell.system.frame_writers import write_frame

COLUMNS = [
    "part",
    "case",
    "system",
    "device",
    "unit",
    "work",
    "repeats",
    "seconds",
    "cpu_seconds",
    "clock",
    "target",
    "note",
    "share",
    "threads",
    "versions",
    "machine",
    "date",
]
_KEY = ("part", "case", "system", "device")
_NUMBERS = ("work", "repeats", "seconds", "cpu_seconds", "target", "share", "threads")
_OURS = ("foretell", "torch", "gluonts", "statsforecast", "numpy")


def keep(rows: Sequence[Row], settings: Settings, path: Path = RESULTS) -> None:
    """Put the rows of one part in the file, in place of all that it had of this part on this device."""
    old = read(path)
    device = device_name(settings.device)
    part = rows[0]["part"].split(":")[0]
    same = old["part"].str.split(":").str[0].eq(part) & old["device"].eq(device)
    about = {
        "device": device,
        "clock": settings.clock,
        "share": settings.share,
        "threads": settings.threads,
        "versions": versions(settings),
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
    }
    new = pd.DataFrame([row | about for row in rows]).reindex(columns=COLUMNS)
    for column in ("seconds", "cpu_seconds"):
        new[column] = new[column].astype(float).map(lambda value: float(f"{value:.4g}"))
    kept = old[~same]
    write_frame(pd.concat([kept, new], ignore_index=True) if len(kept) else new, path)


def read(path: Path = RESULTS) -> pd.DataFrame:
    """All rows; none where there is no file yet. Raises ForetellError where a line is no row."""
    if path.exists():
        check_rows(path, key=_KEY, numbers=_NUMBERS)
    texts = dict.fromkeys(["part", "case", "system", "device", "unit", "note"], "str")
    frame = pd.read_csv(path, dtype=texts) if path.exists() else pd.DataFrame(columns=COLUMNS)
    return frame.reindex(columns=COLUMNS).assign(note=frame.reindex(columns=COLUMNS)["note"].fillna(""))


def versions(settings: Settings) -> str:
    """Of Python, of what foretell stands on, and of the peers that have an environment."""
    found = [f"Python {platform.python_version()}"]
    found += [f"{name} {importlib.metadata.version(name)}" for name in _OURS]
    for name in settings.peers:
        if name in peers.PACKAGES:
            found += [f"{package} {number}" for package, number in peers.versions(name, settings).items()]
    return ", ".join(found)


def machine() -> str:
    """Processor, cores, memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{_processor()}, {cores()}, {memory:.0f} GB"


def device_name(device: str) -> str:
    """cpu, or the card's name."""
    if device != "cuda":
        return device
    import torch

    return torch.cuda.get_device_name()


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
