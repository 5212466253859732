"""The jobs of the endpoint by their kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from foretell.service.amazon.work.explaining import run_explainability
from foretell.service.amazon.work.explaining import run_export as run_explainability_export
from foretell.service.amazon.work.exporting import run_backtest_export, run_forecast_export, run_whatif_export
from foretell.service.amazon.work.forecasting import run_forecast
from foretell.service.amazon.work.importing import run_import
from foretell.service.amazon.work.place import Workplace
from foretell.service.amazon.work.scenarios import run_analysis, run_whatif_forecast
from foretell.service.amazon.work.training import run_predictor

WORK: Final[Mapping[str, Callable[[Workplace], None]]] = {
    "amazon-import": run_import,
    "amazon-predictor": run_predictor,
    "amazon-backtest-export": run_backtest_export,
    "amazon-forecast": run_forecast,
    "amazon-forecast-export": run_forecast_export,
    "amazon-explainability": run_explainability,
    "amazon-explainability-export": run_explainability_export,
    "amazon-whatif-analysis": run_analysis,
    "amazon-whatif-forecast": run_whatif_forecast,
    "amazon-whatif-export": run_whatif_export,
}
