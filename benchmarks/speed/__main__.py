"""Time foretell and others side by side, and keep a table of it.

    python -m benchmarks.speed                                  every part but the long one, on one thread
    python -m benchmarks.speed --part feed --part training
    python -m benchmarks.speed --share 0.2 --clock cpu          a fifth of the work; for a machine that does other things too
    python -m benchmarks.speed --device cuda --part training --part batch_sizes
    python -m benchmarks.speed --table                          SPEED.md once more, from speed.csv

GluonTS and statsforecast are foretell's own dependencies. neuralforecast, and AutoGluon-TimeSeries with `--peer autogluon`, get
environments of their own below `build/speed`, made with venv and pip on first use; one that cannot be installed is left out and the
table says why.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.machine import table_path
from benchmarks.speed.settings import RESULTS, Row, Settings

PARTS = {
    "feed": "networks",
    "training": "networks",
    "step": "networks",
    "batch_sizes": "networks",
    "prediction": "networks",
    "prediction_many": "networks",
    "evaluator": "scoring",
    "local": "local",
    "backtest": "backtests",
    "growth": "growth",
    "history": "growth",
    "accuracy": "accuracy",
}
LONG = ("accuracy",)  # only when asked for


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts that the command line asks for; each is kept as soon as it is done."""
    asked = _parser().parse_args(arguments)
    settings = Settings(
        share=asked.share,
        repeats=asked.repeats,
        threads=asked.threads,
        processes=asked.processes,
        device=asked.device,
        clock=asked.clock,
        environments=asked.environments,
        peers=("gluonts", *(() if asked.offline else ("neuralforecast", *asked.peer))),
    )
    os.environ["OMP_NUM_THREADS"] = str(settings.threads)  # before anything loads torch or a BLAS
    if not asked.table:
        for part in asked.part or [name for name in PARTS if name not in LONG]:
            _run(part, settings, None if asked.dry else asked.results)
    if asked.results == RESULTS and not asked.dry:
        _write_table()
    return 0


def _run(part: str, settings: Settings, results: Path | None) -> None:
    """Print the rows of a part, and keep them in the table `results` if there is one."""
    import torch

    from benchmarks.speed.results import keep

    torch.set_num_threads(settings.threads)
    rows = _part(part)(settings)
    for row in rows:
        rate = row.get("work", 0) / (row.get(f"{'cpu_' if settings.clock == 'cpu' else ''}seconds") or 1)
        print(
            f"{row['part']}, {row['case']}, {row['system']}: {rate:,.1f} {row['unit']}/s {row['note']}",
            flush=True,
        )
    if results is not None:
        keep(rows, settings, results)


def _part(name: str) -> Callable[[Settings], list[Row]]:
    """The function of a part; its module is loaded only then."""
    import importlib

    function: Callable[[Settings], list[Row]] = getattr(
        importlib.import_module(f"benchmarks.speed.{PARTS[name]}"), name
    )
    return function


def _write_table() -> None:
    from benchmarks.speed.results import read
    from benchmarks.speed.results_page import render
    from foretell.system.atomic_files import write_text

    write_text(RESULTS.with_name("SPEED.md"), render(read()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=PARTS,
        help="repeat for several; default: all but " + ", ".join(LONG),
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the full amount of work (1)")
    parser.add_argument("--repeats", type=int, default=3, help="rounds, each with a turn for everybody (3)")
    parser.add_argument(
        "--threads", type=int, default=1, help="of torch and the BLAS below it, for everybody (1)"
    )
    parser.add_argument("--processes", type=int, default=1, help="of the local models and statsforecast (1)")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="what ratios are made of")
    parser.add_argument(
        "--peer", action="append", choices=["autogluon"], default=[], help="a further peer: autogluon"
    )
    parser.add_argument("--offline", action="store_true", help="without the peers that pip would fetch")
    parser.add_argument(
        "--environments", type=Path, default=Path("build/speed"), help="where peers are installed"
    )
    parser.add_argument(
        "--results", type=table_path, default=RESULTS, help="the table that rows are kept in (speed.csv)"
    )
    parser.add_argument("--dry", action="store_true", help="print only; keep nothing")
    parser.add_argument("--table", action="store_true", help="only write SPEED.md from speed.csv")
    return parser


if __name__ == "__main__":
    sys.exit(main())
