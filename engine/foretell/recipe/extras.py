"""Libraries that only some recipes need, and that an extra of foretell installs."""

from __future__ import annotations

from foretell.errors import ForetellError


def missing_library(recipe: str, library: str, *, extra: str) -> ForetellError:
    """The error of a recipe whose library is not installed; it names the extra that installs it."""
    return ForetellError(f"{recipe} needs {library}, which is not installed: pip install foretell[{extra}]")
