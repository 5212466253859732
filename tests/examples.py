"""The Python code of README and docs, as modules."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def code_blocks(page: str) -> list[str]:
    """The Python blocks of a page, as a reader would copy them."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def written_files(page: str) -> dict[str, str]:
    """The files that a notebook writes, as `%%writefile` cells, by name."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return dict(re.findall(r"^%%writefile (\S+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))


def example(page: str, holding: str) -> str:
    """The one block of a page that holds a text."""
    (code,) = (block for block in code_blocks(page) if holding in block)
    return code


def example_module(page: str, holding: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """That block as an imported module of `folder`."""
    name = "example_" + re.sub(r"\W+", "_", f"{page} {holding}")
    (folder / f"{name}.py").write_text(example(page, holding), encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module(name)
