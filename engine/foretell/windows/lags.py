"""Which earlier values of the target a step ahead is compared with."""

from __future__ import annotations

from foretell.data.schema import Schema


def seasonal_lags(schema: Schema, *, repeats: int) -> list[tuple[int, int]]:
    """(season, repeat) pairs: the value `repeat` seasons before the latest one of that phase known at a fork."""
    pairs = [(season, repeat) for season in schema.seasons for repeat in range(repeats)]
    year = schema.frequency.year
    if year is not None and year not in schema.seasons and year <= 366:
        pairs.append((year, 0))
    return pairs
