"""README opens the door: it is short, its links lead somewhere, its snippets run, and its promises are kept."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from examples import ROOT, code_blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ROOT_PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md"]
DAYS = "2011-09-01"  # from here on, the shop of these tests is small


def commands() -> list[str]:
    """The lines of README's shell blocks, without their comments."""
    blocks = re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a clone as README's reader sees it, with three items of the sample."""
    folder = tmp_path / "data/retail"
    folder.mkdir(parents=True)
    items = pd.read_csv(ROOT / "data/retail/items.csv", dtype={"item_id": str}).head(3)
    items.to_csv(folder / "items.csv", index=False)
    calendar = pd.read_csv(ROOT / "data/retail/calendar.csv")
    calendar[calendar["timestamp"] >= DAYS].to_csv(folder / "calendar.csv", index=False)
    sales = pd.read_csv(ROOT / "data/retail/sales.csv", dtype={"item_id": str})
    sales = sales[sales["item_id"].isin(items["item_id"]) & (sales["timestamp"] >= DAYS)]
    sales.to_csv(folder / "sales.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_readme_is_shorter_than_nine_kilobytes() -> None:
    assert len(README.encode()) < 9000


@pytest.mark.parametrize("page", ROOT_PAGES)
def test_links_of_the_root_pages_lead_to_files_of_a_clone(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)", text)
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    for link in links:
        if not link.startswith(("https://", "mailto:")):
            assert (ROOT / link).exists(), f"{page} links to {link}"
            assert not any(tracked) or link in tracked, f"{page} links to {link}, which no clone has"


def test_readme_names_what_ci_calls() -> None:
    called = re.findall(r"^exec (.+)$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    assert called == ["make test"]
    assert "`make test`" in README


def test_readme_installs_nothing_by_a_name_that_no_index_has() -> None:
    installs = [line for line in commands() if line.startswith("pip install")]
    assert len(installs) >= 2
    for line in installs:
        assert " -e ." in line or ' -e ".' in line or "@ git+" in line, line
    named = {extra for line in installs for extra in re.findall(r"\[([\w,]+)\]", line)}
    promised = set(re.findall(r"`(\w+)`", README.split("Extras:")[1].split("Several")[0])) | named
    assert promised <= set(PYPROJECT["project"]["optional-dependencies"])


@pytest.mark.slow
def test_the_python_of_readme_runs_as_it_stands(shop: Path) -> None:
    (code,) = code_blocks("README.md")
    subprocess.run([sys.executable, "-c", code], cwd=shop, check=True, timeout=300)
    columns = ["item_id", "timestamp", "mean", "p10", "p50", "p90", "p95"]
    assert list(pd.read_csv(shop / "forecast.csv").columns) == columns


@pytest.mark.slow
def test_the_commands_of_readme_run_as_they_stand(shop: Path) -> None:
    lines = [line for line in commands() if line.startswith("foretell") and line != "foretell demo"]
    assert [line.split()[1] for line in lines] == ["check", "train", "predict"]
    for line in lines:
        command = [sys.executable, "-m", *shlex.split(line)]
        done = subprocess.run(command, cwd=shop, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
    assert len(pd.read_parquet(shop / "forecast.parquet")) == 3 * 28


def test_the_picture_of_readme_is_small_and_loads_nothing() -> None:
    (picture,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    text = (ROOT / picture).read_text(encoding="utf-8")
    assert len(text) < 100_000
    assert not re.findall(r"""(?:href|src)=["'](?!#)|url\((?!#)|<script""", text)
