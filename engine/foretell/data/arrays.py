"""The array types that everything shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]  # what panels and forecasts hold
Floats = NDArray[np.float64]  # what sums are made in
