"""Times ingest, opening, training and forecasting of large panels: `python -m benchmarks.speed.ingest CASE...`

Cases: small (1 million rows, to try it), pandas (10 million, side by side), parquet and csv (100 million), billion. Results
go to ingest.csv and INGEST.md beside this file; `--folder` says where the tables are made (and removed again).
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.committed_table import check_rows
from benchmarks.speed.measure import measured
from benchmarks.speed.sales import DAYS, write_sales
from foretell.system.environment import machine, versions

HOME = Path(__file__).parent
COLUMNS = (
    "case",
    "work",
    "rows",
    "items",
    "seconds",
    "cpu_seconds",
    "rows_per_second",
    "peak_anonymous_mb",
    "load_before",
    "panel_mb",
    "system",
    "cores",
    "memory_gb",
    "versions",
)
ITEMS = {"small": 1_000, "pandas": 10_000, "parquet": 100_000, "csv": 100_000, "billion": 1_000_000}
STEPS = 200  # of training on the billion
FORECAST = 0.1  # share of its items


def run_case(case: str, folder: Path) -> Iterator[dict[str, Any]]:
    """The results of one case, one at a time."""
    items, ending = ITEMS[case], "csv" if case == "csv" else "parquet"
    tables = write_sales(folder / "tables", items, ending=ending, ahead=case in ("billion", "small"))
    panel = folder / "panel"

    def result(work: str, *arguments: object) -> dict[str, Any]:
        return {
            "case": case,
            "work": work,
            "rows": items * DAYS,
            "items": items,
            **measured(work, *arguments),
        }

    yield {**result("ingest", panel, *tables), "panel_mb": _size(panel)}
    if case in ("pandas", "small"):
        yield result("pandas", tables[0])
    yield result("opening", panel)
    if case in ("billion", "small"):
        shutil.rmtree(folder / "tables")
        yield result("training", panel, folder / "model", STEPS)
        chosen = int(FORECAST * items)
        yield {
            **result("forecasting", panel, folder / "model", folder / "forecast.parquet", chosen),
            "items": chosen,
        }


def main() -> None:
    """Run the cases named on the command line and write the results down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="+", choices=list(ITEMS), metavar="CASE")
    parser.add_argument(
        "--folder", type=Path, help="where the tables are made; default: the temporary folder"
    )
    asked = parser.parse_args()
    for case in asked.cases:
        with tempfile.TemporaryDirectory(dir=asked.folder, prefix="foretell-speed-") as folder:
            for result in run_case(case, Path(folder)):
                print({name: result.get(name) for name in COLUMNS[:9]}, flush=True)
                record(HOME, {**result, **surroundings()})


def surroundings() -> dict[str, Any]:
    """Machine and versions, without names of either."""
    told, found = machine(), versions()
    wanted = ("python", "foretell", "duckdb", "pyarrow", "pandas", "numpy", "torch")
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "system": told["system"],
        "cores": told["cores"],
        "memory_gb": round(gigabytes, 1),
        "versions": " ".join(f"{name} {found[name]}" for name in wanted if name in found),
    }


def record(home: Path, result: dict[str, Any]) -> None:
    """Put a result into ingest.csv, in place of the last one of its case and work, and write INGEST.md anew."""
    path = home / "ingest.csv"
    rows = read(path)
    speed = (
        {"rows_per_second": result["rows"] / result["seconds"]}
        if result["work"] in ("ingest", "pandas")
        else {}
    )
    ready = {name: _spelt({**result, **speed}.get(name)) for name in COLUMNS}
    kept = [row for row in rows if (row["case"], row["work"]) != (ready["case"], ready["work"])]
    order = list(ITEMS)
    lines = sorted([*kept, ready], key=lambda row: order.index(row["case"]))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    (home / "INGEST.md").write_text(page(lines), encoding="utf-8")


def read(path: Path) -> list[dict[str, str]]:
    """All rows; none where there is no file yet. Raises ForetellError where a line is no row."""
    if not path.exists():
        return []
    check_rows(path, key=("case", "work"), numbers=COLUMNS[2:10])
    return list(csv.DictReader(path.read_text().splitlines()))


_HEAD = (
    "case",
    "work",
    "rows",
    "items",
    "seconds",
    "processor s",
    "rows/s",
    "peak MB",
    "load before",
    "panel MB",
)
_INTRODUCTION = (
    "Written by `python -m benchmarks.speed.ingest`. Rows are shuffled, ids are text, one target and one known column."
    " Peak MB is anonymous memory (RssAnon), looked at 20 times a second; pages of mapped files are not in it."
    " A load before of more than 1 says that other work ran on the machine: the seconds are then longer than on an"
    " idle one, the processor seconds hardly."
)


def page(rows: list[dict[str, str]]) -> str:
    """The results for people."""
    lines = [
        "# Ingest, opening, training and forecasting of large panels",
        "",
        _INTRODUCTION,
        "",
        "| " + " | ".join(_HEAD) + " |",
        "|---|---|" + "---:|" * (len(_HEAD) - 2),
    ]
    lines += ["| " + " | ".join(_shown(row[name]) for name in COLUMNS[:10]) + " |" for row in rows]
    last = rows[-1]
    lines += [
        "",
        f"Machine: {last['system']}, {last['cores']} cores, {last['memory_gb']} GB; {last['versions']}.",
    ]
    return "\n".join([*lines, *ratio(rows), ""])


def ratio(rows: list[dict[str, str]]) -> list[str]:
    """foretell against pandas, of one run."""
    by_work = {row["work"]: row for row in rows if row["case"] == "pandas"}
    if not {"ingest", "pandas"} <= set(by_work):
        return []
    ours, theirs = by_work["ingest"], by_work["pandas"]
    faster, seconds = (float(theirs[name]) / float(ours[name]) for name in ("seconds", "cpu_seconds"))
    memory = float(ours["peak_anonymous_mb"]) / float(theirs["peak_anonymous_mb"])
    return [
        "",
        f"The same work in pandas (read, group, reindex, fill), side by side: foretell is {faster:.1f} times faster"
        f" ({seconds:.1f} times less processor time) with {memory:.2f} of the memory; saving the panel is in its time.",
    ]


def _size(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir()) / 1e6


def _spelt(value: object) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _shown(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:,.0f}" if abs(number) >= 100 else text


if __name__ == "__main__":
    main()
