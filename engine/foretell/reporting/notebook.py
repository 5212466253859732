"""What a notebook shows of a data set, a model, a forecast and a checkup: small tables, without a style of their own."""

from __future__ import annotations

from typing import Final

import numpy as np

from foretell.checks.check import Checkup
from foretell.data.columns import names_of
from foretell.hierarchy.coherent import Hierarchy
from foretell.ingest.dataset import Dataset
from foretell.models.fitted_model import FittedModel
from foretell.recipe.forecast import Forecast
from foretell.recipe.hyperparameters import settings_of
from foretell.reporting.html_blocks import facts, note, plain_table
from foretell.reporting.numbers import count

_ITEMS: Final = 8  # of a forecast that are listed
_FINDINGS: Final = 20  # of a checkup


def dataset_html(data: Dataset) -> str:
    """How much there is, of when, and which columns it has."""
    panel, schema = data.panel, data.panel.schema
    spell = panel.frequency.spell
    stored = panel.lengths > 0
    first = spell(int(panel.start[stored].min())) if stored.any() else None
    last = spell(int((panel.start + panel.lengths)[stored].max()) - 1) if stored.any() else None
    warnings = sum(finding.severity != "note" for finding in data.findings)
    rows = {
        "items": f"{len(panel):,}",
        "steps": f"{len(panel.target):,} of {panel.frequency.alias}",
        "from": first,
        "to": last,
        "known ahead": list(names_of(schema.known)),
        "past only": list(names_of(schema.past)),
        "metadata": [*names_of(schema.static_real), *schema.static_cat],
        "open": schema.open,
        "warnings": warnings or None,
    }
    return facts("Dataset", rows)


def model_html(model: FittedModel) -> str:
    """What it is, what it was trained on, and its settings."""
    rows = {
        "recipe": model.recipe.name,
        "trained on": None if model.data is None else f"{model.data.items:,} items up to {model.data.last}",
        "horizon": model.task.horizon,
        "levels": list(model.task.levels),
        "fitted in": f"{model.fit_seconds:.1f} s",
        **{name: f"{value:.4f}" for name, value in model.scores.items()},
    }
    return facts("Model", rows) + facts("Settings", settings_of(model.resolved))


def forecast_html(forecast: Forecast) -> str:
    """How much was forecast, of when, and the totals of the largest items."""
    spell = forecast.schema.frequency.spell
    begin = int(forecast.origin.min()) if len(forecast) else 0
    rows = {
        "items": f"{len(forecast):,}",
        "steps": forecast.horizon,
        "from": spell(begin) if len(forecast) else None,
        "to": spell(int(forecast.origin.max()) + forecast.horizon - 1) if len(forecast) else None,
        "levels": list(forecast.levels),
        "fallbacks": int(forecast.fallbacks.sum()) or None,
    }
    size = forecast.mean.sum(axis=1, dtype=np.float64)
    largest = np.argsort(-size, kind="stable")[:_ITEMS]
    listed = [
        {**dict(forecast.keys.iloc[item].astype(str)), "total of the means": float(size[item])}
        for item in largest
    ]
    more = note(f"The {_ITEMS} largest of {count(len(forecast), 'item')}.") if len(forecast) > _ITEMS else ""
    return facts("Forecast", rows) + plain_table(listed) + more


def hierarchy_html(tree: Hierarchy) -> str:
    """A row a level: how many groups it has, the largest of them, and its total."""
    rows = []
    for name, part in tree.parts.items():
        size = part.mean.sum(axis=1, dtype=np.float64)
        largest = int(size.argmax())
        rows.append(
            {
                "level": name,
                "groups": len(part),
                "total of the means": float(size.sum()),
                "largest": " / ".join(map(str, part.keys.iloc[largest])),
                "its total": float(size[largest]),
            }
        )
    return facts("Hierarchy", {"made by": tree.method, "levels": len(tree)}) + plain_table(rows)


def checkup_html(checkup: Checkup) -> str:
    """What was found, errors first."""
    rows = [
        {"": finding.severity, "found": finding.message, "option": finding.option or None}
        for finding in checkup.findings[:_FINDINGS]
    ]
    hidden = len(checkup.findings) - len(rows)
    return plain_table(rows) + (note(f"and {hidden} more") if hidden > 0 else "")
