"""Draw README's picture: what an item of the sample sold, and its forecast.

    python -m benchmarks.summary.picture

trains `mqrnn` on the sample for as many steps as `foretell demo` does, some minutes on two cores, and writes `docs/_static/forecast.svg`.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Final

import matplotlib
from matplotlib.figure import Figure

import foretell
from foretell.cli.scoring_commands import DEMO_RECIPES, sample_data
from foretell.system.atomic_files import write_bytes

PICTURE: Final = Path(__file__).parents[2] / "docs/_static/forecast.svg"
ITEM: Final = "22178"


def main() -> int:
    """Train, draw, write."""
    model = foretell.train(
        sample_data(),
        recipe="mqrnn",
        horizon=28,
        levels=[0.05, 0.25, 0.5, 0.75, 0.95],
        settings=DEMO_RECIPES["mqrnn"],
    )
    write_bytes(PICTURE, drawn(model.predict(items=[ITEM])))
    return 0


def drawn(forecast: foretell.Forecast) -> bytes:
    """The fan of the one item as an SVG whose bytes follow from the forecast alone."""
    with matplotlib.rc_context({"svg.hashsalt": "foretell", "font.size": 9}):
        figure = Figure(figsize=(7.5, 2.8), layout="constrained")
        forecast.plot(ITEM, axes=figure.add_subplot())
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


if __name__ == "__main__":
    sys.exit(main())
