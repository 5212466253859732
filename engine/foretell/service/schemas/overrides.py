"""Overrides of planners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from foretell.service.schemas.common import Answer, Asked, Identifier, moment

KeyPart = Annotated[str, StringConstraints(max_length=1000)]
Moment = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class OverrideIn(Asked):
    """A value or a percentage for an item and some steps."""

    item: Mapping[str, KeyPart] = Field(
        description="The key: item_id, and dimensions where only some are meant.",
        examples=[{"item_id": "mug"}],
    )
    first: Moment = Field(description="The first step.", examples=["2024-04-22"])
    last: Moment = Field(description="The last step.", examples=["2024-04-28"])
    value: float | None = Field(default=None, allow_inf_nan=False, description="In units, a step.")
    percent: float | None = Field(
        default=None, ge=-100, allow_inf_nan=False, description="More than the model says; -100: nothing."
    )
    comment: str = Field(default="", max_length=10_000)

    @model_validator(mode="after")
    def _one(self) -> OverrideIn:
        if (self.value is None) == (self.percent is None):
            raise ValueError("give a value or a percent")
        return self


class OverridesIn(Asked):
    """Overrides of a forecast: all of them count, or none."""

    forecast: Identifier
    overrides: tuple[OverrideIn, ...] = Field(min_length=1, max_length=1000)


class OverrideOut(Answer):
    """An override."""

    id: str
    forecast_id: str
    item: Mapping[str, Any]
    first: str
    last: str
    value: float | None
    percent: float | None
    comment: str
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, row: Any) -> OverrideOut:
        return cls.model_validate({**row._mapping, "created_at": moment(row.created_at)})
