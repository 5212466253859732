"""The examples in the docstrings of the public names, run as a reader would run them in the folder of a clone."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import foretell

ROOT = Path(__file__).parents[1]
NAMES = [name for name in foretell.__all__ if not name.startswith("_")]


def examples_of(name: str) -> Iterator[doctest.DocTest]:
    thing: Any = getattr(foretell, name)
    given = {"foretell": foretell, "pd": pd}
    yield from doctest.DocTestFinder(recurse=False).find(inspect.unwrap(thing), name, globs=given)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_of_a_public_name_gives_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    tests = list(examples_of(name))
    assert sum(len(test.examples) for test in tests) > 0
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in tests:
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
