"""Packages that are really installed, whose entry points are broken in each way: one message, and the other recipes work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

BROKEN: Final = {
    "raises": ("raise RuntimeError('no licence')", "raises:Flat", "RuntimeError: no licence"),
    "lacks": ("import no_such_library", "lacks:Flat", "No module named 'no_such_library'"),
    "torn": ("def f(:", "torn:Flat", "SyntaxError"),
    "leaves": ("import sys; sys.exit('bye')", "leaves:Flat", "SystemExit: bye"),
    "empty": ("", "empty:Flat", "AttributeError"),
    "absent": (None, "absent_module:Flat", "No module named 'absent_module'"),
    "odd": ("", "odd:", "recipe 'odd' cannot be imported"),
    "loose": ("Flat = 3", "loose:Flat", "is no recipe: it is no class"),
}
CODE: Final = "from foretell.cli.app import main; main()"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages: each a module and its metadata, as pip writes them."""
    place = tmp_path_factory.mktemp("site")
    for name, (source, point, _) in BROKEN.items():
        if source is not None:
            (place / f"{name}.py").write_text(source)
        info = place / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[foretell.recipes]\n{name} = {point}\n")
    return place


def run(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, "-c", CODE, *words], capture_output=True, text=True, env=environment, check=False
    )


def test_the_others_are_listed_and_each_broken_one_is_said_once(site: Path) -> None:
    done = run(site, "recipes")
    assert done.returncode == 0, done.stderr
    assert "seasonal_naive" in done.stdout
    assert "mqrnn" in done.stdout
    assert "Traceback" not in done.stderr
    for name, (_, _, said) in BROKEN.items():
        lines = [line for line in done.stderr.splitlines() if f"'{name}'" in line]
        assert len(lines) == 1, name
        assert said in lines[0]


def test_a_broken_one_that_is_asked_for_is_one_message_and_another_still_forecasts(
    site: Path, tmp_path: Path
) -> None:
    rows = [f"a,2024-01-{day:02d},{day}" for day in range(1, 29)]
    sales = tmp_path / "sales.csv"
    sales.write_text("\n".join(["item_id,timestamp,target", *rows]) + "\n")
    asked = ("train", str(sales), "--freq", "D", "--horizon", "3", "--recipe")
    done = run(site, *asked, "leaves", "--out", str(tmp_path / "model"))
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "recipe 'leaves' cannot be imported: SystemExit: bye" in done.stderr
    done = run(site, *asked, "seasonal_naive", "--out", str(tmp_path / "model"))
    assert done.returncode == 0, done.stderr
