"""The wheel is what users get: it is built, installed without the repository in reach, and its demo runs in an empty folder."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from examples import ROOT

pytestmark = pytest.mark.slow
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
SOURCES = ("engine", "recipes", "data/retail", "pyproject.toml", "README.md", "LICENSE")


def done(*words: str | Path, where: Path) -> str:
    """The output of a command that must succeed."""
    ran = subprocess.run(words, cwd=where, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, f"{' '.join(map(str, words))}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the repository with the build backend that is installed; nothing is downloaded."""
    place = tmp_path_factory.mktemp("wheel")
    done(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-build-isolation", "--no-deps", "--no-index"),
        *("--disable-pip-version-check", "--wheel-dir", place, ROOT),
        where=place,
    )
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of an environment that holds the wheel, and reaches the packages installed here but not the repository."""
    environment = tmp_path_factory.mktemp("environment")
    done(sys.executable, "-m", "venv", "--without-pip", environment, where=environment)
    python = environment / "bin/python"
    done(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"),
        *("--disable-pip-version-check", wheel),
        where=environment,
    )
    (packages,) = environment.glob("lib/python*/site-packages")
    # folders of a .pth are searched last, and their own .pth files, such as the one of an editable install, are not read
    reached = [path for path in sys.path if Path(path).name == "site-packages"]
    (packages / "reached.pth").write_text("\n".join(reached) + "\n", encoding="utf-8")
    return environment / "bin"


def test_the_wheel_holds_what_it_needs_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"foretell-{VERSION}.dist-info"
    assert {f"{info}/licenses/LICENSE", f"{info}/entry_points.txt", "foretell/py.typed"} <= names
    sample = {path.name for path in (ROOT / "data/retail").glob("*.csv")}
    assert {f"foretell/sample/{name}" for name in sample | {"README.md"}} <= names
    assert {name.partition("/")[0] for name in names} == {"foretell", "foretell_recipes", info}
    assert not [
        name for name in names if "__pycache__" in name or Path(name).name.startswith(("test_", "conftest"))
    ]
    modules = {
        str(path.relative_to(root))
        for root in (ROOT / "engine", ROOT / "recipes")
        for path in root.rglob("*.py")
    }
    assert modules <= names


def test_its_demo_writes_report_and_scores_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    where = done(installed / "python", "-c", "import foretell; print(foretell.__file__)", where=tmp_path)
    assert Path(where).is_relative_to(installed.parent)
    assert done(installed / "foretell", "--version", where=tmp_path).splitlines()[0] == f"foretell {VERSION}"
    board = done(installed / "foretell", "demo", "--recipe", "seasonal_naive", where=tmp_path)
    assert "seasonal_naive" in board
    assert "<html" in (tmp_path / "foretell-demo/report.html").read_text(encoding="utf-8")
    scores = pd.read_csv(tmp_path / "foretell-demo/leaderboard.csv")
    assert scores["recipe"].tolist() == ["seasonal_naive"]
    assert scores["wQL"].between(0.01, 10).all()
    assert len(pd.read_parquet(tmp_path / "foretell-demo/forecasts.parquet")) > 0
