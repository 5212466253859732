"""Measure `foretell monitor`.

    python -m benchmarks.monitoring rates [--histories 200] [--world weekly]
    python -m benchmarks.monitoring favorita
    python -m benchmarks.monitoring page

`rates` draws histories of 26 runs whose items share shocks, without drift and with a rise of wQL by a fifth, and writes `rates.csv`.
`favorita` lets a model of Favorita's receipts grow old, trains it again where the monitor says so, and writes two tables;
it needs the data in the folder FORETELL_DATA. `page` writes both to MONITOR.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pandas as pd

from benchmarks.accuracy.data_files import NoData, data_folder
from benchmarks.monitoring import favorita, pages, rates
from foretell.system.atomic_files import write_text
from foretell.system.frame_writers import write_frame

HERE: Final = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; 0, or 2 where data are not there."""
    asked = _parser().parse_args(arguments)
    if asked.what == "rates":
        _rates(asked.world or list(rates.WORLDS), asked.histories)
    elif asked.what == "favorita":
        try:
            models, ways = favorita.measure(data_folder())
        except NoData as error:
            print(error, file=sys.stderr)
            return 2
        write_frame(models, HERE / "favorita_models.csv")
        write_frame(ways, HERE / "favorita_ways.csv")
    write_text(HERE / "MONITOR.md", pages.page(HERE))
    print(f"written to {HERE / 'MONITOR.md'}")
    return 0


def _rates(worlds: list[str], histories: int) -> None:
    path = HERE / "rates.csv"
    kept = pd.read_csv(path) if path.is_file() else pd.DataFrame({"world": []})
    found: dict[str, Any] = {row["world"]: row for row in kept.to_dict("records")}
    for name in worlds:
        found[name] = asdict(rates.measure(name, rates.WORLDS[name], histories))
        print(found[name], flush=True)
    rows = [found[name] for name in rates.WORLDS if name in found]
    write_frame(pd.DataFrame(rows), path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__)
    parser.add_argument("what", choices=["rates", "favorita", "page"])
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--world", action="append", choices=list(rates.WORLDS))
    return parser


if __name__ == "__main__":
    sys.exit(main())
