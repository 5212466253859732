"""The page on the API does what it says: its Python and its curl are run against a server."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foretell.service.serve import Place, Started

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/api.md").read_text(encoding="utf-8")


@pytest.fixture
def address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "data").symlink_to(ROOT / "data")
    monkeypatch.chdir(tmp_path)
    started = Started(Place(home=str(tmp_path / "home"), port=0, workers=1))
    thread = threading.Thread(target=started.run)
    thread.start()
    while not started._server.started:
        time.sleep(0.05)
    yield started.address
    started.stop()
    thread.join()


def blocks(language: str, address: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return [each.replace("http://127.0.0.1:8800", address) for each in found]


def test_the_python_of_the_page_runs(address: str) -> None:
    for block in blocks("python", address):
        exec(compile(block, "api.md", "exec"), {"__name__": "page"})


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("jq"), reason="needs curl and jq")
def test_the_curl_of_the_page_runs(address: str) -> None:
    (script,) = (block for block in blocks("sh", address) if "curl" in block)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "event: state" in done.stdout
    assert '"ACTIVE"' in done.stdout
    assert "item_id,timestamp,mean,p10,p90,model,final" in done.stdout
    assert done.stdout.count("15056N") == 7
