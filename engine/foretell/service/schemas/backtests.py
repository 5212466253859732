"""Back-tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Asked, Identifier, Level, Name, ResourceOut, Spec
from foretell.service.schemas.models import RecipeName, Seed


class BacktestIn(Asked):
    """Recipes to compare on windows of the past."""

    name: Name | None = None
    dataset: Identifier
    version: Identifier | None = None
    recipes: tuple[RecipeName, ...] = Field(min_length=1, max_length=50)
    horizon: int = Field(ge=1, le=100_000)
    levels: tuple[Level, ...] = (0.1, 0.5, 0.9)
    windows: Annotated[int, Field(ge=1, le=1000)] = 1
    stride: int | None = Field(default=None, ge=1)
    refit: Literal["never", "every"] = "never"
    settings: Mapping[str, Mapping[str, Any]] | None = None
    time_limit: str | float | None = None
    calibrate: bool = False
    by: tuple[str, ...] = ()
    seed: Seed = 0


class BacktestSpec(Spec):
    """What `work.backtest` is told."""

    recipes: tuple[RecipeName, ...]
    horizon: int
    levels: tuple[float, ...] = (0.1, 0.5, 0.9)
    windows: int = 1
    stride: int | None = None
    refit: Literal["never", "every"] = "never"
    settings: Mapping[str, Mapping[str, Any]] | None = None
    time_limit: str | float | None = None
    calibrate: bool = False
    by: tuple[str, ...] = ()
    seed: int = 0


class BacktestOut(ResourceOut):
    """A back-test; `result` has the leaderboard."""

    version_id: str

    @classmethod
    def of(cls, found: Resource) -> BacktestOut:
        return cls(**cls.fields_of(found))
