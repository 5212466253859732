"""Data sets, their versions and uploads."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import Field, model_validator

from foretell.service.catalogue import Resource
from foretell.service.schemas.common import Answer, Asked, Identifier, Name, ResourceOut, Spec


class Source(Asked):
    """Where a table comes from: one of an upload, a path below an allowed root, and a query of a named connection."""

    upload: Identifier | None = None
    path: str | None = Field(
        default=None, max_length=4096, description="A file, a folder, a glob or s3://bucket/key."
    )
    connection: str | None = Field(default=None, max_length=200)
    query: str | None = Field(default=None, max_length=100_000)

    @model_validator(mode="after")
    def _one(self) -> Source:
        given = [name for name in ("upload", "path", "connection") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("name one of upload, path and connection")
        if (self.query is None) != (self.connection is None):
            raise ValueError("a connection needs a query, and a query a connection")
        return self


class ReadingOptions(Asked):
    """How tables are read: arguments of `foretell.Dataset`."""

    freq: str | None = Field(default=None, examples=["D"])
    item_id: str | Mapping[str, Any] | None = None
    timestamp: str | Mapping[str, Any] | None = None
    target_column: str | None = None
    date_format: str | None = None
    decimal: str | None = None
    thousands: str | None = None
    dimensions: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    past: tuple[str, ...] = ()
    open: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    text_values: int | None = None
    season: int | tuple[int, ...] | None = None
    ends: Literal["last", "own"] = "last"
    partial: Literal["drop", "keep"] = "drop"
    aggregation: Mapping[str, str] | None = None
    filling: Mapping[str, Mapping[str, Any]] | None = None
    holidays: str | tuple[str, ...] | None = None
    holiday_days: int = 1
    strict: bool = False
    timezone: str | None = None
    partitions: bool = False


class ImportIn(Asked):
    """Tables that make a version of a data set."""

    target: Source
    related: tuple[Source, ...] = Field(default=(), max_length=50)
    items: Source | None = None
    options: ReadingOptions = ReadingOptions()


class VersionIn(ImportIn):
    """Tables that make a further version."""

    mode: Literal["replace", "append"] = Field(
        default="replace",
        description="append: the target's rows come after those of the version before, whose related tables, items and"
        " options stay where none are given.",
    )


class DatasetIn(ImportIn):
    """A new data set with its first version."""

    name: Name


class ImportSpec(Spec):
    """What `work.import_` is told."""

    target: tuple[Source, ...]
    related: tuple[Source, ...] = ()
    items: Source | None = None
    options: ReadingOptions = ReadingOptions()

    @classmethod
    def of(cls, asked: ImportIn, before: Mapping[str, Any] | None = None) -> ImportSpec:
        """What was asked, appended to the spec of a version `before`."""
        own = cls(target=(asked.target,), related=asked.related, items=asked.items, options=asked.options)
        if before is None:
            return own
        old = cls.model_validate(before)
        return cls(
            target=(*old.target, asked.target),
            related=own.related or old.related,
            items=own.items or old.items,
            options=own.options if "options" in asked.model_fields_set else old.options,
        )


class DatasetOut(ResourceOut):
    """A data set; `result` is its newest version's."""

    version_id: str | None = Field(description="The newest version that is ACTIVE.")

    @classmethod
    def of(cls, found: Resource) -> DatasetOut:
        return cls(**cls.fields_of(found))


class VersionOut(ResourceOut):
    """A version of a data set: rows, findings, the span of its times."""

    dataset_id: str
    number: int

    @classmethod
    def of(cls, found: Resource) -> VersionOut:
        return cls(**cls.fields_of(found))


class UploadOut(Answer):
    """A table that was sent; a data set names it as a source."""

    id: str
    bytes: int
    sha256: str
    created_at: datetime
