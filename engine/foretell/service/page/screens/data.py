"""Data: data sets with their versions, what was found in them, and what is made from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.catalogue import Resource
from foretell.service.page.asking import APlannersForm, AViewer, Form, PageRoute, made, see
from foretell.service.page.files import sources_in
from foretell.service.page.rendering import render
from foretell.service.refusals import Invalid
from foretell.service.routes import backtests, datasets, forecasts, models
from foretell.service.schemas.backtests import BacktestIn
from foretell.service.schemas.datasets import DatasetIn, ReadingOptions, VersionIn
from foretell.service.schemas.forecasts import ForecastIn
from foretell.service.schemas.models import ModelIn

router = APIRouter(route_class=PageRoute)
_GRAVE: Final = {"error": 0, "warning": 1, "note": 2}
_SHOWN: Final = 20
_UPLOAD: Final = re.compile(r" \(up_[0-9a-z]+\.[a-z]+\)")
_QUICK: Final = "ridge"
RECIPES: Final[Mapping[str, str]] = {  # for people who have not met them
    "auto": "tries several and blends the best",
    "ridge": "one regression over all items; seconds",
    "boosting": "decision trees over all items; a minute",
    "ets": "classical smoothing, item by item",
    "arima": "classical, item by item; slow",
    "mqrnn": "neural network; minutes",
    "mqcnn": "neural network; minutes",
    "deepar": "neural network; minutes",
    "tft": "neural network; slow",
    "npts": "draws from the item's own past; seconds",
    "seasonal_naive": "repeats the last season: the yardstick",
}


@router.get("/data")
def find(request: Request, server: AServer, who: AViewer) -> Response:
    """All data sets, and the form for a new one."""
    with server.database.read() as connection:
        found = catalogue.find(connection, "datasets", limit=100).resources
    return render(request, "datasets.html", datasets=found, grave=grave)


@router.post("/data")
def add(request: Request, server: AServer, form: APlannersForm) -> Response:
    """A new data set from files."""
    told = _import_of(request, form)
    body = DatasetIn(name=form.text("name") or "sales", **told)
    return see(f"/data/{made(datasets.create(request, server, form.who, body))['id']}")


@router.post("/data/{identifier}/versions")
def replace(request: Request, server: AServer, form: APlannersForm, identifier: str) -> Response:
    """A further version, from files, read as the one before."""
    with server.database.read() as connection:
        before = catalogue.current_version(connection, identifier)
    told = _import_of(request, form)
    options = ReadingOptions.model_validate(before.spec.get("options", {}))
    append = form.text("mode") == "append"
    body = VersionIn(**{**told, "options": options}, mode="append" if append else "replace")
    datasets.add(request, server, form.who, identifier, body)
    return see(f"/data/{identifier}")


def _import_of(request: Request, form: Form) -> dict[str, Any]:
    target = sources_in(request, form, "target")
    if not target:
        raise Invalid("choose the file with the sales", field="target")
    items = sources_in(request, form, "items")
    options = {
        "freq": form.text("freq"),
        "known": form.list("known"),
        "past": form.list("past"),
        "open": form.text("open"),
        "dimensions": form.list("dimensions"),
    }
    return {
        "target": target[0],
        "related": sources_in(request, form, "related"),
        "items": items[0] if items else None,
        "options": ReadingOptions.model_validate({k: v for k, v in options.items() if v}),
    }


@router.get("/data/{identifier}")
def show(request: Request, server: AServer, who: AViewer, identifier: str) -> Response:
    """One data set: what is in it, what was found, and what it is good for."""
    with server.database.read() as connection:
        dataset = catalogue.get(connection, "datasets", identifier)
        versions = catalogue.find(
            connection, "dataset_versions", limit=_SHOWN, dataset_id=identifier
        ).resources
        ids = [version.id for version in versions]
        found = {
            kind: [
                each
                for each in catalogue.find(connection, kind, limit=100).resources
                if each.links["version_id"] in ids
            ][:_SHOWN]
            for kind in ("models", "backtests", "forecasts")
        }
    return render(
        request,
        "dataset.html",
        dataset=dataset,
        versions=versions,
        recipes=RECIPES,
        best=best_of(found["backtests"]),
        by_grade=by_grade(dataset.result.get("findings", ())),
        roles=roles_of(dataset.result.get("roles", {})),
        models=found["models"],
        backtests=found["backtests"],
        forecasts=found["forecasts"],
    )


@router.post("/data/{identifier}/backtests")
def compare(request: Request, form: APlannersForm, identifier: str) -> Response:
    """Compare recipes on it."""
    body = BacktestIn(
        dataset=identifier,
        recipes=tuple(form.all("recipe")),
        horizon=_horizon(form),
        windows=form.number("windows") or 1,
    )
    return see(f"/backtests/{made(backtests.create(request, form.who, body))['id']}")


@router.post("/data/{identifier}/models")
def train(request: Request, form: APlannersForm, identifier: str) -> Response:
    """Train a model on it."""
    body = ModelIn(dataset=identifier, recipe=form.text("recipe"), horizon=_horizon(form))
    return see(f"/models/{made(models.create(request, form.who, body))['id']}")


def _horizon(form: Form) -> int:
    horizon = form.number("horizon")
    if horizon is None:
        raise Invalid("say how many steps ahead", field="horizon")
    return horizon


@router.get("/models/{identifier}")
def model(request: Request, server: AServer, who: AViewer, identifier: str) -> Response:
    """One model, and its forecasts."""
    with server.database.read() as connection:
        found = catalogue.get(connection, "models", identifier)
        version = catalogue.get(connection, "dataset_versions", found.links["version_id"])
        made_by = catalogue.find(connection, "forecasts", limit=_SHOWN, model_id=identifier).resources
    return render(request, "model.html", model=found, version=version, forecasts=made_by)


@router.post("/models/{identifier}/forecasts")
def forecast(request: Request, form: APlannersForm, identifier: str) -> Response:
    """Forecast with it, from the newest data on."""
    answer = made(forecasts.create(request, form.who, ForecastIn(model=identifier)))
    return see(f"/jobs/{answer['job']}")


def by_grade(findings: Any) -> list[Mapping[str, Any]]:
    """Findings, the gravest first; a file is not called by the name that it has in the home."""
    told = [{**each, "message": _UPLOAD.sub("", each["message"])} for each in findings]
    return sorted(told, key=lambda each: _GRAVE.get(each["severity"], 3))


def best_of(backtests: Sequence[Resource]) -> str:
    """The recipe that won the newest comparison, else one that is quick."""
    boards = (each.result["leaderboard"] for each in backtests if each.state == "ACTIVE")
    board = next(boards, ())
    return str(board[0]["recipe"]) if board else _QUICK


def grave(findings: Any) -> int:
    """How many of some findings are no mere notes."""
    return sum(each["severity"] != "note" for each in findings)


def roles_of(roles: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """The columns by what they are taken as."""
    words = {"known": "Known ahead", "past": "Known afterwards", "static": "Of the item"}
    found = [
        (words.get(role, role), sorted(name for name, each in roles.items() if each == role))
        for role in words
    ]
    return [(word, names) for word, names in found if names]
