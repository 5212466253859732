"""Write `docs/benchmarks.md`, and what stands between the marks of README, from the committed tables of results.

python -m benchmarks.summary
"""

from __future__ import annotations

import sys

from benchmarks.summary.pages import PAGE, README, page, readme
from benchmarks.summary.values import read_tables, values_of
from foretell.errors import ForetellError
from foretell.system.atomic_files import write_text


def main() -> int:
    """Write both; 0, or 2 with a message."""
    try:
        values = values_of(read_tables())
        write_text(PAGE, page(values))
        write_text(README, readme(README.read_text(encoding="utf-8"), values))
    except ForetellError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"written to {PAGE} and {README}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
