"""What is a result of foretell, and what may take its place."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from foretell.errors import ForetellError
from foretell.system.results import may_replace, may_replace_file, new_result

MODEL = {"format": 2, "recipe": "ets", "written": "2026-01-02T03:04:05+00:00"}


def model(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps(MODEL))
    (folder / "weights.safetensors").write_bytes(b"w")


def panel(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"format": 3, "kind": "panel", "items": 7}))
    (folder / "target.npy").write_bytes(b"t")


def report(folder: Path) -> None:
    rows = [{"recipe": "ets"}, {"recipe": "mqrnn"}]
    (folder / "run.json").write_text(json.dumps({"settings": {}, "versions": {}, "leaderboard": rows}))
    (folder / "report.html").write_text("<html>")


def study(folder: Path) -> None:
    with sqlite3.connect(folder / "study.db") as database:
        database.execute("CREATE TABLE studies (study_name TEXT)")
    (folder / "best.toml").write_text("recipe = 'ets'")


KINDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "model": (model, r"a model of ets, written 2026-01-02T03:04:05\+00:00"),
    "panel": (panel, "a panel of 7 items"),
    "report": (report, "a report of ets, mqrnn"),
    "study": (study, "the result of another search"),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "place").mkdir()
    KINDS[request.param][0](tmp_path / "place")
    return str(request.param)


@pytest.mark.parametrize("new", ["model", "panel", "report", "study"])
def test_a_result_is_replaced_only_when_that_is_asked_and_leaves_nothing_of_its_own(
    kind: str, new: str, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    (place / "notes.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    with (
        pytest.raises(ForetellError, match=f"place already holds {KINDS[kind][1]}.*overwrite=True"),
        new_result(place, new),  # type: ignore[arg-type]
    ):
        pytest.fail("it may not be written")
    assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    with new_result(place, new, overwrite=True) as partial:  # type: ignore[arg-type]
        (partial / "anew").write_text("new")
        assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert sorted(path.name for path in place.iterdir()) == ["anew", "notes.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["place"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("thesis.txt", "years of work"),
        ("manifest.json", "{}"),
        ("manifest.json", '{"format": 1, "recipe": 7}'),
        ("manifest.json", '{"manifest_version": 3, "name": "an extension of a browser"}'),
        ("manifest.json", "{" * 10_000),
        ("run.json", '{"settings": {}}'),
        ("study.db", "no database"),
        ("best.toml", "mine"),
    ],
)
def test_a_folder_of_other_things_is_replaced_by_nothing(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    for overwrite in (False, True):
        with pytest.raises(ForetellError, match=f"holds other things than a model, such as '{name}'"):
            may_replace(tmp_path, "model", overwrite=overwrite)
    assert (tmp_path / name).read_text() == text


def test_a_link_to_a_manifest_makes_no_result(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    model(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "manifest.json").symlink_to(tmp_path / "one" / "manifest.json")
    with pytest.raises(ForetellError, match="holds other things"):
        may_replace(tmp_path / "two", "model", overwrite=True)


def test_checkpoints_of_an_interrupted_training_are_no_result_and_a_folder_of_that_name_is_no_checkpoint(
    tmp_path: Path,
) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "checkpoint").touch()
    assert may_replace(tmp_path, "model") is None
    (tmp_path / "training" / "plan.txt").touch()
    with pytest.raises(ForetellError, match="such as 'training'"):
        may_replace(tmp_path, "model", overwrite=True)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_is_replaced_when_that_is_asked_and_it_holds_forecasts(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"table.{ending}"

    def write(**columns: float) -> None:
        frame = pd.DataFrame({"item_id": ["a"], **columns})
        frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path, index=False)

    assert may_replace_file(path) is None
    write(mean=1.0, p10=0.5)
    with pytest.raises(ForetellError, match="already holds a table of forecasts"):
        may_replace_file(path)
    found = may_replace_file(path, overwrite=True)
    assert found is not None
    assert "held a table of forecasts; it was replaced" in found.replaced
    write(target=1.0)
    with pytest.raises(ForetellError, match="is no table of forecasts, so it is not replaced"):
        may_replace_file(path, overwrite=True)
