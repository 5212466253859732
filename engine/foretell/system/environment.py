"""Where a run took place: versions and machine, for run.json and manifests."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = (
    "foretell",
    "torch",
    "gluonts",
    "lightning",
    "statsforecast",
    "scikit-learn",
    "numpy",
    "pandas",
    "duckdb",
    "pyarrow",
)


def versions() -> dict[str, str]:
    """Python's version and those of the packages that decide about results."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """The system, the number of cores, and the GPU if this process has used torch and there is one."""
    torch = sys.modules.get("torch")  # not imported for this alone: it takes seconds
    gpu = torch.cuda.get_device_name(0) if torch is not None and torch.cuda.is_available() else None
    return {"system": f"{platform.system()} {platform.machine()}", "cores": os.cpu_count(), "gpu": gpu}
