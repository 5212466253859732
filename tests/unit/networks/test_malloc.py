"""Memory that is wanted again stays with the process while a network is at work, and goes back afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

from foretell.networks.malloc import _glibc

# In a process of its own: what the tests before it did to the heap must not matter.
FAULTS = """
import resource, sys
from contextlib import nullcontext
import torch
from foretell.networks.malloc import memory_kept

def step():
    blocks = [torch.ones(2_000_000) for _ in range(12)]  # 8 MB each, all freed together

def faults(steps):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // steps

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

torch.set_num_threads(1)
step()
apart = faults(5)
with memory_kept():
    with memory_kept():
        step()
    inside, held = faults(5), resident()
print(apart, inside, held - resident())
"""


@pytest.mark.slow
@pytest.mark.skipif(_glibc() is None, reason="thresholds of glibc")
def test_memory_is_kept_inside_and_given_back_at_the_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True, timeout=60
    )
    apart, inside, given_back = map(int, done.stdout.split())
    assert apart > 5000  # 96 MB are 24,576 pages; some of it glibc keeps by itself
    assert inside < 500
    assert given_back > 60  # megabytes


def test_thresholds_that_the_environment_sets_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "131072")
    assert _glibc.__wrapped__() is None
