"""Folders for temporary files vanish with their process; those of a killed one with the next that works there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import foretell
from foretell.ingest.store import Store
from foretell.system.scratch import scratch_folder, scratch_place

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no locks of folders")
HOLDER = """
import sys
from foretell.ingest.store import Store
with Store(scratch=sys.argv[1]) as store:
    store.execute(f"COPY (SELECT 1 AS x) TO '{store.spooled('spooled.parquet')}' (FORMAT parquet)")
    print("ready", flush=True)
    sys.stdin.read()
"""


def holder(place: Path) -> subprocess.Popen[bytes]:
    """A process that reads tables with its scratch folder in `place`, until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_what_a_killed_reading_left_is_swept_and_what_a_living_one_holds_is_not(tmp_path: Path) -> None:
    mine = [tmp_path / "foretell-0123456789abcdef", tmp_path / ".foretell.mine.tmp"]
    for folder in mine:
        folder.mkdir()
    dead, alive = holder(tmp_path), holder(tmp_path)
    dead.kill()
    dead.communicate()
    held = {path for path in tmp_path.iterdir() if path not in mine}
    assert len(held) == 2
    with Store(scratch=tmp_path):
        left = {path for path in tmp_path.iterdir() if path not in mine}
        assert len(left & held) == 1
        assert len(left - held) == 1
        (living,) = left & held
        assert [file.name for file in living.iterdir()] == ["spooled.parquet"]
    alive.communicate()
    assert sorted(tmp_path.iterdir()) == sorted(mine)


def test_a_scratch_folder_is_for_its_user_alone(tmp_path: Path) -> None:
    with scratch_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []


def test_without_any_place_for_temporary_files_there_is_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with pytest.raises(foretell.ForetellError, match="no folder for temporary files: No usable"):
        scratch_place()
    with pytest.raises(foretell.ForetellError, match=r"no folder for temporary files: '.*gone.*TMPDIR"):
        Store(scratch=tmp_path / "gone")
