"""How a command ends: interrupted early, with texts that the terminal cannot show, over an interrupted training."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

Run = Callable[..., Any]
NAIVE = ("--freq", "D", "--recipe", "seasonal_naive", "--horizon", 3)


def text(result: Any, status: int) -> str:
    assert result.exit_code == status, result.output
    return " ".join(str(result.stderr).split())


def test_an_interruption_while_modules_are_imported_is_one_word() -> None:
    code = (
        "import sys, types\n"
        "class Stop:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name == 'foretell.cli.app': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop())\n"
        "from foretell.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_terminal_cannot_show_is_escaped(encoding: str, tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=20)
    table = pd.DataFrame({"item_id": "łódź", "timestamp": days, "target": 0.0})
    table.to_csv(tmp_path / "sales.csv", index=False)
    words = [sys.executable, "-m", "foretell", "check", str(tmp_path / "sales.csv"), "--freq", "D"]
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(words, capture_output=True, check=False, env=env)
    assert (done.returncode, done.stderr.decode(encoding)) == (0, "")
    assert b"\\u0142" in done.stdout


def test_a_training_is_not_begun_anew_over_an_interrupted_one_without_a_word(run: Run) -> None:
    best = Path("model/training/best")
    best.mkdir(parents=True)
    (best.parent / "checkpoint").write_bytes(b"")
    said = text(run("train", "sales.csv", *NAIVE, "--out", "model"), 2)
    assert "holds a checkpoint and its best model of a training that was interrupted" in said
    assert "Go on from there with --resume, begin anew with --overwrite" in said
    assert best.is_dir()
    text(run("train", "sales.csv", *NAIVE, "--out", "model", "--overwrite"), 0)


def test_predict_tells_an_interrupted_training_from_a_damaged_model(run: Run) -> None:
    Path("model/training/best").mkdir(parents=True)
    said = text(run("predict", "model", "sales.csv"), 2)
    assert "model holds no model yet: its training was interrupted" in said
    assert "What it has learned so far is a model in model/training/best" in said


def test_predict_warns_of_data_that_end_before_the_training(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    text(run("train", "sales.csv", *NAIVE, "--out", "model"), 0)
    text(run("predict", "model", "sales.csv"), 0)
    assert "the model was trained on data up to" not in caplog.text
    table = pd.read_csv("sales.csv")
    table[table["timestamp"] < "2024-02-01"].to_csv("old.csv", index=False)
    text(run("predict", "model", "old.csv"), 0)
    assert "the data end 2024-01-31, the model was trained on data up to 2024-02-09" in caplog.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--levels", "0.1,,0.9"), "--levels takes numbers separated by commas, got ''"),
        (("--device", "gpu"), "--device must be auto, cpu, cuda, cuda:1, ... or mps, got 'gpu'"),
        (("--dimensions", "item_id"), "Leave it out of --dimensions"),
    ],
)
def test_what_means_nothing_is_refused(run: Run, words: tuple[str, ...], said: str) -> None:
    assert said in text(run("train", "sales.csv", *NAIVE, *words, "--out", "model"), 2)


def test_a_model_without_dimensions_says_to_leave_them_out(run: Run) -> None:
    text(run("train", "sales.csv", *NAIVE, "--out", "model"), 0)
    pd.read_csv("sales.csv").assign(shop="x").to_csv("shops.csv", index=False)
    said = text(run("predict", "model", "shops.csv", "--dimensions", "shop"), 2)
    assert "Leave --dimensions out." in said
