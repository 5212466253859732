"""The recipes of docs/how-to/recipes.md and of the tutorial: short, typed, and whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from examples import ROOT, code_blocks, example_module, written_files
from foretell.recipe import Recipe
from foretell.testing import check_recipe

PAGE = "docs/how-to/recipes.md"
TUTORIAL = "docs/tutorials/your-own-recipe.md"  # it calls check_recipe itself, whenever the site is built
RECIPES = ("Flat", "CES", "ExactTrees", "DLinear")
MOST_LINES = 70


def recipe_of(module: ModuleType, name: str) -> Recipe:
    recipe: Recipe = getattr(module, name)()
    return recipe


def test_the_page_has_one_example_of_each_kind() -> None:
    classes = [block for block in code_blocks(PAGE) if "name: ClassVar[str]" in block]
    assert len(classes) == len(RECIPES)
    assert all(len(block.splitlines()) < MOST_LINES for block in classes)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_an_example_keeps_all_promises(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_recipe(recipe_of(example_module(PAGE, f"class {name}", tmp_path, monkeypatch), name))


@pytest.mark.slow
def test_the_examples_satisfy_mypy_strict(tmp_path: Path) -> None:
    for number, block in enumerate(code_blocks(PAGE)):
        if "name: ClassVar[str]" in block:
            (tmp_path / f"example_{number}.py").write_text(block, encoding="utf-8")
    for name, code in written_files(TUTORIAL).items():
        (tmp_path / name).write_text(code, encoding="utf-8")
    files = sorted(str(path) for path in tmp_path.glob("*.py"))
    command = [sys.executable, "-m", "mypy", "--strict", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert len(files) == len(RECIPES) + 3
    assert done.returncode == 0, done.stdout
