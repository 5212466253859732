"""The committed tables of results: every line is a row, and the pages are what the tables say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from benchmarks.accuracy import __main__ as accuracy
from benchmarks.accuracy import hierarchies, results, suites, volume
from benchmarks.accuracy import results_page as accuracy_page
from benchmarks.monitoring import pages as monitor
from benchmarks.service import answers
from benchmarks.speed import ingest
from benchmarks.speed import results as speed
from benchmarks.speed import results_page as speed_page

from foretell.errors import ForetellError

MONITOR = Path(monitor.__file__).parent
READERS: dict[str, tuple[Path, Callable[[Path], object]]] = {
    "results.csv": (results.RESULTS, results.read_results),
    "volume.csv": (volume.RESULTS, volume.read),
    "hierarchies.csv": (hierarchies.TABLE, hierarchies.read_table),
    "speed.csv": (speed.RESULTS, speed.read),
    **{name: (MONITOR / name, monitor.read) for name in monitor.KEY},
    "answers.csv": (answers.TABLE, answers.read_table),
    "ingest.csv": (ingest.HOME / "ingest.csv", ingest.read),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("marker", ["<<<<<<< Updated upstream", "=======", ">>>>>>> Stashed changes"])
@pytest.mark.parametrize("padded", [True, False])
def test_a_conflict_marker_is_refused_with_its_file_and_line(
    name: str, marker: str, padded: bool, tmp_path: Path
) -> None:
    path, read = READERS[name]
    lines = path.read_text().splitlines()
    columns = len(pd.read_csv(path).columns)
    lines.insert(2, marker + "," * (columns - 1) * padded)
    torn = tmp_path / name
    torn.write_text("\n".join(lines))
    with pytest.raises(ForetellError, match=rf"{name}, line 3: .*, got '{marker[:7]}"):
        read(torn)


@pytest.mark.parametrize("name", READERS)
def test_text_in_the_place_of_a_number_is_refused(name: str, tmp_path: Path) -> None:
    path, read = READERS[name]
    header = path.read_text().splitlines()[0]
    column = next(name for name in ("seconds", "wQL", "retrain", "figure") if name in header.split(","))
    frame = pd.read_csv(path, dtype=str).head(1).assign(**{column: "fast"})
    frame.to_csv(tmp_path / name, index=False)
    with pytest.raises(ForetellError, match=rf"{name}, line 2: '{column}' is a number"):
        read(tmp_path / name)


def test_a_table_without_its_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text("task,recipe\ntiny,ets\n")
    with pytest.raises(ForetellError, match=r"line 1: expected a column 'seed', got task, recipe"):
        results.read_results(tmp_path / "results.csv")


def test_no_result_is_there_twice() -> None:
    rows = results.read_results()
    assert not rows.duplicated(["task", "recipe", "seed"]).any()
    assert (rows["task"] != "").all()


def test_the_pages_are_what_the_tables_say() -> None:
    tasks, about = suites.read_suites(), suites.read_about()
    assert accuracy.TABLE.read_text() == accuracy_page.render(results.read_results(), tasks, about)
    assert (volume.HERE / "VOLUME.md").read_text() == volume.table(volume.joined(volume.read(volume.RESULTS)))
    assert (MONITOR / "MONITOR.md").read_text() == monitor.page(MONITOR)
    assert (ingest.HOME / "INGEST.md").read_text() == ingest.page(ingest.read(ingest.HOME / "ingest.csv"))
    assert (ingest.HOME / "SPEED.md").read_text() == speed_page.render(speed.read())
