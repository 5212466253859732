"""Codes of static categories as the ranks that trees split on: few enough, and none that training did not see."""

from __future__ import annotations

import numpy as np

from foretell.data.arrays import Array
from foretell.tabular.tree_arrays import MOST_CODES


def category_ranks(features: Array, count: int) -> Array:
    """[C, codes]: the rank of each code among those in the first `count` columns of `features` [B, F].

    NaN for a code that is not there, and for the rarest beyond MOST_CODES. scikit-learn numbers the codes in this way.

    Args:
        features: [B, F], codes from 0 on in the first columns.
        count: C, how many columns are categories.

    Example:
        >>> from foretell.tabular import category_ranks
        >>> category_ranks(np.array([[0, 1.5], [2, 2.5]], np.float32), count=1)
        array([[ 0., nan,  1.]], dtype=float32)
    """
    codes = features[:, :count].astype(np.int64)
    ranks = np.full((count, int(codes.max(initial=0)) + 1), np.nan, np.float32)
    for c in range(count):
        seen, often = np.unique(codes[:, c], return_counts=True)
        kept = np.sort(seen[np.argsort(-often, kind="stable")[:MOST_CODES]])
        ranks[c, kept] = np.arange(len(kept))
    return ranks


def with_ranks(features: Array, ranks: Array) -> Array:
    """[B, F]: `features` with `ranks` [C, codes] in place of the codes in its first C columns; NaN for unknown ones.

    Args:
        features: [B, F], codes from 0 on in the first C columns.
        ranks: [C, codes], of `category_ranks`.

    Example:
        >>> from foretell.tabular import with_ranks
        >>> with_ranks(np.array([[0, 1.5], [2, 2.5]], np.float32), np.array([[0, np.nan, 1]], np.float32))
        array([[0. , 1.5],
               [1. , 2.5]], dtype=float32)
    """
    result = features.copy()
    for c, rank in enumerate(ranks):
        codes = features[:, c].astype(np.int64)
        result[:, c] = np.where(codes < len(rank), rank[np.minimum(codes, len(rank) - 1)], np.nan)
    return result
