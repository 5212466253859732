"""Which earlier values of the target a step ahead is compared with."""

from __future__ import annotations

from foretell.data.schema import Schema


def seasonal_lags(schema: Schema, *, repeats: int) -> list[tuple[int, int]]:
    """(season, repeat) pairs: the value `repeat` seasons before the latest one of that phase known at a fork.

    Args:
        schema: of the panel: its seasons and frequency.
        repeats: lags of each season.

    Example:
        >>> from foretell.networks import seasonal_lags
        >>> data = foretell.Dataset(pd.read_csv("data/retail/sales.csv", nrows=2952), freq="D")  # four items
        >>> seasonal_lags(data.schema, repeats=2)  # the last two weeks, and the year before
        [(7, 0), (7, 1), (364, 0)]
    """
    pairs = [(season, repeat) for season in schema.seasons for repeat in range(repeats)]
    year = schema.frequency.year
    if year is not None and year not in schema.seasons and year <= 366:
        pairs.append((year, 0))
    return pairs
