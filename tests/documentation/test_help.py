"""`help()` of a class shows a user what is his, and nothing of the works."""

from __future__ import annotations

import pydoc
import re
from typing import Any

import pytest

import foretell
from foretell.checks.check import Checkup

# The public names of each class, by hand: who adds one decides here that it is for users.
PUBLIC: dict[Any, set[str]] = {
    foretell.Dataset: {
        *("findings", "fingerprint", "names", "open", "options", "panel", "rows", "save", "schema", "verify")
    },
    foretell.Model: {
        *(
            "calibration",
            "dependence",
            "explain",
            "findings",
            "fingerprint",
            "fit_seconds",
            "origin",
            "predict",
        ),
        *(
            "predict_in_pieces",
            "predict_to",
            "read",
            "recipe",
            "save",
            "schema",
            "scores",
            "seed",
            "summary",
            "task",
            "whatif",
        ),
    },
    foretell.Forecast: {
        # what it holds
        *(
            "before",
            "dependence",
            "fallbacks",
            "findings",
            "history",
            "horizon",
            "keys",
            "levels",
            "margins",
            "mean",
        ),
        *("origin", "quantiles", "schema", "span"),
        # what is made of it
        *(
            "at",
            "first",
            "hierarchy",
            "only",
            "paths",
            "plot",
            "position",
            "rounded",
            "save",
            "save_report",
            "to_frame",
            "total",
        ),
        *("to_arrow", "to_polars"),
        # for the authors of recipes
        *("build", "joined"),
    },
    foretell.Report: {
        *(
            "groups",
            "plot_calibration",
            "plot_errors",
            "plot_item",
            "plot_leaderboard",
            "plot_steps",
            "plot_total",
        ),
        *(
            "calibration",
            "beside",
            "coverage",
            "data_tables",
            "findings",
            "forecast",
            "forecast_frames",
            "forecasts",
            "horizon",
        ),
        *(
            "item_table",
            "items",
            "leaderboard",
            "levels",
            "metric_frames",
            "metrics",
            "new_items",
            "outcome",
            "outcomes",
        ),
        *(
            "periods",
            "ranking",
            "recipes",
            "remarks",
            "save",
            "scores",
            "segments",
            "settings",
            "steps",
            "summaries",
        ),
        *("to_json", "windows"),
    },
    Checkup: {
        *(
            "columns",
            "errors",
            "facts",
            "findings",
            "frequencies",
            "tables",
            "to_anonymous_json",
            "to_json",
            "warnings",
        )
    },
}


def shown_by_help(kind: type) -> set[str]:
    """The names of members that the text of help(kind) shows."""
    text = pydoc.plain(pydoc.render_doc(kind))
    members = re.findall(r"^ \|  (\w+)(?= = |\(|$)", text, re.MULTILINE)
    return {name for name in members if not name.startswith("_")} - {kind.__name__}


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_help_shows_what_is_public_and_no_internals(kind: type) -> None:
    assert shown_by_help(kind) <= PUBLIC[kind]
    assert {name for name in dir(kind) if not name.startswith("_")} <= PUBLIC[kind]


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_what_is_called_public_is_there(kind: type) -> None:
    fields = set(getattr(kind, "__dataclass_fields__", ())) | {"options"}
    assert PUBLIC[kind] <= set(dir(kind)) | fields


@pytest.mark.parametrize("kind", PUBLIC, ids=lambda kind: kind.__name__)
def test_every_public_method_says_what_it_does(kind: type) -> None:
    for name in PUBLIC[kind] & set(vars(kind)):
        member = vars(kind)[name]
        if callable(member) or isinstance(member, (property, classmethod, staticmethod)):
            assert (
                getattr(member, "__doc__", None) or getattr(member, "__func__", member).__doc__ or ""
            ).strip(), name


def test_help_of_train_names_every_argument() -> None:
    text = pydoc.plain(pydoc.render_doc(foretell.train))
    arguments = (
        "data",
        "recipe",
        "horizon",
        "levels",
        "settings",
        "time_limit",
        "calibrate",
        "start",
        "out",
        "resume",
    )
    for name in (*arguments, "seed", "device", "devices", "precision", "threads", "processes"):
        assert re.search(rf"^ {{8}}{name}: \S", text, re.MULTILINE), name
    assert "Raises:" in text
    assert ">>> " in text


def test_the_package_lists_its_public_names_alone() -> None:
    assert dir(foretell) == sorted(foretell.__all__)
