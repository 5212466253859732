"""What is Amazon's own and not foretell's: names, tags, and what each caller asked for. Everything else is a job and its files."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Float, ForeignKey, Index, MetaData, String, Table, Text

metadata: Final = MetaData()

resources: Final = Table(
    "amazon_resources",
    metadata,
    Column("arn", String(300), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("region", String(32), nullable=False),
    Column("name", String(63), nullable=False),
    Column("parent", String(300)),  # the resource that it was made from
    Column("dataset_group", String(300)),  # the dataset group that it belongs to
    Column("created", Float, nullable=False),  # seconds since 1970
    Column("modified", Float, nullable=False),
    Column("request", Text, nullable=False),  # the checked request, as JSON
    Column("folder", String(32), nullable=False),  # below the home: what its job writes
    Column("job", String(64)),  # of the jobs table; None: nothing has to be done
    Column("state", String(32), nullable=False),  # of a resource without a job
    Column("made_by", String(300)),  # the resource whose creation made it too
    Index("amazon_resources_by_kind", "kind", "region", "created", "arn"),
    Index("amazon_resources_by_name", "kind", "region", "name"),
    Index("amazon_resources_by_parent", "parent"),
    Index("amazon_resources_by_group", "dataset_group"),
    Index("amazon_resources_by_job", "job"),
)

tags: Final = Table(
    "amazon_tags",
    metadata,
    Column("arn", String(300), ForeignKey("amazon_resources.arn", ondelete="CASCADE"), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("value", String(256), nullable=False),
)
