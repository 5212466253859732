"""The training loop: what it keeps, where it stops, how it resumes, and what it says when the loss breaks."""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from foretell.errors import ForetellError, Interrupted
from foretell.networks.checkpoint import SafetensorsIO, checkpoint_path, tagged
from foretell.networks.device import pick_device
from foretell.networks.trainer import fit_network
from foretell.networks.training_job import Schedule
from foretell.recipe.task import Run
from line_fit import SCHEDULE, Line, batch, job


def test_training_learns() -> None:
    progress = fit_network(job(), SCHEDULE, Run())
    assert progress.best_score < progress.scores[0][1] / 4
    assert progress.losses[-1][0] <= progress.step <= 200


@pytest.mark.slow
def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    weights = []
    for seed in (0, 0, 1):
        training = job()
        fit_network(training, SCHEDULE, Run(seed=seed))
        weights.append(torch.cat([p.detach().ravel() for p in training.network.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_host_programs_random_state_and_threads_are_left_alone() -> None:
    torch.manual_seed(5)
    expected, threads = torch.rand(3), torch.get_num_threads()
    training = job()
    torch.manual_seed(5)
    fit_network(training, SCHEDULE, Run(threads=1))
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == threads


def test_patience_begins_the_annealing_early_from_the_best_weights() -> None:
    scores = [3.0, 2.0, 2.5, 2.5, 2.5, 2.5, *[9.0] * 50]
    progress = fit_network(job(scores=scores), Schedule(400, 1e-2, patience=2), Run())
    every = Schedule(400, 1e-2, patience=2).validate_every
    assert progress.best_step == 2 * every
    assert progress.anneal_from == 5 * every
    assert progress.step == progress.end == progress.anneal_from + 140  # 0.35 * 400


def test_a_loss_that_is_not_a_number_names_step_and_items() -> None:
    with pytest.raises(
        ForetellError, match=r"not finite at step 7; the items of that batch: apple, plum\. .*learning_rate"
    ):
        fit_network(job(broken_at=7), SCHEDULE, Run())


def test_a_gradient_that_explodes_is_caught_before_it_spoils_the_weights() -> None:
    training = job()
    weights = list(training.network.parameters())

    def loss(line: Line) -> Tensor:  # finite, but its slope is not
        return training.loss(line) + torch.sqrt(weights[0].sum().abs() * 0)

    with pytest.raises(ForetellError, match=r"training gradient is not finite at step 0; .*: apple, plum\."):
        fit_network(replace(training, loss=loss), SCHEDULE, Run())
    assert all(bool(torch.isfinite(weight).all()) for weight in weights)


def test_ctrl_c_leaves_the_best_weights_in_the_network_and_says_how_far_it_was() -> None:
    training = job(scores=[3.0, 2.0, 9.0, 9.0, 9.0])
    kept: list[Tensor] = []
    every = SCHEDULE.validate_every

    def batch_until(step: int, final: bool) -> Line:
        if step == 3 * every + 1:
            os.kill(os.getpid(), signal.SIGINT)
        return batch(step, final)

    validate = training.validate
    assert validate is not None

    def watched() -> float:
        score = validate()
        if score == 2.0:
            kept.extend(p.detach().clone() for p in training.network.parameters())
        return score

    training = replace(training, batch=batch_until, validate=watched)
    with pytest.raises(
        Interrupted, match=rf"step \d+ of 200, best validation wQL 2.0000 at step {2 * every}"
    ):
        fit_network(training, SCHEDULE, Run())
    for now, then in zip(training.network.parameters(), kept, strict=True):
        assert torch.equal(now, then)


def test_out_of_memory_says_which_option_lowers_it() -> None:
    def loss(_: Line) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    training = replace(job(), loss=loss, smaller="Lower mqrnn.batch_size (it is 32).")
    with pytest.raises(
        ForetellError, match=r"does not fit the device's memory\. Lower mqrnn\.batch_size \(it is 32\)"
    ):
        fit_network(training, SCHEDULE, Run())


def test_nothing_is_written_without_an_out_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fit_network(job(), SCHEDULE, Run())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_weights(tmp_path: Path) -> None:
    straight = job()
    expected = fit_network(straight, SCHEDULE, Run())
    with pytest.raises(ForetellError, match="step 103"):
        fit_network(job(broken_at=103), SCHEDULE, Run(out=tmp_path))
    resumed = job(seed=9)  # its own first weights do not matter
    progress = fit_network(resumed, SCHEDULE, Run(out=tmp_path, resume=True))
    assert (progress.step, progress.scores) == (expected.step, expected.scores)
    for first, second in zip(straight.network.parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tag", "message"),
    [
        ("deepar a", "is of recipe 'mqrnn', not 'deepar'"),
        ("mqrnn b", "of other hyperparameters, data or seed"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tag: str, message: str, tmp_path: Path) -> None:
    fit_network(job(tag="mqrnn a"), SCHEDULE, Run(out=tmp_path))
    with pytest.raises(ForetellError, match=message):
        fit_network(job(tag=tag), SCHEDULE, Run(out=tmp_path, resume=True))


@pytest.mark.slow
def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    fit_network(job(), SCHEDULE, Run(out=tmp_path))
    path = checkpoint_path(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ForetellError, match="is damaged"):
        fit_network(job(), SCHEDULE, Run(out=tmp_path, resume=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state.pop("state_dict"), "state_dict"),
        (lambda state: state.pop("loops"), "its loop is at step 0"),
        (lambda state: state.update(optimizer_states=[]), "no state of the optimizer"),
        (lambda state: state.update(callbacks={}), "its loop is at step"),
        (lambda state: state.update(state_dict={}), ""),
        (lambda state: state.update(state_dict=3), ""),
        (lambda state: ours(state).pop("progress"), "progress"),
        (lambda state: ours(state)["progress"].update(step="x"), "no whole numbers"),
        (lambda state: ours(state)["progress"].update(colour=1), "its progress is none"),
        (lambda state: ours(state)["progress"].update(losses=[["a", None]]), "no numbers"),
        (lambda state: ours(state).update(average={"x": torch.zeros(3)}), "average weights"),
        (lambda state: ours(state)["progress"].update(end=1 << 62), "its progress is not one of"),
        (lambda state: ours(state)["progress"].update(best_step=1 << 62), "its progress is not one of"),
        (lambda state: ours(state)["progress"].update(losses=[[1]]), "its progress is not one of"),
        (lambda state: state.update(epoch=-1), "no number of steps and epochs"),
        (lambda state: state.update(global_step=1e308), "no number of steps and epochs"),
        (lambda state: counts(state)["current"].update(ready=-(1 << 63)), "its loops have counted to"),
        (lambda state: counts(state)["total"].update(completed="x"), "its loops have counted to"),
        (lambda state: settings(state).update(betas=["x", None]), "its optimizer has other settings"),
        (lambda state: settings(state).update(amsgrad=True), "its optimizer has other settings"),
        (lambda state: moments(state).update(step=torch.tensor(math.nan)), "the state of its optimizer"),
        (lambda state: moments(state).update(exp_avg=torch.zeros(77)), "the state of its optimizer"),
    ],
)
def test_a_checkpoint_that_holds_something_else_is_one_message(
    change: Callable[[dict[str, Any]], Any], said: str, tmp_path: Path
) -> None:
    fit_network(job(), SCHEDULE, Run(out=tmp_path))
    io, path = SafetensorsIO("tag"), checkpoint_path(tmp_path)
    io.tag = tagged(path)
    state = io.load_checkpoint(path)
    change(state)
    io.save_checkpoint(state, path)
    with pytest.raises(ForetellError, match=f"the checkpoint .* is damaged .*{said}"):
        fit_network(job(), SCHEDULE, Run(out=tmp_path, resume=True))


def counts(state: dict[str, Any]) -> Any:
    return state["loops"]["fit_loop"]["epoch_loop.batch_progress"]


def settings(state: dict[str, Any]) -> Any:
    return state["optimizer_states"][0]["param_groups"][0]


def moments(state: dict[str, Any]) -> Any:
    return state["optimizer_states"][0]["state"][0]


def ours(state: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in state["callbacks"].values() if "progress" in each)
    assert isinstance(found, dict)
    return found


def test_checkpoints_keep_numbers_nesting_and_tensors(tmp_path: Path) -> None:
    state = {"a": {0: [torch.tensor([1.5, 2.5]), None, True], 1: 7}, "b": "text", "c": 0.1}
    io = SafetensorsIO("tag")
    io.save_checkpoint(state, tmp_path / "c")
    loaded = io.load_checkpoint(tmp_path / "c")
    assert torch.equal(loaded["a"][0][0], torch.tensor([1.5, 2.5]))
    assert loaded["a"][0][1:] == [None, True]
    assert (loaded["a"][1], loaded["b"], loaded["c"]) == (7, "text", 0.1)
    assert b"pickle" not in (tmp_path / "c").read_bytes()


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(ForetellError, match="'cuda:99' is not on this machine"):
        pick_device("cuda:99")
    with pytest.raises(ForetellError, match="got 'gpux'"):
        pick_device("gpux")
