"""A run of a pipeline: tables in, a gate, training or a warm start, forecasts and totals out, notices, and what is kept for the next."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from foretell.errors import ForetellError
from foretell.ingest.dataset import Dataset
from foretell.models.model import Model
from foretell.monitoring.monitor import monitor
from foretell.recipe.forecast import Forecast
from foretell.recipe.protocols import abilities_of
from foretell.recipe.registry import make_recipe
from foretell.system.folder_lock import claimed
from foretell.system.notices import send_notice
from foretell.workflows.backtest import backtest
from foretell.workflows.pipeline_gate import Stopped, accepted, judge_data, judge_score
from foretell.workflows.pipeline_places import Places
from foretell.workflows.pipeline_state import Kept, State
from foretell.workflows.pipeline_text import Pipeline
from foretell.workflows.train import load, train

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineRun:
    """What came of a run."""

    number: int
    outcome: Literal["published", "stopped"]
    message: str  # in one sentence
    trained: bool = False
    wql: float | None = None  # of the last accepted back-test
    verdict: str = ""  # of the monitor: fine, watch, retrain
    rows: Mapping[str, int] = field(default_factory=dict)  # by table or file

    def to_json(self) -> dict[str, Any]:
        """As JSON's types."""
        names = ("number", "outcome", "message", "trained", "wql", "verdict")
        return {name: getattr(self, name) for name in names} | {"rows": dict(self.rows)}


def run_pipeline(
    pipeline: Pipeline, state: str | Path, places: Places, *, retrain: bool = False
) -> PipelineRun:
    """Run a pipeline once, by what is kept in the folder `state`: the forecast is published, or a gate has stopped the run.

    Raises ForetellError where a run of the same state is at it, for what the configuration does not allow, and where training or
    writing fails; what was published before stays as it was, and those whom the pipeline notifies are told.
    """
    make_recipe(pipeline.train.recipe, pipeline.train.settings)
    places.check(pipeline)
    with claimed(Path(state)):
        kept = State(Path(state)).read()
        run = _Run(pipeline, State(Path(state)), places, kept, retrain=retrain)
        try:
            result = run.whole()
        except ForetellError as error:
            _tell(pipeline, places, "failed", str(error))
            raise
    if result.outcome == "stopped":
        _tell(pipeline, places, "was stopped", result.message)
    elif result.verdict == "retrain":
        _tell(pipeline, places, "should be trained again", "the monitor finds drift in its model")
    return result


def _tell(pipeline: Pipeline, places: Places, what: str, text: str) -> None:
    more = " The last good forecast stays in place." if what != "should be trained again" else ""
    subject = f"foretell: the pipeline {pipeline.name} {what}"
    send_notice(pipeline.notify, subject, f"{text}.{more}", hosts=places.hooks, mail=places.mail)


class _Run:
    """One run, in its folder."""

    def __init__(
        self, pipeline: Pipeline, state: State, places: Places, kept: Kept, *, retrain: bool
    ) -> None:
        self._pipeline, self._state, self._places, self._kept = pipeline, state, places, kept
        self._number, self._retrain = kept.run + 1, retrain
        self._verdict = ""

    def whole(self) -> PipelineRun:
        self._state.folder.mkdir(parents=True, exist_ok=True)
        self._state.update(run=self._number)
        with tempfile.TemporaryDirectory(dir=self._state.folder, prefix=".reading-") as scratch:
            try:
                return self._published(self._read(Path(scratch)))
            except Stopped as stop:
                stays = " The last good forecast stays in place." if self._kept.published else ""
                said = f"stopped: {stop}.{stays}"
                self._state.update(said=said)
                logger.warning("the pipeline %s is %s", self._pipeline.name, said)
                return PipelineRun(
                    number=self._number,
                    outcome="stopped",
                    message=said,
                    wql=self._kept.wql,
                    verdict=self._verdict,
                )

    def _read(self, scratch: Path) -> Dataset:
        """The tables; raises Stopped where they cannot be read, or lack what the model was trained on."""
        model = self._kept.model
        schema = None if model is None else load(self._state.model(model)).schema
        try:
            tables = self._places.tables(self._pipeline.source, scratch)
            data = Dataset(**tables, **dict(self._pipeline.dataset), scratch=scratch)
            lacking = [] if schema is None else sorted(set(schema.roles) - set(data.schema.roles))
        except TypeError as error:
            raise ForetellError(f"dataset: {error}") from error
        except ForetellError as error:
            raise Stopped(f"the tables cannot be read: {error}") from error
        if lacking:
            raise Stopped(f"the tables lack columns that the last run had: {', '.join(lacking[:5])}")
        return data

    def _published(self, data: Dataset) -> PipelineRun:
        asked = self._pipeline.train
        judge_data(self._pipeline.gate, data, self._kept, horizon=asked.horizon)
        self._judge_model(data)
        why = self._why_train()
        fresh = self._trained(data) if why else {}
        model = load(self._state.model(int(fresh.get("model", self._kept.model or 0))))
        forecast = model.predict(data, levels=self._pipeline.forecast.levels)
        forecasts: dict[str, Forecast] = {"": forecast}
        for total in self._pipeline.forecast.totals:
            forecasts[total] = forecast.total(by=total.split("/"))
        path = self._state.forecast(self._number)
        path.parent.mkdir(exist_ok=True)
        forecast.save(path, overwrite=True)
        begin = str(forecast.to_frame()[forecast.schema.timestamp].iloc[0]).removesuffix(" 00:00:00")
        rows = self._places.publish(self._pipeline.target, forecasts, f"{self._pipeline.name} {begin}")
        since = 1 if fresh else self._kept.since + 1
        said = f"published {len(forecast):,} items from {begin} on" + (f"; trained: {why}" if why else "")
        kept = self._state.update(
            published=self._number, since=since, said=said, retrain="", **fresh, **accepted(data.panel)
        )
        self._state.clean()
        return PipelineRun(
            number=self._number,
            outcome="published",
            message=said,
            trained=bool(why),
            wql=kept.wql,
            verdict=self._verdict,
            rows=rows,
        )

    def _why_train(self) -> str:
        """The reason for a training; none where the model goes on."""
        kept, every = self._kept, self._pipeline.train.every
        if kept.model is None:
            return "there was no model yet"
        if self._retrain:
            return "it was asked for"
        if kept.since >= every:
            return f"every {every} runs"
        drift = self._verdict == "retrain" and self._pipeline.monitor.retrain_when == "drift"
        return "the monitor finds drift" if drift else ""

    def _judge_model(self, data: Dataset) -> None:
        """The monitor's verdict on the forecasts of the model in use; none as long as there is too little to judge."""
        kept = self._kept
        if kept.model is None:
            return
        files = [self._state.forecast(number) for number in range(kept.model, self._number)]
        report = None if kept.backtest is None else self._state.backtest(kept.backtest)
        try:
            found = monitor(
                load(self._state.model(kept.model)),
                data,
                [str(file) for file in files if file.exists()],
                backtest=report,
            )
        except ForetellError as error:
            logger.info("the monitor has nothing to say yet: %s", error)
            return
        self._verdict = found.verdict

    def _trained(self, data: Dataset) -> dict[str, Any]:
        """A back-test that the gate accepts, and a model: what is to be kept of them."""
        asked, number = self._pipeline.train, self._number
        recipe = make_recipe(asked.recipe, asked.settings)
        heeds = {"time_limit": asked.time_limit, "seed": asked.seed, "calibrate": asked.calibrate}
        folder = self._state.backtest(number)
        report = backtest(
            data,
            horizon=asked.horizon,
            recipes=[recipe],
            levels=self._pipeline.forecast.levels,
            out=folder,
            overwrite=True,
            **heeds,  # type: ignore[arg-type]
        )
        wql = float(report.leaderboard["wQL"].iloc[0])
        judge_score(self._pipeline.gate, wql, self._kept)
        start = self._start() if asked.warm and abilities_of(recipe).warm_start else None
        model = train(
            data,
            recipe=recipe,
            horizon=None if start is not None else asked.horizon,
            levels=self._pipeline.forecast.levels,
            start=start,
            **heeds,  # type: ignore[arg-type]
        )
        model.save(self._state.model(number), overwrite=True)
        return {"model": number, "backtest": number, "wql": wql}

    def _start(self) -> Model | None:
        """The model to go on from; None where there is none, or one of another recipe or horizon."""
        if self._kept.model is None:
            return None
        model, asked = load(self._state.model(self._kept.model)), self._pipeline.train
        fits = model.recipe.name == asked.recipe and model.task.horizon == asked.horizon
        return model if fits else None
