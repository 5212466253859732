"""The examples in the docstrings of the public names, run as a reader would run them in the folder of a clone."""

from __future__ import annotations

import doctest
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import api_pages
import numpy as np
import pandas as pd
import pytest
import torch
from docstrings import checked

import foretell

ROOT = Path(__file__).parents[1]


def names() -> Iterator[tuple[str, str]]:
    """(module, name) of every public function and class, where it is met first."""
    met: set[int] = set()
    for module in api_pages.MODULES:
        for name in api_pages.public_names(module):
            thing = getattr(import_module(module), name)
            if (inspect.isfunction(thing) or isinstance(thing, type)) and id(thing) not in met:
                met.add(id(thing))
                yield module, name


NAMES = list(names())


def examples_of(module: str, name: str) -> list[doctest.DocTest]:
    thing: Any = getattr(import_module(module), name)
    given = {"foretell": foretell, "pd": pd}
    if module != "foretell":  # an author of a recipe has these at hand
        given |= {"np": np, "torch": torch}
    return doctest.DocTestFinder(recurse=False).find(inspect.unwrap(thing), name, globs=given)


def test_the_names_of_all_modules_are_looked_at() -> None:
    assert {module for module, _ in NAMES} == set(api_pages.MODULES)
    assert ("foretell", "train") in NAMES
    assert ("foretell.networks", "DirectRecipe") in NAMES


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda each: each)
def test_a_public_name_says_what_its_arguments_are_and_gives_an_example(module: str, name: str) -> None:
    checked(f"{module}.{name}", getattr(import_module(module), name), whole=True)


@pytest.mark.parametrize(("module", "name"), NAMES, ids=lambda each: each)
def test_the_example_of_a_public_name_gives_what_it_says(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    tests = examples_of(module, name)
    assert sum(len(test.examples) for test in tests) > 0
    said: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in tests:
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)
