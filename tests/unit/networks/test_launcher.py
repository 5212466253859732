"""Several devices: two processes train what one does, forecast what one does, and neither hangs when one dies."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from foretell.data.panel import Panel
from foretell.errors import ForetellError
from foretell.execution.job_folder import read_job_panel, recipe_to_json, write_job_panel
from foretell.models.fitting import held_out_forecasts
from foretell.networks.checkpoint import SafetensorsIO, checkpoint_path
from foretell.networks.distributed import launcher as devices
from foretell.networks.distributed.ranks import Ranks
from foretell.networks.network_recipe import PREDICTION_BATCH, NetworkPredictor
from foretell.recipe.registry import make_recipe
from foretell.recipe.task import Run, Task
from foretell.system.big_arrays import in_file
from panels import daily, weekly_sales

TASK = Task(6, (0.1, 0.5, 0.9))
SMALL = {"hidden_size": 8, "max_steps": 60, "context_length": 14, "batch_size": 6}


def losses(out: Path) -> NDArray[np.float64]:
    """[rows, 2] the loss curve in the checkpoint that a training left."""
    state = SafetensorsIO("").load_checkpoint(checkpoint_path(out))
    (callback,) = (s for s in state["callbacks"].values() if "progress" in s)
    return np.array(callback["progress"]["losses"])


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path: Path) -> None:
    # dropout draws other numbers in each process, so that it is left out; what remains is the order of float32 sums
    panel, recipe = daily(weekly_sales(0)), make_recipe("mqrnn", {**SMALL, "max_steps": 30, "dropout": 0.0})
    curves, forecasts, scores = [], [], []
    for count in (1, 2):
        out = tmp_path / str(count)
        fitted = recipe.fit(panel, TASK, Run(device="cpu", devices=count, out=out))
        curves.append(losses(out))
        forecasts.append(fitted.predict(panel, levels=TASK.levels).quantiles)
        scores.append(fitted.validated)  # type: ignore[attr-defined]
        assert [path.name for path in out.iterdir()] == ["checkpoint"]  # one writer, and nothing left over
    assert len(curves[0]) > 10
    np.testing.assert_allclose(curves[1], curves[0], rtol=2e-3)
    np.testing.assert_allclose(forecasts[1], forecasts[0], rtol=2e-2)
    assert 0 < scores[0] < 10  # the first of two tells its validation wQL too
    np.testing.assert_allclose(scores[1], scores[0], rtol=2e-2)


@pytest.mark.slow
def test_two_processes_go_on_from_a_model_and_end_within_their_time() -> None:
    panel, still = daily(weekly_sales(0)), {**SMALL, "max_steps": 1_000_000, "learning_rate": 1e-12}
    start, began = untrained(panel, Run(device="cpu")), time.monotonic()
    run = Run(device="cpu", devices=2, time_limit=6)
    after = make_recipe("mqrnn", still).fit_from(start, panel, TASK, run)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        after.predict(panel, levels=TASK.levels).quantiles,
        start.predict(panel, levels=TASK.levels).quantiles,
        rtol=1e-4,
    )
    assert time.monotonic() - began < 600  # a million steps take hours; the processes agreed on when to stop


@pytest.mark.slow
def test_a_calibration_is_learnt_by_two_processes_as_by_one() -> None:
    panel, small = daily(weekly_sales(0)), make_recipe("mqrnn", {**SMALL, "max_steps": 8, "dropout": 0.0})
    one, two = (held_out_forecasts(small, panel, TASK, Run(device="cpu", devices=count)) for count in (1, 2))
    np.testing.assert_array_equal(two.actual, one.actual)
    np.testing.assert_allclose(two.quantiles, one.quantiles, rtol=2e-2)


def many(count: int) -> Panel:
    return daily(weekly_sales(1, items=count, steps=30))


def untrained(panel: Panel, run: Run) -> NetworkPredictor:
    fitted = make_recipe("mqrnn", {**SMALL, "max_steps": 1}).fit(panel, TASK, replace(run, devices=1))
    assert isinstance(fitted, NetworkPredictor)
    return replace(fitted, run=run)


@pytest.mark.slow
def test_two_processes_forecast_exactly_what_one_does() -> None:
    panel = many(2 * PREDICTION_BATCH + 40)  # three chunks, the last one short
    shared = untrained(panel, Run(device="cpu", devices=2))
    alone = replace(shared, run=Run(device="cpu"))
    one, two = alone.predict(panel, levels=(0.2, 0.7)), shared.predict(panel, levels=(0.2, 0.7))
    assert one.quantiles.shape == (len(panel), 6, 2)
    np.testing.assert_array_equal(two.quantiles, one.quantiles)
    np.testing.assert_array_equal(two.mean, one.mean)


def shares(folder: Path, items: list[list[int]]) -> Path:
    for rank, mine in enumerate(items):
        for what, shape in (("items", ()), ("quantiles", (2, 3)), ("mean", (2,))):
            values = (
                np.array(mine, np.int64) if what == "items" else np.full((len(mine), *shape), float(rank))
            )
            np.save(devices.share_path(folder, rank, what), values)
    return folder


def test_shares_are_merged_by_item(tmp_path: Path) -> None:
    panel = daily([[1.0]] * 3)
    quantiles, mean = devices.merge_shares(shares(tmp_path, [[0, 2], [1]]), 2, panel, (2, 3))
    assert quantiles[:, 0, 0].tolist() == mean[:, 1].tolist() == [0, 1, 0]


@pytest.mark.parametrize(("items", "times"), [([[0, 2], []], 0), ([[0, 1], [1, 2]], 2)])
def test_an_item_lost_or_forecast_twice_is_named(items: list[list[int]], times: int, tmp_path: Path) -> None:
    with pytest.raises(ForetellError, match=rf"item 'item-1' was forecast {times} times by 2 processes"):
        devices.merge_shares(shares(tmp_path, items), 2, daily([[1.0]] * 3), (2, 3))


def test_the_shares_of_a_batch_are_disjoint_and_leave_nothing_out() -> None:
    rows = np.arange(11)
    parts = [rows[Ranks(rank, 3).rows] for rank in range(3)]
    assert sorted(np.concatenate(parts)) == rows.tolist()


@pytest.mark.slow
def test_a_process_that_is_killed_ends_the_run_with_a_message(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hired: list[Any] = []
    hire = devices._spawn
    monkeypatch.setattr(devices, "_spawn", lambda *given: hired.append(hire(*given)) or hired[-1])

    def kill_the_second_once_training_is_under_way() -> None:
        while not checkpoint_path(tmp_path).exists():
            time.sleep(0.02)
        os.kill(hired[1].pid, signal.SIGKILL)

    threading.Thread(target=kill_the_second_once_training_is_under_way, daemon=True).start()
    recipe = make_recipe("mqrnn", {**SMALL, "max_steps": 1500})  # the first checkpoint is after 49
    with pytest.raises(
        ForetellError, match=r"process 2 of 2 was killed \(SIGKILL\).*Lower batch_size.*resume"
    ):
        recipe.fit(daily(weekly_sales(0)), TASK, Run(device="cpu", devices=2, out=tmp_path))
    assert all(worker.poll() is not None for worker in hired)


@pytest.mark.slow
def test_what_a_process_has_to_say_is_passed_on() -> None:
    panel = daily(weekly_sales(0))
    target = np.where(np.arange(len(panel.target)) == 41, np.float32(np.inf), panel.target)  # an open day
    recipe = make_recipe("mqrnn", SMALL)
    with pytest.raises(ForetellError, match=r"is not finite at step \d+; the items of that batch: .*item-"):
        recipe.fit(replace(panel, target=target), TASK, Run(device="cpu", devices=2))


def ended(status: int) -> Any:
    return SimpleNamespace(returncode=status, poll=lambda: status)


def test_a_process_that_fails_is_quoted(tmp_path: Path) -> None:
    devices.log_path(tmp_path, 1).write_text("Traceback\n  somewhere\nKeyError: 'run'\n")
    error = devices._failure(tmp_path, [ended(0), ended(1)])
    assert str(error) == "process 2 of 2 failed (exit status 1): KeyError: 'run'"


def test_the_one_that_was_killed_is_named_before_those_that_failed_for_its_sake(tmp_path: Path) -> None:
    devices.log_path(tmp_path, 0).write_text("RuntimeError: Connection closed by peer\n")
    assert "process 2 of 2 was killed (SIGKILL)" in str(devices._failure(tmp_path, [ended(1), ended(-9)]))


def test_a_panel_arrives_as_it_was(tmp_path: Path) -> None:
    panel = daily([*weekly_sales(0), []])
    write_job_panel(panel, tmp_path / "panel")
    there = read_job_panel(tmp_path / "panel")
    assert in_file(there.target)
    assert (there.schema, there.names, there.future) == (panel.schema, panel.names, panel.future)
    for name in ("start", "offsets", "origin", "target", "known", "past", "static_real", "static_cat"):
        np.testing.assert_array_equal(getattr(there, name), getattr(panel, name))


def test_more_devices_than_windows_in_a_batch_are_refused() -> None:
    with pytest.raises(ForetellError, match=r"devices=7 share batches of 6 windows: raise mqrnn\.batch_size"):
        make_recipe("mqrnn", SMALL).fit(daily(weekly_sales(0)), TASK, Run(device="cpu", devices=7))


def test_a_recipe_of_a_script_is_refused_by_name() -> None:
    class Own:
        pass

    with pytest.raises(ForetellError, match="Own is defined in a script or a function"):
        recipe_to_json(Own())  # type: ignore[arg-type]
