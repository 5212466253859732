"""foretell: self-hosted probabilistic demand forecasting.

data = foretell.Dataset(target=sales, related=prices, items=items, freq="D")
model = foretell.train(data, recipe="mqrnn", horizon=28)
model.predict().to_frame()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretell.checks.check import check as check
    from foretell.client.connection import connect as connect
    from foretell.data.panel import Panel as Panel
    from foretell.data.schema import Schema as Schema
    from foretell.errors import ForetellError as ForetellError
    from foretell.errors import Interrupted as Interrupted
    from foretell.explain.explanation import Explanation as Explanation
    from foretell.explain.whatif_result import WhatIf as WhatIf
    from foretell.hierarchy.coherent import Hierarchy as Hierarchy
    from foretell.ingest.dataset import Dataset as Dataset
    from foretell.ingest.dataset import make_future_frame as make_future_frame
    from foretell.ingest.sql_source import Sql as Sql
    from foretell.models.model import Model as Model
    from foretell.monitoring.monitor import monitor as monitor
    from foretell.monitoring.result import Monitor as Monitor
    from foretell.recipe.forecast import Forecast as Forecast
    from foretell.recipe.presets import preset as preset
    from foretell.recipe.registry import make_recipe as make_recipe
    from foretell.recipe.registry import recipe_names as recipe_names
    from foretell.recipe.task import Run as Run
    from foretell.recipe.task import Task as Task
    from foretell.reporting.report import Report as Report
    from foretell.system.listener import CancelToken as CancelToken
    from foretell.system.listener import Event as Event
    from foretell.system.listener import Listener as Listener
    from foretell.system.listener import listening as listening
    from foretell.system.sql_table import SqlTable as SqlTable
    from foretell.workflows.backtest import backtest as backtest
    from foretell.workflows.evaluate import evaluate as evaluate
    from foretell.workflows.reconcile import reconcile as reconcile
    from foretell.workflows.train import load as load
    from foretell.workflows.train import train as train
    from foretell.workflows.tune import tune as tune

    __version__: str

# Each name is imported when it is first asked for: a bare `import foretell` stays fast and loads no torch.
_HOME = {
    "CancelToken": "system.listener",
    "Dataset": "ingest.dataset",
    "Event": "system.listener",
    "Explanation": "explain.explanation",
    "Forecast": "recipe.forecast",
    "ForetellError": "errors",
    "Hierarchy": "hierarchy.coherent",
    "Interrupted": "errors",
    "Listener": "system.listener",
    "Model": "models.model",
    "Monitor": "monitoring.result",
    "Panel": "data.panel",
    "Report": "reporting.report",
    "Run": "recipe.task",
    "Schema": "data.schema",
    "Sql": "ingest.sql_source",
    "SqlTable": "system.sql_table",
    "Task": "recipe.task",
    "WhatIf": "explain.whatif_result",
    "backtest": "workflows.backtest",
    "check": "checks.check",
    "connect": "client.connection",
    "evaluate": "workflows.evaluate",
    "listening": "system.listener",
    "load": "workflows.train",
    "make_future_frame": "ingest.dataset",
    "make_recipe": "recipe.registry",
    "preset": "recipe.presets",
    "monitor": "monitoring.monitor",
    "recipe_names": "recipe.registry",
    "reconcile": "workflows.reconcile",
    "train": "workflows.train",
    "tune": "workflows.tune",
}
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
