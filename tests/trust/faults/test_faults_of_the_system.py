"""What the system refuses is one message and exit status 2: places that cannot be written, a folder that is no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from foretell.cli.app import app

FORETELL: Final = [sys.executable, "-c", "from foretell.cli.app import main; main()"]
TASK: Final = "--freq D --horizon 3 --recipe seasonal_naive"
WRITING: Final = {
    "train": f"train sales.csv {TASK} --out OUT",
    "backtest": f"backtest sales.csv {TASK} --out OUT",
    "tune": "tune sales.csv --freq D --horizon 3 --recipe ets --trials 1 --out OUT",
    "ingest": "ingest sales.csv --freq D --out OUT",
    "evaluate": "evaluate forecast.csv sales.csv --freq D --out OUT",
    "predict": "predict model sales.csv --freq D --out OUT.csv",
    "demo": "demo --out OUT",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [f"{item},2024-01-{day:02d},{day}" for item in "ab" for day in range(1, 29)]
    (tmp_path / "sales.csv").write_text("\n".join(["item_id,timestamp,target", *rows]) + "\n")
    return tmp_path


def refused(status: int, said: str) -> None:
    assert status == 2, said
    assert said.count("error: ") == 1
    assert "Traceback" not in said
    assert "[Errno" not in said


@pytest.mark.parametrize("command", WRITING)
def test_an_output_that_cannot_be_written_is_refused_before_any_work(command: str, place: Path) -> None:
    (place / "file").touch()
    done = CliRunner().invoke(app, WRITING[command].replace("OUT", "file/inside").split())
    refused(done.exit_code, done.stderr)
    assert "cannot write to '" in done.stderr
    assert not any(word in done.stderr for word in ("items;", "trained", "forecast 2"))


def run(*words: str, **how: Any) -> subprocess.CompletedProcess[str]:
    how = {"stdout": subprocess.DEVNULL, **how}
    return subprocess.run(
        [*FORETELL, *words], stderr=subprocess.PIPE, text=True, timeout=120, check=False, **how
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", ["--help", "recipes ets", "check sales.csv --freq D"])
def test_a_full_standard_output_is_one_message(words: str, place: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*words.split(), stdout=full)
    refused(done.returncode, done.stderr)
    assert "No space left on device where standard output" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the folder that one is in cannot be removed")
def test_a_folder_that_is_no_more_is_said(place: Path) -> None:
    gone = place / "gone"
    gone.mkdir()
    code = f"import os; os.rmdir(os.getcwd()); {FORETELL[2]}"
    done = subprocess.run(
        [FORETELL[0], "-c", code, "check", str(place / "sales.csv"), "--freq", "D"],
        capture_output=True,
        text=True,
        cwd=gone,
        check=False,
    )
    refused(done.returncode, done.stderr)
    assert "the folder that you are in is no more" in done.stderr


@pytest.mark.parametrize("without", ["HOME", "TMPDIR"])
def test_no_home_and_a_temporary_folder_that_is_not_there_change_nothing(without: str, place: Path) -> None:
    environment = {**os.environ, "HOME": str(place / "gone"), "TMPDIR": str(place / "gone")}
    del environment[without]
    done = run("check", "sales.csv", "--freq", "D", env=environment)
    assert (done.returncode, done.stderr) == (0, "")
