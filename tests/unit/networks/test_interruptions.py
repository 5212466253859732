"""What is left of a training that ends before its time: kill -9, Ctrl-C, one process or two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import foretell
from foretell.cli.app import app
from foretell.errors import Interrupted
from foretell.models.fitting import BEST
from foretell.networks.checkpoint import checkpoint_path
from foretell.networks.forking_recipe import ForkingRecipe

STEPS = 400


def sales(folder: Path) -> Path:
    """Daily sales of three items as a CSV file."""
    time_ = pd.date_range("2024-01-01", periods=90)
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"item_id": f"item-{k}", "timestamp": time_, "target": rng.poisson(5.0 * (k + 1), 90)})
        for k in range(3)
    ]
    pd.concat(frames).to_csv(folder / "sales.csv", index=False)
    return folder / "sales.csv"


def training(table: Path, out: Path) -> list[str]:
    small = {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": STEPS}
    settings = [part for name, value in small.items() for part in ("--set", f"mqrnn.{name}={value}")]
    asked = ["--freq", "D", "--horizon", "5", "--device", "cpu", "--threads", "1", "--out", str(out)]
    return ["train", str(table), *asked, *settings]


def versions(path: Path, count: int, *, seconds: float = 300) -> None:
    """Returns once `count` checkpoints have been written to `path`, one after the other."""
    seen: set[int] = set()
    until = time.monotonic() + seconds
    while len(seen) < count and time.monotonic() < until:
        if path.exists():
            seen.add(path.stat().st_mtime_ns)
        time.sleep(0.002)
    assert len(seen) >= count, "no checkpoint was written in time"


@pytest.mark.slow
def test_after_a_kill_9_resume_trains_to_the_same_weights_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = sales(tmp_path)
    killed, straight = tmp_path / "killed", tmp_path / "straight"
    command = [sys.executable, "-m", "foretell", *training(table, killed)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        versions(killed / "training" / "checkpoint", 3)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (killed / "manifest.json").exists()

    steps: list[int] = []
    batch = ForkingRecipe.batch
    monkeypatch.setattr(ForkingRecipe, "batch", lambda *given: steps.append(1) or batch(*given))
    for out, more in ((straight, []), (killed, ["--resume"])):
        assert CliRunner().invoke(app, [*training(table, out), *more]).exit_code == 0
        assert not (out / "training").exists()
    assert len(steps) < 2 * STEPS - 20  # the second went on where the killed one was
    weights = [(out / "weights.safetensors").read_bytes() for out in (straight, killed)]
    assert weights[0] == weights[1]


def interrupt_once_it_trains(out: Path) -> None:
    def interrupt() -> None:
        versions(checkpoint_path(out), 3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()


def small(table: Path, **more: Any) -> foretell.Model:
    settings = {"hidden_size": 8, "batch_size": 4, "context_length": 14, "max_steps": 2000}
    return foretell.train(
        foretell.Dataset(table, freq="D"), horizon=5, settings=settings, device="cpu", **more
    )


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_ctrl_c_keeps_the_best_weights_as_a_model_and_says_where(devices: int, tmp_path: Path) -> None:
    table, out = sales(tmp_path), tmp_path / "out"
    interrupt_once_it_trains(out)
    with pytest.raises(
        Interrupted, match=r"at step \d+ of 2000, best validation wQL 0\.\d+.*are a model in"
    ) as stop:
        small(table, out=out, devices=devices)
    assert str(out / BEST) in str(stop.value)
    assert "resume" in str(stop.value)
    forecast = foretell.load(out / BEST, device="cpu").predict(foretell.Dataset(table, freq="D"))
    assert np.isfinite(forecast.quantiles).all()


@pytest.mark.slow
def test_on_the_command_line_ctrl_c_says_what_was_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    batch, steps = ForkingRecipe.batch, [0]

    def interrupted(*given: Any) -> Any:
        steps[0] += 1
        if steps[0] == 100:
            raise KeyboardInterrupt
        return batch(*given)

    monkeypatch.setattr(ForkingRecipe, "batch", interrupted)
    out = tmp_path / "model"
    result = CliRunner().invoke(app, training(sales(tmp_path), out))
    assert result.exit_code == 130
    assert "interrupted at step 99 of 400" in result.stderr
    assert str(out / "training" / BEST) in " ".join(result.stderr.split())
    assert not (out / "manifest.json").exists()  # the model that may have stood there is left alone
