"""The same items with other covariates, statics or dates: what an explanation asks a model to forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """V variants of the n items of a panel: each has the target of its item, perhaps with other covariates, statics or dates.

    Known covariates differ from the origin on alone.
    """

    panel: Panel  # [V] the variants
    base: Panel  # [n] the items as they are
    of: NDArray[np.int64]  # [V] which of these a variant is of

    @classmethod
    def none(cls, base: Panel) -> Variants:
        """The items as they are, and nothing else."""
        return cls(base, base, np.arange(len(base)))

    @property
    def plain(self) -> bool:
        """Whether these are the items as they are."""
        return self.panel is self.base


@runtime_checkable
class VariantPredictor(Protocol):
    """A predictor that forecasts variants sooner than as so many items, for it fits a model to each series."""

    def predict_variants(self, variants: Variants, *, levels: Sequence[float]) -> Forecast:
        """Forecast each variant from its origin on; what is fitted to an item's history is fitted once."""
        ...


def predict_variants(
    predictor: Predictor, panel: Panel, variants: Variants | None, *, levels: Sequence[float]
) -> Forecast:
    """The forecast of a panel, or of `variants`; a predictor that has no way of its own with these takes them for items."""
    if variants is not None and isinstance(predictor, VariantPredictor):
        return predictor.predict_variants(variants, levels=levels)
    return predictor.predict(panel if variants is None else variants.panel, levels=levels)
