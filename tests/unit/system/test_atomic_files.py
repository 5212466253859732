"""Files appear whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.system import atomic_files
from foretell.system.atomic_files import ensure_writable, new_folder, replacing, staged, write_text
from foretell.system.folder_lock import claimed
from foretell.system.frame_writers import write_frame


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def crash_halfway(folder: Path, name: str) -> None:
    (folder / name).write_text("half")
    raise RuntimeError("crash")


def test_text_replaces_what_was_there_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "note.txt", "old")
    write_text(tmp_path / "a" / "note.txt", "new ä\n")
    assert (tmp_path / "a" / "note.txt").read_bytes() == "new ä\n".encode()
    assert everything(tmp_path) == ["a", "a/note.txt"]


def test_a_written_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(("name", "read"), [("t.csv", pd.read_csv), ("t.parquet", pd.read_parquet)])
def test_a_frame_reads_back_as_written(tmp_path: Path, name: str, read) -> None:
    frame = pd.DataFrame({"item_id": ["a", "b"], "p10": [1.5, 2.0]})
    write_frame(frame, tmp_path / name)
    pd.testing.assert_frame_equal(read(tmp_path / name), frame)


def test_a_frame_of_another_kind_is_refused_by_its_ending(tmp_path: Path) -> None:
    with pytest.raises(ForetellError, match=r"\.csv, \.parquet, \.xlsx or \.delta, got .*t\.ods"):
        write_frame(pd.DataFrame({"a": [1]}), tmp_path / "t.ods")


def test_a_folder_is_there_only_when_all_of_it_is(tmp_path: Path) -> None:
    target = tmp_path / "model"
    with pytest.raises(RuntimeError, match="crash"), new_folder(target) as folder:
        crash_halfway(folder, "manifest.json")
    assert everything(tmp_path) == []
    with new_folder(target) as folder:
        (folder / "manifest.json").write_text("{}")
        assert not target.exists()
    assert everything(tmp_path) == ["model", "model/manifest.json"]


def test_a_folder_replaces_its_older_self_and_keeps_what_is_not_its_own(tmp_path: Path) -> None:
    target = tmp_path / "model"
    target.mkdir()
    (target / "manifest.json").write_text("old")
    (target / "notes.txt").write_text("mine")
    with pytest.raises(RuntimeError, match="crash"), new_folder(target) as folder:
        crash_halfway(folder, "manifest.json")
    assert (target / "manifest.json").read_text() == "old"
    with new_folder(target) as folder:
        (folder / "manifest.json").write_text("new")
    assert (target / "manifest.json").read_text() == "new"
    assert everything(tmp_path) == ["model", "model/manifest.json", "model/notes.txt"]
    assert (target / "notes.txt").read_text() == "mine"


def test_the_current_folder_stays_where_it_is_when_its_files_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("old", "new"):
        with new_folder(".") as folder:
            (folder / "manifest.json").write_text(text)
        assert Path().resolve() == tmp_path
        assert Path("manifest.json").read_text() == text
    assert everything(tmp_path) == ["manifest.json"]


def test_staged_files_move_up_together_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("kept")
    with pytest.raises(RuntimeError, match="crash"), staged(tmp_path) as folder:
        crash_halfway(folder, "report.html")
    assert everything(tmp_path) == ["kept.txt"]
    with staged(tmp_path) as folder:
        (folder / "report.html").write_text("whole")
    assert everything(tmp_path) == ["kept.txt", "report.html"]


def test_a_folder_that_can_be_written_is_let_pass_without_a_trace(tmp_path: Path) -> None:
    ensure_writable(tmp_path / "runs" / "first")
    assert everything(tmp_path) == []


def test_a_folder_behind_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for attempt in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ForetellError, match=r"cannot write to .*file"):
            ensure_writable(attempt)
    with pytest.raises(ForetellError, match="cannot write to"):
        write_text(tmp_path / "file" / "note.txt", "x")


@pytest.mark.parametrize("write", [new_folder, replacing], ids=["folder", "file"])
def test_what_a_dead_process_left_is_swept_by_the_next_that_writes_that_name_and_no_other(
    tmp_path: Path, write: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    (tmp_path / ".rp.0123456789ab.tmp").mkdir()
    (tmp_path / ".rp.0123456789ab.tmp" / "part").write_text("half")
    (tmp_path / ".rp.ba9876543210.tmp").write_text("half")
    (tmp_path / ".rp.v2.0123456789ab.tmp").mkdir()  # of `rp.v2`
    (tmp_path / ".rp.notes.tmp").touch()  # somebody's own
    with write(tmp_path / "rp") as place:
        (place / "new" if place.is_dir() else place).write_text("new")
    assert {".rp.v2.0123456789ab.tmp", ".rp.notes.tmp", "rp"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.skipif(os.name == "nt", reason="locks of folders")
def test_what_a_living_writer_has_is_not_swept(tmp_path: Path) -> None:
    with new_folder(tmp_path / "rp") as mine, replacing(tmp_path / "f") as file:
        (mine / "part").write_text("half")
        file.write_text("half")
        with (
            claimed(tmp_path / "rp"),
            new_folder(tmp_path / "rp") as other,
            replacing(tmp_path / "f") as another,
        ):
            (other / "whole").write_text("theirs")
            another.write_text("theirs")
        assert (mine / "part").read_text() == file.read_text() == "half"
    assert everything(tmp_path) == ["f", "rp", "rp/part", "rp/whole"]


def test_files_of_ones_own_survive_a_kill_at_any_step_of_replacing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "model"
    (target / "mine/deeper").mkdir(parents=True)
    (target / "mine/deeper/notes.txt").write_text("mine")
    (target / "link").symlink_to("nowhere")
    exchange = atomic_files._exchange

    def killed(one: Path, other: Path) -> None:
        exchange(one, other)
        raise KeyboardInterrupt

    monkeypatch.setattr(atomic_files, "_exchange", killed)
    with pytest.raises(KeyboardInterrupt), new_folder(target) as new:
        (new / "manifest.json").write_text("new")
    assert everything(tmp_path) == [
        *("model", "model/link", "model/manifest.json"),
        *("model/mine", "model/mine/deeper", "model/mine/deeper/notes.txt"),
    ]
    assert (target / "mine/deeper/notes.txt").read_text() == "mine"
    assert (target / "link").readlink() == Path("nowhere")


def test_where_links_are_not_known_files_of_ones_own_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/notes.txt").write_text("mine")
    with new_folder(tmp_path / "model") as new:
        (new / "manifest.json").write_text("new")
    assert everything(tmp_path) == ["model", "model/manifest.json", "model/notes.txt"]


@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_exchange_in_steps_that_is_killed_leaves_the_old_folder_or_the_new_one(
    step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")  # whose two names do not swap in one step
    target = tmp_path / "model"
    target.mkdir()
    (target / "manifest.json").write_text("old")
    replace, done = os.replace, []

    def killed(one: Path, other: Path) -> None:
        replace(one, other)
        done.append(other)
        if len(done) == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt), new_folder(target) as new:
        (new / "manifest.json").write_text("new")
    monkeypatch.undo()
    with pytest.raises(RuntimeError), new_folder(target):  # the next that writes there puts it right first
        raise RuntimeError
    assert everything(tmp_path) == ["model", "model/manifest.json"]
    assert (target / "manifest.json").read_text() == ("old" if step == 1 else "new")
