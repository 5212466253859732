"""Long actions tell a listener how far they are, and end when they are cancelled: from a listener or another thread."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pytest

import foretell
import local_models
from foretell.ingest.store import Store
from foretell.local.local_recipe import fit_each
from foretell.system.listener import interruptible, listening, tell

pytestmark = pytest.mark.slow

Action = Callable[[Path], object]  # works on tables in a folder, and writes only there
STEPS = 5000  # of a network: minutes, unless it is cancelled
SMALL: dict[str, dict[str, Any]] = {
    "mqrnn": {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": STEPS},
    "deepar": {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": STEPS},
    "gluonts": {"max_steps": STEPS},
    "boosting": {"max_steps": 40},
    "auto": {"members": ("ets", "boosting", "mqrnn"), "time_limit": "60s"},
}
needs_optuna = pytest.mark.skipif(
    importlib.util.find_spec("optuna") is None, reason="foretell[tune] is not installed"
)


@pytest.fixture(scope="module")
def sales() -> pd.DataFrame:
    rng, days = np.random.default_rng(0), pd.date_range("2024-01-01", periods=90)
    return pd.concat(
        pd.DataFrame({"item_id": f"item-{k}", "timestamp": days, "target": rng.poisson(5.0 + k, 90)})
        for k in range(30)
    )


@pytest.fixture(scope="module")
def data(sales: pd.DataFrame) -> foretell.Dataset:
    return foretell.Dataset(sales, freq="D")


def train(data: foretell.Dataset, recipe: str, **more: Any) -> foretell.Model:
    settings = SMALL.get(recipe)
    return foretell.train(data, recipe=recipe, horizon=5, settings=settings, device="cpu", **more)


def actions(data: foretell.Dataset, sales: pd.DataFrame) -> dict[str, Action]:
    """The long actions of the library by name, each of which tells more than two events."""
    ets, two = train(data, "ets"), {"devices": 2}
    forecasts = ets.predict().to_frame()
    forecasts["timestamp"] -= pd.Timedelta(days=5)
    table = pd.concat([forecasts.assign(recipe=name) for name in ("a", "b", "c")])
    recipes = ["seasonal_naive", "mqrnn"]
    return {
        **{f"train {name}": lambda out, name=name: train(data, name) for name in SMALL},  # type: ignore[misc]
        "train with checkpoints": lambda out: train(data, "mqrnn", out=out / "training"),
        "train on two devices": lambda out: train(data, "mqrnn", **two),
        "calibrate": lambda out: train(data, "mqrnn", calibrate=True),
        "backtest": lambda out: foretell.backtest(
            data, horizon=5, recipes=recipes, settings={"mqrnn": SMALL["mqrnn"]}, out=out / "report"
        ),
        "tune": lambda out: foretell.tune(data, recipe="mqrnn", horizon=5, out=out / "study"),
        "predict": lambda out: ets.predict_to(out / "forecast.csv"),
        "evaluate": lambda out: foretell.evaluate(table, data, out=out / "report"),
        "ingest": lambda out: foretell.Dataset(
            pd.concat([sales] * 200), freq="D", aggregation={"target": "sum"}
        ),
    }


NAMES = [*(f"train {name}" for name in SMALL), "train with checkpoints", "train on two devices", "calibrate"]
NAMES += ["backtest", pytest.param("tune", marks=needs_optuna), "predict", "evaluate", "ingest"]  # type: ignore[list-item]


@pytest.fixture(scope="module")
def long(data: foretell.Dataset, sales: pd.DataFrame) -> dict[str, Action]:
    return actions(data, sales)


def children() -> set[int]:
    """The processes that this one started and that run; joblib's own watcher of temporary files stays."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # a thread or a process that has just ended
            for child in map(int, (task / "children").read_text().split()):
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                if command and b"resource_tracker" not in command:
                    found.add(child)
    return found


@pytest.fixture
def leaves_nothing(tmp_path: Path) -> Iterator[None]:
    """No process beyond those of before, no file with a temporary name."""
    from joblib.externals.loky import get_reusable_executor  # type: ignore[import-untyped]

    get_reusable_executor(max_workers=2).shutdown(kill_workers=True)  # of other tests
    before = children()
    yield
    until = time.monotonic() + 5
    while children() - before and time.monotonic() < until:
        time.sleep(0.05)
    assert children() <= before
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".tmp")]


def cancels_at(
    number: int, token: foretell.CancelToken, told: list[float]
) -> Callable[[foretell.Event], None]:
    """A listener that cancels at an event, and notes when."""
    count = iter(range(1, 1_000_000))

    def listen(event: foretell.Event) -> None:
        if next(count) == number:
            token.cancel()
            told.append(time.monotonic())

    return listen


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("name", NAMES)
def test_a_listener_that_cancels_ends_each_action_at_once_and_nothing_is_left(
    name: str, number: int, long: dict[str, Action], tmp_path: Path
) -> None:
    token, told = foretell.CancelToken(), list[float]()
    with pytest.raises(foretell.Interrupted), listening(cancels_at(number, token, told), cancel=token):
        long[name](tmp_path)
    assert time.monotonic() - told[0] < 5
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept <= {"training", "study"}  # checkpoints and a study, which go on from there


class Listening(threading.Thread):
    """An action in a thread of its own, cancelled once it has told of `stage` some times."""

    def __init__(self, action: Callable[[], object], stage: str, times: int = 1) -> None:
        super().__init__()
        self._action, self._stage, self._left = action, stage, times
        self.token, self.there = foretell.CancelToken(), threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            with listening(self._listen, cancel=self.token):
                self._action()
        except BaseException as error:
            self.error = error

    def _listen(self, event: foretell.Event) -> None:
        self._left -= event.stage == self._stage
        if self._left <= 0:
            self.there.set()

    def cancel(self) -> float:
        """Cancel it there; the seconds until it has ended."""
        self.start()
        assert self.there.wait(60)
        time.sleep(0.3)
        self.token.cancel()
        began = time.monotonic()
        self.join(20)
        assert not self.is_alive()
        assert isinstance(self.error, foretell.Interrupted)
        return time.monotonic() - began


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize(
    ("name", "stage", "times"),
    [
        ("train mqrnn", "train", 3),
        ("train gluonts", "train", 3),
        ("train on two devices", "train", 3),
        ("train auto", "judge", 1),
        ("backtest", "train", 3),
        pytest.param("tune", "train", 3, marks=needs_optuna),
    ],
)
def test_an_action_in_a_thread_is_cancelled_from_another(
    name: str, stage: str, times: int, long: dict[str, Action], tmp_path: Path
) -> None:
    assert Listening(lambda: long[name](tmp_path), stage, times).cancel() < 3


@pytest.mark.usefixtures("leaves_nothing")
@pytest.mark.parametrize("processes", [1, 2])
def test_series_that_take_long_are_cancelled_from_another_thread(processes: int) -> None:
    history = np.random.default_rng(0).normal(10, 1, (96, 28))
    history[64:] += 1000  # 32 series, more than two processes are given at once, before those that never end
    run = foretell.Run(processes=processes)

    def fit() -> None:
        with interruptible():  # as a predictor is
            fit_each(local_models.endless_when_large, history, 7, 4, (0.5,), run, limit=60)

    assert Listening(fit, "fit series").cancel() < 2


def test_a_slow_series_in_a_thread_ends_with_its_time_limit() -> None:
    history = np.random.default_rng(0).normal(10, 1, (3, 28))
    history[1] += 1000
    found: list[Any] = []
    run = foretell.Run(processes=1)
    work = threading.Thread(
        target=lambda: found.append(
            fit_each(local_models.endless_when_large, history, 7, 4, (0.5,), run, limit=0.3)
        )
    )
    work.start()
    work.join(20)
    assert found[0].failed.tolist() == [False, True, False]


def test_auto_in_a_thread_ends_with_its_time_limit(data: foretell.Dataset) -> None:
    found: list[foretell.Model] = []
    began = time.monotonic()
    work = threading.Thread(
        target=lambda: found.append(
            foretell.train(data, recipe="auto", horizon=5, settings=SMALL["auto"], time_limit=8, device="cpu")
        )
    )
    work.start()
    work.join(60)
    assert found
    assert time.monotonic() - began < 20


def test_a_query_is_cancelled_from_another_thread() -> None:
    def query() -> None:
        with Store() as store:
            tell("ingest", 0)
            store.rows("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b")

    assert Listening(query, "ingest").cancel() < 2


@pytest.mark.parametrize("name", ["train mqrnn", "train auto", "backtest", "predict", "evaluate", "ingest"])
def test_what_a_listener_raises_ends_the_action_as_it_is(
    name: str, long: dict[str, Action], tmp_path: Path
) -> None:
    def broken(event: foretell.Event) -> NoReturn:
        raise KeyError("the listener's own")

    with pytest.raises(KeyError, match="the listener's own"), listening(broken):
        long[name](tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_cancelled_training_keeps_the_best_weights_as_a_model(
    data: foretell.Dataset, tmp_path: Path
) -> None:
    token = foretell.CancelToken()

    def listen(event: foretell.Event) -> None:
        if event.score is not None:
            token.cancel()

    with pytest.raises(foretell.Interrupted, match=r"interrupted at step .* are a model in"):  # noqa: SIM117
        with listening(listen, cancel=token):
            train(data, "mqrnn", out=tmp_path)
    forecast = foretell.load(tmp_path / "best", device="cpu").predict(data)
    assert np.isfinite(forecast.quantiles).all()


def test_a_training_tells_steps_loss_and_score(data: foretell.Dataset) -> None:
    told: list[foretell.Event] = []
    settings = SMALL["mqrnn"] | {"max_steps": 40}
    for devices in (1, 2):
        told.clear()
        with listening(told.append):
            foretell.train(data, horizon=5, settings=settings, device="cpu", devices=devices)
        steps = [event for event in told if event.loss is not None]
        assert {event.recipe for event in steps} == {"mqrnn"}
        assert [event.done for event in steps] == sorted(event.done for event in steps)
        assert steps[-1].done == steps[-1].total
        assert steps[-1].score is not None


def test_a_token_that_was_cancelled_before_lets_nothing_begin(data: foretell.Dataset) -> None:
    token = foretell.CancelToken()
    token.cancel()
    with pytest.raises(foretell.Interrupted), listening(cancel=token):
        pytest.fail("the block began")


def test_a_model_does_not_keep_the_token_of_its_training(data: foretell.Dataset) -> None:
    token = foretell.CancelToken()
    with listening(cancel=token):
        model = train(data, "seasonal_naive")
    token.cancel()
    assert np.isfinite(model.predict().mean).all()
