"""Random numbers of a training are its own: other threads and the host neither change them nor see theirs changed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from foretell.networks.own_draws import FirstWeights, training_draws
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import daily, weekly_sales

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"hidden_size": 8, "context_length": 14, "max_steps": 15, "batch_size": 16}


def forecast(name: str, seed: int = 3) -> np.ndarray:
    panel, task = daily(weekly_sales(0)), Task(5)
    settings = {"max_steps": 15, "context_length": 14} if name == "gluonts" else {**SMALL, "dropout": 0.3}
    recipe = make_recipe(name, settings).resolved(panel, task)  # type: ignore[attr-defined]
    fitted = recipe.fit(panel, task, Run(device="cpu", seed=seed))
    return np.asarray(fitted.predict(panel, levels=task.levels).quantiles)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mqrnn", "mqcnn", "deepar", "nhits", "tft", "gluonts"])
def test_four_threads_that_train_at_once_give_what_one_alone_gives(name: str) -> None:
    alone = forecast(name)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: forecast(name), range(4)))
    for other in together:
        np.testing.assert_array_equal(other, alone)
    assert not np.array_equal(forecast(name, seed=4), alone)


@pytest.mark.slow
def test_what_the_host_draws_meanwhile_changes_nothing() -> None:
    alone, stop = forecast("mqrnn"), False

    def draw() -> None:
        while not stop:
            torch.rand(100)

    with ThreadPoolExecutor(1) as pool:
        host = pool.submit(draw)
        try:
            beside = forecast("mqrnn")
        finally:
            stop = True
        host.result()
    np.testing.assert_array_equal(beside, alone)


def modules() -> nn.ModuleList:
    return nn.ModuleList(
        [
            nn.LSTM(5, 6, 3, dropout=0.4, batch_first=True),
            nn.Dropout(0.4),
            nn.Linear(5, 2),
            nn.Embedding(3, 2),
        ]
    )


def test_first_weights_and_dropout_are_those_of_the_global_generator_with_that_seed() -> None:
    torch.manual_seed(8)
    theirs = modules()
    before = torch.get_rng_state()
    with FirstWeights(8):
        ours = modules()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    values, state = torch.ones(4, 7, 5), (torch.ones(3, 4, 6), torch.ones(3, 4, 6))
    with training_draws(ours, CPU, shared=False) as seed:
        seed(9)
        got = ours[0](values, state), ours[1](values)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(9)
    wanted = theirs[0](values, state), theirs[1](values)
    for a, b in zip([got[0][0], *got[0][1], got[1]], [wanted[0][0], *wanted[0][1], wanted[1]], strict=True):
        assert torch.equal(a, b)
    assert [type(module) for module in ours] == [type(module) for module in theirs]


def test_an_lstm_with_own_dropout_takes_no_state_and_steps_first() -> None:
    with FirstWeights(1):
        lstm = nn.LSTM(5, 6, 2, dropout=0.5)
    with training_draws(lstm, CPU, shared=False) as seed:
        seed(2)
        states, (hidden, cell) = lstm(torch.ones(7, 4, 5))
    torch.manual_seed(2)
    expected, (last, _) = lstm(torch.ones(7, 4, 5))
    assert torch.equal(states, expected)
    assert torch.equal(hidden, last)
    assert cell.shape == hidden.shape
