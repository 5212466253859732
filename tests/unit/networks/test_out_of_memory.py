"""Out of memory: a forecast goes on with smaller pieces, and says what to lower when none is small enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from foretell.errors import ForetellError
from foretell.networks.forking_recipe import ForkingRecipe
from foretell.networks.out_of_memory import in_pieces, is_out_of_memory, short_of_memory
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import daily, weekly_sales

SMALL = {"hidden_size": 8, "max_steps": 3, "context_length": 14, "batch_size": 4}


def fits(most: int, sizes: list[int]) -> Any:
    def forecast(piece: Tensor) -> tuple[Tensor, Tensor]:
        sizes.append(len(piece))
        if len(piece) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return piece * 10, piece * 100

    return forecast


def test_pieces_are_halved_until_they_fit_and_nothing_is_left_out() -> None:
    sizes: list[int] = []
    pieces = list(in_pieces(torch.arange(20), 16, fits(5, sizes), hint=""))
    assert sizes == [16, 8, 4, 4, 4, 4, 4]
    assert torch.cat([items for items, _ in pieces]).tolist() == list(range(20))
    assert torch.cat([made[0] for _, made in pieces]).tolist() == [10 * k for k in range(20)]


def test_an_item_that_does_not_fit_alone_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ForetellError, match=r"a single item does not fit.*Lower it"):
        list(in_pieces(torch.arange(3), 2, fits(0, []), hint="Lower it."))


def test_other_errors_are_left_as_they_are() -> None:
    def broken(_: Tensor) -> tuple[Tensor, Tensor]:
        raise RuntimeError("shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="multiplied"):
        list(in_pieces(torch.arange(3), 2, broken, hint=""))


def test_running_out_of_main_memory_is_recognised() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 55)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("out of memory"))


def test_what_does_not_fit_is_named() -> None:
    with (
        pytest.raises(ForetellError, match=r"the panel does not fit the device's memory\. Take fewer"),
        short_of_memory("the panel", "Take fewer."),
    ):
        raise MemoryError


def test_a_prediction_that_runs_out_of_memory_goes_on_in_smaller_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel = daily(weekly_sales(0, items=11))
    fitted: Any = make_recipe("mqrnn", SMALL).fit(panel, Task(6), Run(device="cpu"))
    expected = fitted.predict(panel, levels=fitted.task.levels).quantiles
    forecast: Any = ForkingRecipe.forecast

    def short(self: Any, network: Any, windows: Any, scale: Any, items: Tensor, *more: Any) -> Any:
        if len(items) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forecast(self, network, windows, scale, items, *more)

    monkeypatch.setattr(ForkingRecipe, "forecast", short)
    # matrix products of fewer rows round differently in their last bits
    np.testing.assert_allclose(
        fitted.predict(panel, levels=fitted.task.levels).quantiles, expected, rtol=1e-5, atol=1e-4
    )


@pytest.mark.parametrize(
    "said",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
        "CUDA out of memory. Tried to allocate 20.00 MiB",
    ],
)
def test_a_library_of_the_card_that_gets_no_memory_is_recognised(said: str) -> None:
    assert is_out_of_memory(RuntimeError(said))
    assert not is_out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"))
