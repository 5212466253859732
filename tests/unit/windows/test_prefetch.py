"""Batches that are made a step ahead, and the feed that copies nothing when the panel is on the device."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from foretell.windows.prefetch import Prefetched, panel_device, sent
from panels import daily, weekly_sales

CPU = torch.device("cpu")


class Numbered(NamedTuple):
    step: Tensor
    final: Tensor


def numbered(step: int, final: bool) -> Numbered:
    if step == 5:
        raise ValueError("no batch 5")
    return Numbered(torch.tensor(step), torch.tensor(final))


def test_batches_come_in_the_order_asked_for_whatever_was_made_ahead() -> None:
    feed = Prefetched(numbered, CPU)
    asked = [(0, False), (1, False), (2, True), (3, True), (0, False), (2, False)]
    got = [(int(batch.step), bool(batch.final)) for batch in (feed(*key) for key in asked)]
    feed.close()
    assert got == asked


def test_what_goes_wrong_in_the_thread_is_raised_where_the_batch_is_asked_for() -> None:
    feed = Prefetched(numbered, CPU)
    assert int(feed(4, False).step) == 4  # batch 5, made ahead, is not asked for yet
    with pytest.raises(ValueError, match="no batch 5"):
        feed(5, False)
    feed.close()


def test_a_batch_that_is_there_already_is_not_copied() -> None:
    batch = numbered(1, False)
    assert sent(batch, CPU) is batch


def test_without_a_gpu_the_panel_is_where_the_network_is() -> None:
    assert panel_device(daily(weekly_sales(0)), CPU) == CPU
