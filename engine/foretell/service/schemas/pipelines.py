"""Pipelines."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Asked, ResourceOut, moment


class PipelineIn(Asked):
    """A pipeline as its file says it: the same as `foretell run` takes."""

    toml: str = Field(
        max_length=1 << 20,
        examples=[
            'name = "weekly"\nschedule = "0 3 * * MON"\n[source]\nconnection = "shop"\ntarget = "select * from sales"\n'
            '[train]\nhorizon = 28\n[target]\nconnection = "planning"\ntable = "forecasts"\n'
        ],
    )


class PipelineOut(ResourceOut):
    """A pipeline; `result` is what came of its last run that ended: published, or stopped by a gate."""

    toml: str
    next_run: datetime | None = Field(description="When it is due; null without a schedule.")

    @classmethod
    def of(cls, found: Resource) -> PipelineOut:
        fields = cls.fields_of(found)
        due = fields.pop("due_at")
        return cls(**fields, toml=found.spec["toml"], next_run=None if due is None else moment(due))
