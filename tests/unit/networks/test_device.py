"""The device of a network, and how float32 is computed on it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from foretell.networks.device import computing, pick_device
from foretell.recipe.task import Run


@pytest.mark.parametrize(("said", "meant"), [("auto", 0), ("cuda", 0), ("cuda:0", 0), ("cuda:1", 1)])
def test_a_card_is_named_as_the_tensors_on_it_are(
    said: str, meant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("is_available", True), ("device_count", 2), ("current_device", 0)):
        monkeypatch.setattr(torch.cuda, name, lambda value=value: value)
    assert pick_device(said) == torch.device("cuda", meant)  # torch says that cuda is not cuda:0


def test_a_device_of_apple_is_named_as_the_tensors_on_it_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device("mps") == torch.device("mps", 0)
    assert pick_device("cpu") == torch.zeros(1).device


@pytest.mark.parametrize("before", [("tf32", "tf32"), ("none", "none"), ("ieee", "tf32"), ("ieee", "ieee")])
def test_float32_is_taken_in_full_inside_and_as_the_host_had_it_afterwards(before: tuple[str, str]) -> None:
    cudnn: Any = torch.backends.cudnn

    def stands() -> tuple[str, str]:
        return cudnn.rnn.fp32_precision, cudnn.conv.fp32_precision

    host = stands()
    try:
        cudnn.rnn.fp32_precision, cudnn.conv.fp32_precision = before
        with computing(Run()):
            with computing(Run()):
                pass
            assert "tf32" not in stands()
            assert not cudnn.allow_tf32  # and it can be read
        assert stands() == before
    finally:
        cudnn.allow_tf32 = True
        cudnn.rnn.fp32_precision, cudnn.conv.fp32_precision = host
