"""The two texts with figures: the page of the site, and a part of README. Their sentences stand in `*.md` beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from foretell.errors import ForetellError

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
PAGE: Final = ROOT / "docs/benchmarks.md"
README: Final = ROOT / "README.md"
BEGIN: Final = "<!-- figures: written by python -m benchmarks.summary, do not edit -->\n"
END: Final = "<!-- end of figures -->\n"


def page(values: Mapping[str, str]) -> str:
    """`docs/benchmarks.md`. Raises ForetellError for a figure that its text asks for and nobody measured."""
    return _filled("page.md", values)


def readme(text: str, values: Mapping[str, str]) -> str:
    """README with its figures as the tables say. Raises ForetellError where its marks are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ForetellError(f"{README} lacks one of the lines {BEGIN.strip()!r} and {END.strip()!r}")
    return before + begin + _filled("readme.md", values) + end + after


def _filled(name: str, values: Mapping[str, str]) -> str:
    try:
        return (HERE / name).read_text(encoding="utf-8").format_map(values)
    except KeyError as missing:
        raise ForetellError(
            f"{HERE / name} asks for {missing.args[0]!r}, which is not among what was measured: {', '.join(values)}"
        ) from missing
