"""What a recipe's own code does wrong: one message that names the recipe and the place in its author's file."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest

import foretell
from broken_recipes import Sound
from foretell.errors import ForetellError
from foretell.recipe import Abilities, Run
from foretell.recipe.author_code import RecipeFailed


class Divides(Sound):
    def learn(self, panel: Any, run: Run) -> Any:
        return 1 / 0  # here


class Leaves(Sound):
    def learn(self, panel: Any, run: Run) -> Any:
        sys.exit("bad day")


class ReturnsNothing(Sound):
    def fit(self, panel: Any, task: Any, run: Run) -> Any: ...


class ForecastsNothing(Sound):
    def spoil(self, forecast: Any, panel: Any) -> Any: ...


class ForecastsAPair(Sound):
    def spoil(self, forecast: Any, panel: Any) -> Any:
        return forecast.quantiles, forecast.mean


class FailsLater(Sound):
    def spoil(self, forecast: Any, panel: Any) -> Any:
        raise KeyError("store")


@dataclass(frozen=True, kw_only=True)
class Taken(Sound):
    name: ClassVar[str] = "ets"


def data() -> foretell.Dataset:
    days = pd.date_range("2024-01-01", periods=20)
    return foretell.Dataset(pd.DataFrame({"item_id": "a", "timestamp": days, "target": range(20)}), freq="D")


def train_and_predict(recipe: Any) -> None:
    foretell.train(data(), recipe=recipe, horizon=2).predict()


def line_of(kind: type, text: str) -> int:
    lines, first = inspect.getsourcelines(kind)
    return first + next(number for number, line in enumerate(lines) if text in line)


def test_an_error_of_a_fit_is_named_with_its_recipe_and_line_by_train_and_by_backtest() -> None:
    place = rf"ZeroDivisionError: division by zero \(test_author_code.py, line {line_of(Divides, '# here')}\)"
    with pytest.raises(RecipeFailed, match=rf"^recipe 'sound' failed while training: {place}$") as raised:
        train_and_predict(Divides())
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    with pytest.raises(
        RecipeFailed, match=rf"^recipe 'sound' failed while training window 1 of 1 .*: {place}$"
    ) as raised:
        foretell.backtest(data(), recipes=[Divides()], horizon=2)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (
            Leaves(),
            r"recipe 'sound' failed while training: it called sys.exit\('bad day'\) \(test_author_code.py, line",
        ),
        (
            FailsLater(),
            r"recipe 'sound' failed while forecasting: KeyError: 'store' \(test_author_code.py, line",
        ),
        (
            ReturnsNothing(),
            r"fit must return a predictor, with predict\(panel, \*, levels\) and state\(\), got None",
        ),
        (ForecastsNothing(), r"sound: predict: expected a Forecast \(Forecast.build makes one\), got None"),
        (ForecastsAPair(), r"expected a Forecast \(Forecast.build makes one\), got a tuple"),
        (Sound, r"expected a recipe, got the class Sound. Call it: Sound\(\)"),
    ],
)
def test_what_a_recipe_returns_or_raises_is_told_in_one_message(recipe: Any, expected: str) -> None:
    with pytest.raises(ForetellError, match=expected):
        train_and_predict(recipe)
    with pytest.raises(
        ForetellError,
        match=expected.removeprefix("recipe 'sound' failed while training: ").removeprefix(
            "recipe 'sound' failed while forecasting: "
        ),
    ):
        foretell.backtest(data(), recipes=[recipe], horizon=2)


def test_a_name_that_another_recipe_has_is_told(caplog: pytest.LogCaptureFixture, tmp_path: Any) -> None:
    model = foretell.train(data(), recipe=Taken(), horizon=2)
    expected = "Taken is not the recipe registered as 'ets': foretell_recipes.ets.ETS has that name. Give yours another one"
    assert expected in caplog.text
    with pytest.raises(ForetellError, match="Give yours another one"):
        model.save(tmp_path / "model")


class Crosses(Sound):
    def spoil(self, forecast: Any, panel: Any) -> Any:
        return replace(forecast, quantiles=np.flip(forecast.quantiles, axis=-1))


class CrossesByRounding(Sound):
    def spoil(self, forecast: Any, panel: Any) -> Any:
        flat = np.full_like(forecast.quantiles, 1000.0)
        flat[..., ::2] = np.nextafter(np.float32(1000), np.float32(2000))
        return replace(forecast, quantiles=flat)


class KeepsNothing(Sound):
    def kept(self, arrays: Any) -> Any:
        raise OSError("no store")


class Forgets(Sound):
    def remember(self, arrays: Any) -> Any:
        return arrays["unknown"]


class SumsUpBadly(Sound):
    abilities: ClassVar[Abilities] = Abilities(summary=True)

    def fit(self, panel: Any, task: Any, run: Run) -> Any:
        predictor = super().fit(panel, task, run)
        return type("Predictor", (type(predictor),), {"summary": lambda _: 1 / 0})(
            self, predictor.usual, task
        )


def test_quantiles_that_cross_are_sorted_and_said_once_with_the_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = foretell.train(data(), recipe=Crosses(), horizon=2)
    for _ in range(3):
        assert (np.diff(model.predict(levels=[0.1, 0.9]).quantiles) >= 0).all()
    said = [text for text in caplog.messages if "cross" in text]
    assert len(said) == 1
    assert said[0].startswith("sound: its quantiles cross and are sorted; first for item 'a', step 1: ")


def test_a_backtest_says_once_that_quantiles_cross(caplog: pytest.LogCaptureFixture) -> None:
    foretell.backtest(data(), recipes=[Crosses()], horizon=2, windows=3)
    assert sum("its quantiles cross" in text for text in caplog.messages) == 1


def test_quantiles_that_cross_by_rounding_alone_are_sorted_without_a_word(
    caplog: pytest.LogCaptureFixture,
) -> None:
    foretell.train(data(), recipe=CrossesByRounding(), horizon=2).predict()
    assert "cross" not in caplog.text


@pytest.mark.parametrize("recipe", ["ets", "boosting", "seasonal_naive"])
def test_no_recipe_of_foretell_is_said_to_cross(recipe: str, caplog: pytest.LogCaptureFixture) -> None:
    foretell.train(data(), recipe=recipe, horizon=2).predict(levels=np.arange(0.05, 1, 0.05).tolist())
    assert "cross" not in caplog.text


def test_what_state_load_and_summary_raise_is_told_with_the_line(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foretell.models.fitted_model._check_registered", lambda _: None)
    monkeypatch.setattr("foretell.models.fitted_model._recipe_of", lambda *_: Forgets())
    monkeypatch.setattr("foretell.models.model_folder.make_recipe", lambda *_: Forgets())
    with pytest.raises(
        RecipeFailed,
        match=r"'sound' failed while giving its state: OSError: no store \(test_author_code.py, line",
    ):
        foretell.train(data(), recipe=KeepsNothing(), horizon=2).save(tmp_path / "model")
    with pytest.raises(
        RecipeFailed,
        match=r"'sound' failed while saying how it was fitted: ZeroDivisionError: division by zero \(",
    ):
        foretell.train(data(), recipe=SumsUpBadly(), horizon=2).summary()
    foretell.train(data(), recipe=Sound(), horizon=2).save(tmp_path / "model")
    with pytest.raises(
        ForetellError,
        match=r"does not hold the weights of 'sound' .*: KeyError: 'unknown' \(test_author_code.py, line",
    ):
        foretell.load(tmp_path / "model")
