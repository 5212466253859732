"""Scores of runs, groups and steps beside what the back-test had there, as tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from foretell.evaluation.metrics import ratio
from foretell.monitoring.blocks import Profile
from foretell.monitoring.tally import SUMS, Tally, nominal, widest
from foretell.recipe.levels import level_column


def score_table(found: Tally, code: NDArray[np.int64], count: int, profile: Profile) -> pd.DataFrame:
    """[count] rows: the scores of the cells with each code, and what is usual at their sizes and steps ahead.

    `bias` is the sum of mean - actual over the sum of |actual|: above 0 where too much is forecast. Coverage is of the cells whose
    forecast is not certain. What is not defined is NaN.
    """
    sums = found.added_by(code, count)
    column = {name: sums[:, k] for k, name in enumerate(SUMS)}
    usual = profile.usual(found, code, count)
    levels = found.levels
    covered = {
        level_column("coverage", level): ratio(sums[:, len(SUMS) + q], column["open"])
        for q, level in enumerate(levels)
    }
    inside = interval_name(levels)
    return pd.DataFrame(
        {
            "cells": column["observed"].astype(np.int64),
            "missing": (column["forecast"] - column["observed"]).astype(np.int64),
            "wQL": ratio(column["loss"], column["size"]),
            "usual wQL": ratio(usual["wQL"], column["size"]),
            "WAPE": ratio(column["absolute"], column["size"]),
            "bias": ratio(column["error"], column["size"]),
            "usual bias": ratio(usual["bias"], column["size"]),
            inside: ratio(column["inside"], column["open"]),
            f"usual {inside}": ratio(usual["coverage"], column["open"]),
            **covered,
        }
    )


def interval_name(levels: tuple[float, ...]) -> str:
    """The column of the share that `widest` counts: interval[0.8], or coverage below the highest level."""
    low, _ = widest(levels)
    return level_column("interval" if low is not None else "at or below", round(nominal(levels), 6))


def by_step(found: Tally, profile: Profile) -> pd.DataFrame:
    """A row a step ahead; the origin is step 1."""
    table = score_table(found, found.step, len(profile.loss), profile)
    table.insert(0, "step", np.arange(1, len(table) + 1))
    return table


def by_group(
    found: Tally,
    usual: Tally,
    members: dict[tuple[str, str], NDArray[np.int64]],
    profile: Profile,
    *,
    smooth: int,
) -> pd.DataFrame:
    """A row a group, those of one grouping together, the largest first.

    Usual is what the group itself had in the back-test, `usual`; what all had, where it was not in it.
    """
    parts = []
    for (by, label), cells in members.items():
        code = np.where(np.isin(found.group, cells), 0, -1)
        own = usual.where(np.isin(usual.group, cells))
        there = bool(own.of("observed").any())
        its = Profile.of(own, len(profile.loss), smooth=smooth) if there else profile
        row = score_table(found, code, 1, its)
        size = found.of("size")[code == 0].sum()
        parts.append(row.assign(by=by, group=label, size=size))
    if not parts:
        return pd.DataFrame(columns=["by", "group"])
    table = pd.concat(parts, ignore_index=True)
    table["share"] = table["size"] / table.groupby("by")["size"].transform("sum").replace(0, np.nan)
    order = {by: k for k, by in enumerate(dict.fromkeys(table["by"]))}
    table = table.assign(place=table["by"].map(order)).sort_values(
        ["place", "size"], ascending=[True, False], kind="stable", ignore_index=True
    )
    front = ["by", "group", "share"]
    return table[[*front, *(c for c in table.columns if c not in (*front, "place", "size"))]]


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain JSON types; None where a number is not defined."""
    return [{str(name): _plain(value) for name, value in row.items()} for row in table.to_dict("records")]


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return str(value) if isinstance(value, pd.Timestamp) else value
