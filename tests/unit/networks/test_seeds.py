"""Several seeds of a network: each learns as it would alone, and they forecast, resume, start and are saved as one model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import foretell
from foretell.errors import ForetellError
from foretell.models.fitted_model import FittedModel
from foretell.models.fitting import fit_model
from foretell.models.model import fitted_of
from foretell.networks.network_recipe import NetworkPredictor
from foretell.networks.own_draws import training_draws
from foretell.networks.seeds import SeedNetworks, clip_gradients, feeding, networks_of, summed_loss, untrained
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from panels import daily, weekly_sales

TASK, LEVELS = Task(5), (0.1, 0.5, 0.9)
SMALL: dict[str, Any] = {"hidden_size": 8, "max_steps": 6, "context_length": 14, "batch_size": 4}
NAMES = ("mqrnn", "mqcnn", "deepar", "tft", "nhits")


def panel() -> Any:
    return daily([*weekly_sales(0), []])


def trained(name: str, *, run: Run | None = None, **settings: Any) -> FittedModel:
    paths = {"num_samples": 20} if name == "deepar" else {}
    recipe = make_recipe(name, {**SMALL, **paths, **settings})
    return fit_model(recipe, panel(), TASK, run or Run(device="cpu"))


def predictor_of(model: FittedModel) -> NetworkPredictor:
    assert isinstance(model.predictor, NetworkPredictor)
    return model.predictor


def weights(model: FittedModel) -> list[dict[str, torch.Tensor]]:
    """Of each network."""
    return [dict(each.state_dict()) for each in networks_of(predictor_of(model).network)]


@pytest.mark.parametrize("name", NAMES)
def test_each_of_several_networks_learns_from_windows_of_its_own(name: str) -> None:
    predictor = predictor_of(trained(name, seeds=2))
    recipe, source = predictor.recipe, predictor.source(panel(), torch.device("cpu"))
    batch: Any = feeding(recipe).batch(source, torch.Generator().manual_seed(0))
    assert len(batch.items) == 2 * SMALL["batch_size"]
    first, second = networks_of(predictor.network.eval())
    halves = [type(batch)(*(part[rows] for part in batch)) for rows in (slice(4), slice(4, 8))]
    alone = [recipe.loss(*pair) for pair in zip((first, second), halves, strict=True)]
    predictor.network.zero_grad()
    total = summed_loss(predictor.network, batch, recipe.loss)
    torch.testing.assert_close(total, alone[0] + alone[1])
    total.backward()
    mine = torch.autograd.grad(alone[0], [w for w in first.parameters() if w.grad is not None])
    for gradient, weight in zip(mine, (w for w in first.parameters() if w.grad is not None), strict=True):
        torch.testing.assert_close(weight.grad, gradient)


def test_the_first_of_several_networks_begins_as_it_would_alone() -> None:
    (alone,), (first, second) = (weights(trained("mqrnn", seeds=s, learning_rate=1e-12)) for s in (1, 2))
    for part, value in alone.items():
        np.testing.assert_allclose(first[part], value, atol=1e-6)
    assert any(not torch.allclose(second[part], value, atol=1e-2) for part, value in alone.items())


def test_dropout_is_drawn_for_each_network_apart() -> None:
    both, ones = SeedNetworks([torch.nn.Dropout(0.5), torch.nn.Dropout(0.5)]), torch.ones(100)
    with training_draws(both, torch.device("cpu"), shared=False) as seed:
        seed(0)
        first, second = (each(ones) for each in both)
    assert 20 < float((first != second).sum()) < 80


@pytest.mark.parametrize("name", NAMES)
def test_three_networks_are_saved_and_forecast_as_before(name: str, tmp_path: Path) -> None:
    model = trained(name, seeds=3)
    model.save(tmp_path / "model")
    loaded = fitted_of(foretell.load(tmp_path / "model", device="cpu"))
    assert loaded.resolved.seeds == 3  # type: ignore[attr-defined]
    forecast = model.forecast(panel())
    np.testing.assert_array_equal(loaded.forecast(panel()).quantiles, forecast.quantiles)
    assert (np.diff(forecast.quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("name", ["mqrnn", "mqcnn", "tft", "nhits"])
def test_their_quantiles_are_averaged_level_by_level(name: str) -> None:
    predictor = predictor_of(trained(name, seeds=3))
    alone = replace(predictor.recipe, seeds=1)  # type: ignore[type-var]
    parts = [
        replace(predictor, recipe=alone, network=each).predict(panel(), levels=LEVELS)
        for each in networks_of(predictor.network)
    ]
    together = predictor.predict(panel(), levels=LEVELS)
    mean = np.mean([part.quantiles for part in parts], axis=0)
    np.testing.assert_allclose(together.quantiles, mean, rtol=1e-5, atol=1e-5)  # float32 sums
    np.testing.assert_allclose(together.mean, np.mean([p.mean for p in parts], axis=0), rtol=1e-5, atol=1e-5)


def test_paths_of_deepar_are_pooled_and_shared_among_the_networks() -> None:
    predictor = predictor_of(trained("deepar", seeds=2, num_samples=2000))
    first, _ = networks_of(predictor.network)
    twice = replace(predictor, network=SeedNetworks([first, first]))
    alone = replace(predictor, network=first)
    one, two = (each.predict(panel(), levels=LEVELS).quantiles for each in (alone, twice))
    assert not np.array_equal(one, two)  # 1,000 paths of each, other ones
    spread = np.abs(one[..., 2] - one[..., 0]).max()
    assert np.abs(one - two).max() < 0.25 * spread  # of the same distribution


@pytest.mark.parametrize("name", ["mqrnn", "deepar"])
def test_an_interrupted_training_of_two_networks_goes_on_where_it_was(
    name: str, tmp_path: Path, monkeypatch: Any
) -> None:
    straight = weights(trained(name, seeds=2, max_steps=20))
    kind: Any = type(make_recipe(name))
    gather = kind.batch
    steps: list[int] = []

    def stopped(*given: Any) -> Any:
        steps.append(1)
        if len(steps) == 12:
            raise RuntimeError("the power fails")
        return gather(*given)

    monkeypatch.setattr(kind, "batch", stopped)
    with pytest.raises(Exception, match="the power fails"):
        trained(name, seeds=2, max_steps=20, run=Run(device="cpu", out=tmp_path))
    again = trained(name, seeds=2, max_steps=20, run=Run(device="cpu", out=tmp_path, resume=True))
    assert len(steps) < 12 + 20
    for whole, part in zip(straight, weights(again), strict=True):
        for key, value in whole.items():
            torch.testing.assert_close(part[key], value, rtol=0, atol=0)


def test_networks_of_all_seeds_go_on_from_a_model_that_has_as_many() -> None:
    old = trained("mqrnn", seeds=2)
    still = replace(old.recipe, learning_rate=1e-12, max_steps=1)  # type: ignore[type-var]
    new = fit_model(still, panel(), TASK, Run(device="cpu"), start=old.predictor)
    for before, after in zip(weights(old), weights(new), strict=True):
        for key, value in before.items():
            np.testing.assert_allclose(after[key], value, rtol=1e-5, atol=1e-6)
    with pytest.raises(ForetellError, match="those that shape it"):
        fit_model(replace(still, seeds=3), panel(), TASK, Run(device="cpu"), start=old.predictor)  # type: ignore[type-var]


def test_one_seed_is_the_network_alone() -> None:
    network = predictor_of(trained("mqrnn", seeds=1)).network
    assert not isinstance(network, SeedNetworks)
    assert type(network) is type(networks_of(predictor_of(trained("mqrnn", seeds=2)).network)[0])
    with pytest.raises(ForetellError, match="seeds"):
        make_recipe("mqrnn", {"seeds": 0})


def test_a_gradient_is_clipped_for_each_network_apart() -> None:
    small, large = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    both = SeedNetworks([small, large])
    small.weight.grad, large.weight.grad = torch.tensor([[0.4]]), torch.tensor([[40.0]])
    clip_gradients(both, 1.0)
    assert float(small.weight.grad) == pytest.approx(0.4)
    assert float(large.weight.grad) == pytest.approx(1.0)
    large.weight.grad = torch.tensor([[float("inf")]])
    assert not bool(torch.isfinite(clip_gradients(both, 1.0)))


@dataclass(frozen=True)
class Theirs:
    """A network recipe of somebody else's, without this hyperparameter."""

    name: ClassVar[str] = "theirs"

    def network(self, sizes: object) -> torch.nn.Module:
        return torch.nn.Linear(1, 1)


def test_a_recipe_of_somebody_elses_needs_no_such_hyperparameter() -> None:
    assert isinstance(untrained(Theirs(), None), torch.nn.Linear)
