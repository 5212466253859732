"""How much effort a forecast is worth, in one word."""

from __future__ import annotations

from typing import Any, Final

from foretell.errors import ForetellError, nearest
from foretell.recipe.protocols import Recipe
from foretell.recipe.registry import make_recipe

# recipe and settings of each
PRESETS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    # one model a series or in closed form, no network and no trees
    "fast": (
        "auto",
        {
            "members": ("seasonal_naive", "npts", "ridge", "level_shape", "theta"),
            "trials": 0,
            "time_limit": "1m",
        },
    ),
    "balanced": ("auto", {"time_limit": "10m"}),  # all members
    "best": ("auto", {"time_limit": "1h", "trials": 12}),  # and more settings of the two best ones
}


def preset(name: str) -> Recipe:
    """The recipe that a preset stands for: fast, balanced or best.

    All three are `auto`, which weighs recipes on windows before the origin: `fast` has quick members and a minute, `balanced`
    all members and ten minutes, `best` an hour, in which it searches settings too.

    Args:
        name: "fast", "balanced" or "best".

    Raises:
        ForetellError: for another name.

    Example:
        >>> foretell.preset("fast").members
        ('seasonal_naive', 'npts', 'ridge', 'level_shape', 'theta')
    """
    if name not in PRESETS:
        raise ForetellError(f"no preset {name!r}.{nearest(name, PRESETS)} There are: {', '.join(PRESETS)}")
    recipe, settings = PRESETS[name]
    return make_recipe(recipe, settings)
