"""Libraries that only some recipes need, and that an extra of foretell installs."""

from __future__ import annotations

from foretell.errors import ForetellError


def missing_library(recipe: str, library: str, *, extra: str) -> ForetellError:
    """The error of a recipe whose library is not installed; it names the extra that installs it.

    Args:
        recipe: its name.
        library: what people call the library.
        extra: of foretell, that installs it.

    Example:
        >>> from foretell.tabular import missing_library
        >>> missing_library("xgboost", "XGBoost", extra="xgboost")
        ForetellError('xgboost needs XGBoost, which is not installed: pip install foretell[xgboost]')
    """
    return ForetellError(f"{recipe} needs {library}, which is not installed: pip install foretell[{extra}]")
