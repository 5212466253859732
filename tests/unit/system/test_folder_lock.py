"""A claim on a folder, and what it leaves."""

from __future__ import annotations

from pathlib import Path

from foretell.system.folder_lock import claimed


def test_a_claim_under_which_nothing_was_written_leaves_no_folder(tmp_path: Path) -> None:
    with claimed(tmp_path / "one/two/model"):
        pass
    assert list(tmp_path.iterdir()) == []
    with claimed(tmp_path / "one/two/model"):
        (tmp_path / "one/kept").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["one", "kept"]
