"""Importing the face of a family of recipes loads no more than its author needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parents[2] / "golden" / "model-format-1"


def loaded(code: str, *names: str) -> list[str]:
    """Which of the modules `names` a fresh process has loaded after `code`."""
    asked = f"{code}\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.mark.slow
def test_the_face_for_authors_of_recipes_loads_no_torch() -> None:
    assert loaded("import foretell.recipe", "torch", "statsforecast", "sklearn", "foretell.recipe") == [
        "foretell.recipe"
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    ["import foretell.networks", f"import foretell; foretell.load({str(GOLDEN)!r}, device='cpu')"],
    ids=["the face for authors of networks", "a saved network"],
)
def test_what_only_training_needs_is_not_loaded(code: str) -> None:
    assert loaded(code, "torch", "lightning", "gluonts") == ["torch"]
