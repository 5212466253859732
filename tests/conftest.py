"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from postgresql_server import postgresql as postgresql  # a fixture

# What tests train is tiny: more threads cost more than they give, most of all beside other tests. Before torch is loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets (FORETELL_DATA, else ../shared/data beside the repository); skips where there is none."""
    folder = Path(os.environ.get("FORETELL_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the real data are not here: set FORETELL_DATA")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """A shell that starts a process in the background lets it ignore Ctrl-C; the tests of it need it heard."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
