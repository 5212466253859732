"""The score that a training is judged by: which steps count."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from foretell.ingest.dataset import Dataset
from foretell.networks import Source
from foretell.networks.sizes import Sizes
from foretell.networks.validation import VALIDATION_LEVELS, validation_score
from foretell.windows.covariate_scale import CovariateScale
from foretell.windows.windows import Windows

HORIZON = 4


@pytest.mark.parametrize(
    ("filling", "expected"),
    [
        (
            None,
            1.0,
        ),  # zeros for three sales of 10: the loss at level q is 30 q, of which twice the mean is 30
        ("mean", 1.0),  # what was guessed does not count, though the forecast of it is right
        (
            "zero",
            4 / 3,
        ),  # a zero does: a forecast of 10 loses 10 (1 - q) there, twice the mean of which is 10
    ],
)
def test_a_step_that_a_filling_guessed_is_no_truth_to_validate_on(
    filling: str | None, expected: float
) -> None:
    days = pd.date_range("2024-01-01", periods=24)
    sales = pd.DataFrame({"item_id": "a", "timestamp": days, "target": 10.0}).drop(index=21)
    rules = {} if filling is None else {"target": {"middle": filling}}
    panel = Dataset(sales, freq="D", filling=rules).panel
    sizes = Sizes(horizon=HORIZON, cardinalities=())
    windows = Windows(panel, CovariateScale.of(panel), horizon=HORIZON)
    source: Source[Any] = Source(windows, torch.ones(1, 2), sizes)

    def forecast(_: Source[Any], items: Tensor) -> Tensor:
        only_the_gap = torch.tensor([0.0, 10.0, 0.0, 0.0])
        return only_the_gap[:, None].expand(len(items), HORIZON, len(VALIDATION_LEVELS))

    score = validation_score(source, 1, forecast, seed=0, device=torch.device("cpu"))
    assert score() == pytest.approx(expected)
