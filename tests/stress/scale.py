"""How many cases a stress test runs, from one place: FORETELL_STRESS is the share of the full counts.

`make stress` sets 1; without it a seeded twentieth runs, as in `make test`.
"""

from __future__ import annotations

import os
import random

import pytest

SHARE = float(os.environ.get("FORETELL_STRESS") or 0.05)
stress = pytest.mark.stress  # put on every test whose number of cases comes from here


def count(full: int) -> int:
    """The number of cases to run of `full`, at least one."""
    return max(1, round(full * SHARE))


def seeds(full: int, name: str) -> list[int]:
    """Seeds of the cases to run: those of `name`, the same in every run; a smaller share runs the first of them."""
    draws = random.Random(name)
    return [draws.getrandbits(32) for _ in range(count(full))]
