"""How a step of the grid came by its value."""

from __future__ import annotations

from typing import Final

UNFILLED: Final = 0  # codes of `Panel.filled`: as read,
COUNTS: Final = 1  # filled by zero or a value, and scored,
GUESSED: Final = 2  # filled by anything else
