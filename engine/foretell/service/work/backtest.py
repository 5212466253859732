"""A version of a data set to a back-test: a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretell.ingest.dataset import Dataset
from foretell.service.schemas.backtests import BacktestSpec
from foretell.service.work import item_lists
from foretell.service.work.order import Order
from foretell.workflows.backtest import backtest


def run(order: Order) -> Mapping[str, Any]:
    """Compare, going on from the windows that are finished, and save."""
    spec = BacktestSpec.model_validate(order.spec)
    report = backtest(
        Dataset.open(order.source("version_id", "dataset_versions")),
        out=order.kept,
        resume=True,
        **{name: getattr(spec, name) for name in BacktestSpec.model_fields},
    )
    report.save(order.target, overwrite=True)
    item_lists.of_backtest(report, order.target)
    board = report.leaderboard.astype(object)
    rows = board.where(board.notna(), None).to_dict("records")
    return {"leaderboard": [{str(name): value for name, value in row.items()} for row in rows]}
