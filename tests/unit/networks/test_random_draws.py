"""Draws that depend on seed, item, step and path alone, and are distributed as they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from foretell.networks.random_draws import Noise, poisson_quantile
from foretell.windows.windows import item_codes

KEYS = pd.DataFrame({"item_id": [f"i{n}" for n in range(200)]})


def noise(seed: int = 0, keys: pd.DataFrame = KEYS) -> Noise:
    return Noise(seed, item_codes(keys), 500)


def test_an_items_draws_do_not_depend_on_the_others() -> None:
    alone = noise(keys=KEYS.iloc[[7]]).uniform(3, 0)
    assert torch.equal(noise().uniform(3, 0)[7:8], alone)


def test_seed_item_step_path_and_stream_each_change_the_draw() -> None:
    first = noise().uniform(3, 0)
    for other in (
        noise(1).uniform(3, 0),
        noise().uniform(4, 0),
        noise().uniform(3, 1),
        first.roll(1, 0),
        first.roll(1, 1),
    ):
        assert (
            abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.02
        )  # six standard deviations of 100,000 draws


# The seed is fixed, so these cannot fail by chance; a wrong distribution gives p below 1e-6.
@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5, 40.0])
def test_gamma_draws_follow_the_gamma_distribution(shape: float) -> None:
    draws = noise().gamma(torch.full((200, 500), shape), 1, 2).ravel()[::10]
    assert stats.kstest(draws.numpy(), stats.gamma(shape).cdf).pvalue > 1e-3


@pytest.mark.parametrize("df", [2.5, 5.0, 50.0])
def test_student_draws_follow_students_distribution(df: float) -> None:
    draws = noise().student(torch.full((200, 500), df), 1).ravel()[::10]
    assert stats.kstest(draws.numpy(), stats.t(df).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("mean", "count"), [(0.2, 0.5), (3.0, 2.0), (100.0, 5.0)])
def test_negative_binomial_draws_have_its_mean_and_variance(mean: float, count: float) -> None:
    draws = noise().negative_binomial(torch.full((200, 500), mean), torch.full((200, 500), count), 1)
    variance = mean + mean**2 / count
    assert abs(float(draws.mean()) - mean) < 5 * (variance / draws.numel()) ** 0.5
    assert abs(float(draws.var()) / variance - 1) < 0.1


@pytest.mark.parametrize(("rate", "off"), [(0.1, 0.0), (3.0, 0.0), (15.9, 1e-3), (16.1, 0.01), (300.0, 0.01)])
def test_poisson_quantiles_agree_with_scipy(rate: float, off: float) -> None:
    probability = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    got = poisson_quantile(probability, torch.full_like(probability, rate)).numpy()
    difference = np.abs(got - stats.poisson(rate).ppf(probability.numpy()))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= off


def test_what_is_drawn_again_is_what_all_would_have_drawn() -> None:
    some = torch.tensor([3, 700, 99_999])
    assert torch.equal(noise().normal(2, 5, some), noise().normal(2, 5).flatten()[some])
    shape = torch.full((200, 500), 1.2)
    alone = Noise(0, item_codes(KEYS.iloc[[4]]), 500).gamma(shape[:1], 1, 0)
    assert torch.equal(noise().gamma(shape, 1, 0)[4:5], alone)


def test_both_halves_of_a_hash_are_uniform_and_unrelated() -> None:
    first, second = (part.ravel() for part in noise().pair(1, 0))
    for part in (first, second):
        assert stats.kstest(part[::10].numpy(), stats.uniform.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02
