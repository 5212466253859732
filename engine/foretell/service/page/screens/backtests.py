"""Leaderboard: how recipes did on windows of the past, and whether their quantiles can be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from foretell.reporting.html_blocks import tone_of
from foretell.service import catalogue
from foretell.service.asking import AServer
from foretell.service.page.asking import AViewer, PageRoute
from foretell.service.page.rendering import render
from foretell.system.regular_files import read_regular
from foretell.system.strict_json import MOST_BYTES, parse_json

router = APIRouter(route_class=PageRoute)
_NEAR, _OFF = 0.025, 0.075  # as the report colours them
_NAIVE: Final = "seasonal_naive"


@router.get("/backtests")
def find(request: Request, server: AServer, who: AViewer) -> Response:
    """All back-tests, newest first."""
    with server.database.read() as connection:
        found = catalogue.find(connection, "backtests", limit=100).resources
        names = {each.id: _data_name(connection, each) for each in found}
    return render(request, "backtests.html", backtests=found, names=names)


@router.get("/backtests/{identifier}")
def show(request: Request, server: AServer, who: AViewer, identifier: str) -> Response:
    """One back-test."""
    with server.database.read() as connection:
        found = catalogue.get(connection, "backtests", identifier)
        data = catalogue.get(connection, "dataset_versions", found.links["version_id"])
    board = [_numbers(row) for row in found.result.get("leaderboard", ())]
    summaries: Sequence[Mapping[str, Any]] = ()
    if found.state == "ACTIVE":
        run = server.home.folder("backtests", identifier) / "run.json"
        summaries = parse_json(read_regular(run, most=MOST_BYTES))["summaries"]
    return render(
        request,
        "backtest.html",
        backtest=found,
        data=data,
        board=board,
        intervals=_intervals(board),
        levels=_levels(board),
        verdict=verdict(board),
        summaries=summaries,
        tone=lambda share, wanted: tone_of(abs(share - wanted), _NEAR, _OFF),
    )


def _data_name(connection: Any, backtest: catalogue.Resource) -> str:
    return catalogue.get(connection, "dataset_versions", backtest.links["version_id"]).name


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: math.nan if value is None else value for name, value in row.items()}


def _levels(board: Sequence[Mapping[str, Any]]) -> list[float]:
    """The levels whose coverage a leaderboard has."""
    return [float(name[9:-1]) for name in (board[0] if board else ()) if name.startswith("coverage[")]


def _intervals(board: Sequence[Mapping[str, Any]]) -> list[tuple[str, float]]:
    """The columns of central intervals, and the share that should be inside."""
    return [(name, float(name[9:-1])) for name in (board[0] if board else ()) if name.startswith("interval[")]


def verdict(board: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The best recipe in words: its error as a share of sales, and how much better than repeating the last season."""
    if not board:
        return {}
    best = board[0]
    naive = next((row for row in board if row["recipe"] == _NAIVE), None)
    better = None if naive is None or naive is best else 1 - best["wQL"] / naive["wQL"]
    return {"recipe": best["recipe"], "error": best["WAPE"], "better": better}
