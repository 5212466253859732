"""Training, forecasting, saving and loading leave the host program as it was, for every recipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from foretell.models.model import fitted_of
from foretell.recipe.registry import recipe_names
from tiny_chronos import INSTALLED

HERE = Path(__file__)
SMALL = {
    "hidden_size": 8,
    "context_length": 14,
    "max_steps": 6,
    "batch_size": 16,
    "max_rows": 2000,
    "num_samples": 10,
    "members": ("seasonal_naive", "ets:covariates=none", "mqrnn:max_steps=12:hidden_size=8:batch_size=16"),
    "trials": 1,
}


def state() -> dict[str, object]:
    """What a host program may have set, and must find again."""
    import logging
    import random
    import signal
    import threading
    import warnings

    import torch

    loggers = [
        name for name, log in logging.root.manager.loggerDict.items() if isinstance(log, logging.Logger)
    ]
    draws = np.random.get_state()  # noqa: NPY002
    return {
        "default dtype": str(torch.get_default_dtype()),
        "default device": str(torch.get_default_device()),
        "gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "torch's random state": torch.get_rng_state().tolist(),
        "numpy's random state": [part.tolist() if isinstance(part, np.ndarray) else part for part in draws],
        "random's state": random.getstate(),
        "filters of warnings": [str(each) for each in warnings.filters],
        "denormals": bool(
            (torch.full((1,), 1e-39, device="cpu", dtype=torch.float32) * 1.0).view(torch.int32)
        ),
        "threads": torch.get_num_threads(),
        "environment": dict(os.environ),
        "levels of loggers": {n: logging.getLogger(n).level for n in ("", *loggers) if "foretell" not in n},
        "handlers": len(logging.root.handlers),
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
        "numpy's errors": np.geterr(),
        "matrix products": torch.get_float32_matmul_precision(),
        "thread": threading.current_thread().name,
    }


def differences(before: dict[str, object], after: dict[str, object], during: str) -> list[str]:
    def known(name: str) -> object:
        if name != "levels of loggers":
            return after[name]
        levels, old = after[name], before[name]
        assert isinstance(levels, dict)
        assert isinstance(old, dict)
        return {logger: levels[logger] for logger in old}  # those of libraries imported since are new

    return [f"{during}: {name}" for name in before if before[name] != known(name)]


def work(names: list[str], folder: Path) -> tuple[list[str], dict[str, list[float]]]:
    """What changed while each recipe was fitted, saved, loaded and forecast, and the medians that it forecast."""
    import foretell
    from foretell.models.fitting import fit_model
    from foretell.recipe.hyperparameters import hyperparameters
    from foretell.recipe.registry import make_recipe, recipe_class
    from foretell.recipe.task import Run, Task
    from panels import daily, weekly_sales
    from tiny_chronos import settings_of

    panel, changed, medians = daily([*weekly_sales(0), []]), [], {}
    for name in names:
        known = {parameter.name for parameter in hyperparameters(recipe_class(name))}
        settings = {key: value for key, value in SMALL.items() if key in known}
        recipe = make_recipe(name, settings | settings_of(name))
        before = state()
        model = fit_model(recipe, panel, Task(5), Run(device="cpu"))
        changed += differences(before, state(), f"{name} fit")
        medians[name] = model.forecast(panel).quantiles[0, :, 1].tolist()
        changed += differences(before, state(), f"{name} predict")
        model.save(folder / name)
        changed += differences(before, state(), f"{name} save")
        loaded = foretell.load(folder / name, device="cpu")
        changed += differences(before, state(), f"{name} load")
        assert fitted_of(loaded).forecast(panel).quantiles[0, :, 1].tolist() == medians[name]
        changed += differences(before, state(), f"{name} predict of the loaded")
    return changed, medians


def afresh(names: list[str], folder: Path, setting: str) -> tuple[list[str], dict[str, list[float]]]:
    """`work` in a process of its own, in which nothing is imported yet, after `setting`."""
    code = (
        f"import sys; sys.path[:0] = [{str(HERE.parent)!r}, {str(HERE.parents[2])!r}]\n"
        f"import json, torch; from pathlib import Path; {setting}\n"
        f"import test_host_state as t; print('RESULT' + json.dumps(t.work({names!r}, Path({str(folder)!r}))))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    changed, medians = json.loads(done.stdout.split("RESULT")[1])
    return changed, medians


@pytest.mark.slow
def test_the_host_is_as_it_was_after_every_recipe(tmp_path: Path) -> None:
    # a variable that polars adds to when it is imported, and so does statsforecast
    changed, _ = afresh(
        [name for name in recipe_names() if name != "chronos" or INSTALLED],
        tmp_path,
        "torch.rand(3); import os; os.environ['_RJEM_MALLOC_CONF'] = 'narenas:1'",
    )
    assert changed == []


SETTINGS = {
    "torch.set_default_dtype(torch.float64)": ["mqrnn", "deepar", "tft", "boosting", "gluonts"],
    "torch.set_default_device('meta')": ["mqrnn", "deepar", "tft", "boosting", "gluonts"],
    "torch.set_flush_denormal(True); torch.set_grad_enabled(False)": ["mqrnn"],
    "torch.inference_mode(True).__enter__()": ["mqrnn"],
}


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[float]]:
    return work(next(iter(SETTINGS.values())), tmp_path_factory.mktemp("usual"))[1]


@pytest.mark.slow
@pytest.mark.parametrize("setting", SETTINGS)
def test_forecasts_are_the_same_whatever_the_host_set_and_its_settings_stay(
    setting: str, usual: dict[str, list[float]], tmp_path: Path
) -> None:
    changed, medians = afresh(SETTINGS[setting], tmp_path, setting)
    assert changed == []
    assert medians == {name: usual[name] for name in SETTINGS[setting]}
