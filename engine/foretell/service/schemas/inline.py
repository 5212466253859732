"""Inline forecasts, and the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from foretell.service.schemas.common import Answer, Asked, Level
from foretell.service.schemas.planning import Key

Row = Mapping[str, str | float | int | bool | None]


class PredictIn(Asked):
    """History, and what is known ahead, to be forecast at once."""

    target: tuple[Row, ...] = Field(min_length=1, description="A row an item and time, as in training.")
    related: tuple[Row, ...] | None = Field(
        default=None, description="With the horizon, where it is known ahead."
    )
    items: tuple[Row, ...] | None = Field(default=None, description="Metadata.")
    only: tuple[str | Key, ...] | None = Field(default=None, description="Items to forecast. Default: all.")
    levels: tuple[Level, ...] | None = None
    horizon: int | None = Field(default=None, ge=1)


Datatype = Literal["BOOL", "INT32", "INT64", "FP32", "FP64", "BYTES"]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Tensor(Asked):
    """A column: `target`, or `related.price`, `metadata.family` of a table beside it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    name: Text
    shape: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1, max_length=2)
    datatype: Datatype
    data: tuple[str | float | int | bool | None, ...]


class InferIn(Asked):
    """A request of the Open Inference Protocol; `parameters` may have levels (texts: 0.1,0.5) and horizon."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    id: str | None = Field(default=None, max_length=200)
    inputs: tuple[Tensor, ...] = Field(min_length=1, max_length=1000)
    parameters: Mapping[str, Any] = {}


class TensorOut(Answer):
    """A column of the forecast."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferOut(Answer):
    """A forecast: item_id, timestamp, mean, p10, ..."""

    model_name: str
    id: str | None = None
    outputs: list[TensorOut]


class TensorKind(Answer):
    """A tensor that a model takes or gives; -1: any number."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Answer):
    """What a model takes and gives."""

    name: str
    versions: tuple[str, ...] = ()
    platform: str = "foretell"
    inputs: list[TensorKind]
    outputs: list[TensorKind]


class ServerMetadata(Answer):
    """What the server is."""

    name: str
    version: str
    extensions: tuple[str, ...] = ()
