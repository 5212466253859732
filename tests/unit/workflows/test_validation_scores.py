"""What a training scored on the windows that it held out stands in the model, and at the end of `foretell train`."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest

import foretell
from evaluator_fakes import FLAT, RISING, Last, dataset
from foretell.models.model import fitted_of

DATA = {"a": RISING, "b": FLAT}


def tiny(name: str = "mqrnn", **run: object) -> foretell.Model:
    settings = {"max_steps": 8, "hidden_size": 4, "batch_size": 8}
    return foretell.train(dataset(**DATA), recipe=name, horizon=2, settings=settings, **run)  # type: ignore[arg-type]


def test_a_network_has_the_validation_wql_that_chose_its_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "foretell.networks"):
        model = tiny()
    (said,) = re.findall(r"best validation wQL ([\d.]+) at", caplog.text)
    assert {name: f"{value:.4f}" for name, value in model.scores.items()} == {"wQL": said}
    model.save(tmp_path / "model")
    assert foretell.load(tmp_path / "model").scores == model.scores


def test_a_calibrated_model_has_the_scores_of_its_held_out_forecasts() -> None:
    model = foretell.train(dataset(**DATA), recipe=Last(), horizon=2, levels=[0.1, 0.9], calibrate=True)
    held = fitted_of(model).held
    assert held is not None
    p90 = held.quantiles[..., held.levels.index(0.9)]
    loss = np.maximum(1.8 * (held.actual - p90), -0.2 * (held.actual - p90))
    by_window = loss.sum((1, 2)) / np.abs(held.actual).sum((1, 2))
    scores = model.scores
    assert scores["wQL[0.9]"] == pytest.approx(by_window.mean(), rel=1e-5)
    assert scores["coverage[0.9]"] == pytest.approx((held.actual <= p90).mean(), rel=1e-5)
    assert [*scores][:4] == ["wQL", "wQL[0.1]", "wQL[0.5]", "wQL[0.9]"]
    assert [*scores][4:] == ["coverage[0.1]", "coverage[0.5]", "coverage[0.9]", "interval[0.8]"]


def test_the_scores_of_auto_are_those_of_its_average() -> None:
    model = foretell.train(
        dataset(**DATA), recipe="auto", horizon=2, settings={"members": ("seasonal_naive", "npts")}
    )
    (title,) = (title for title in model.summary() if title.startswith("Members"))
    (said,) = re.findall(r"the average has wQL ([\d.]+)", title)
    assert model.scores["wQL[0.5]"] > 0
    assert float(said) == pytest.approx(
        model.scores["wQL"], rel=0.2
    )  # of nine levels, pooled over the windows


def test_a_model_of_which_nothing_was_held_out_has_no_scores() -> None:
    assert foretell.train(dataset(**DATA), recipe=Last(), horizon=2).scores == {}


def test_the_scores_of_a_model_cannot_be_changed() -> None:
    scores = foretell.train(dataset(**DATA), recipe=Last(), horizon=2).scores
    with pytest.raises(TypeError):
        scores["wQL"] = 0.0  # type: ignore[index]
