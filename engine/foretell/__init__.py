"""foretell: self-hosted probabilistic demand forecasting.

data = foretell.Dataset(target=sales, related=prices, items=items, freq="D")
model = foretell.train(data, recipe="mqrnn", horizon=28)
model.predict().to_frame()
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.backtest import backtest as backtest
    from foretell.check import check as check
    from foretell.dataset import Dataset as Dataset
    from foretell.dataset import make_future_frame as make_future_frame
    from foretell.errors import ForetellError as ForetellError
    from foretell.evaluate import evaluate as evaluate
    from foretell.forecast import Forecast as Forecast
    from foretell.model import Model as Model
    from foretell.model import load as load
    from foretell.model import train as train
    from foretell.panel import Panel as Panel
    from foretell.panel import Schema as Schema
    from foretell.recipe import make_recipe as make_recipe
    from foretell.recipe import recipe_names as recipe_names
    from foretell.report import Report as Report
    from foretell.sql import Sql as Sql
    from foretell.task import Run as Run
    from foretell.task import Task as Task
    from foretell.tune import tune as tune

    __version__: str

# Each name is imported when it is first asked for: a bare `import foretell` stays fast and loads no torch.
_HOME = {
    "Dataset": "dataset", "Forecast": "forecast", "ForetellError": "errors", "Model": "model", "Panel": "panel",
    "Report": "report", "Run": "task", "Schema": "panel", "Sql": "sql", "Task": "task", "backtest": "backtest", "check": "check",
    "evaluate": "evaluate", "load": "model", "make_future_frame": "dataset", "make_recipe": "recipe",
    "recipe_names": "recipe", "train": "model", "tune": "tune",
}  # fmt: skip
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("foretell")
    if name not in _HOME:
        raise AttributeError(f"module 'foretell' has no attribute {name!r}")
    value = getattr(import_module(f"foretell.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """This package: `foretell.backtest` is the function whether or not the module of that name was imported before."""

    def __setattr__(self, name: str, value: object) -> None:
        # The import system binds a submodule to its package under its own name, which three functions share.
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
