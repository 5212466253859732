"""What all resources share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from foretell.service.catalogue import Resource

Item = TypeVar("Item")
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Level = Annotated[float, Field(gt=0, lt=1)]


class Asked(BaseModel):
    """The body of a request: a member that is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spec(BaseModel):
    """What a work is told: `Order.spec`, with `links` beside."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answer(BaseModel):
    """The body of an answer."""

    model_config = ConfigDict(frozen=True)


class ResourceOut(Answer):
    """A resource."""

    id: str
    name: str
    state: str
    message: str = Field(description="Why it failed; empty where it did not.")
    job: str | None = Field(description="The last job that worked on it.")
    created_at: datetime
    updated_at: datetime
    created_by: str
    result: Mapping[str, Any] = Field(description="What its job found.")

    @classmethod
    def fields_of(cls, found: Resource) -> dict[str, Any]:
        """The members above, and the links: what a subclass's `of` begins with."""
        return {
            "id": found.id,
            "name": found.name,
            "state": found.state,
            "message": found.message,
            "job": found.job,
            "created_at": moment(found.created_at),
            "updated_at": moment(found.updated_at),
            "created_by": found.created_by,
            "result": found.result,
            **found.links,
        }


class ListOut(Answer, Generic[Item]):
    """A part of a list; `next` is the token of the part after it."""

    items: list[Item]
    next: str | None = None


def moment(seconds: float) -> datetime:
    """A time of the database for an answer."""
    return datetime.fromtimestamp(seconds, UTC)
