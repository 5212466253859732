"""The screens, in the order of the navigation."""

from __future__ import annotations

from typing import Final, NamedTuple


class Screen(NamedTuple):
    """A line of the navigation."""

    title: str
    path: str


SCREENS: Final = (
    Screen("Data", "/data"),
    Screen("Jobs", "/jobs"),
    Screen("Leaderboard", "/backtests"),
    Screen("Items", "/items"),
    Screen("Groups", "/groups"),
    Screen("What if", "/whatif"),
    Screen("Why", "/why"),
    Screen("Monitor", "/monitors"),
)
