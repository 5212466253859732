"""What a dataset group holds at the moment: for each of its datasets the imports that make it up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import in_use, invalid_input
from foretell.service.amazon.schemas import METADATA, RELATED, TARGET, Columns, columns_of
from foretell.service.amazon.store import ACTIVE, RUNNING, Resource


@dataclass(frozen=True, slots=True)
class Table:
    """One dataset of a group."""

    columns: Columns
    frequency: str | None
    imports: Sequence[Resource]  # the first is a full one, the others add to it

    def to_json(self) -> dict[str, Any]:
        """As a job's parameters have it."""
        types = [{"AttributeName": n, "AttributeType": t} for n, t in self.columns.types.items()]
        return {"schema": {"Attributes": types}, "folders": [each.folder for each in self.imports]}


@dataclass(frozen=True, slots=True)
class Content:
    """The tables of a group by their type."""

    domain: str
    tables: Mapping[str, Table]

    @property
    def target(self) -> Table:
        """What is forecast."""
        return self.tables[TARGET]

    @property
    def imports(self) -> list[str]:
        """The ARNs of all imports."""
        return [each.arn for table in self.tables.values() for each in table.imports]

    def to_json(self) -> dict[str, Any]:
        """As a job's parameters have it."""
        return {
            "domain": self.domain,
            "tables": {kind: table.to_json() for kind, table in self.tables.items()},
        }


def active_imports(context: Context, dataset: Resource) -> list[Resource]:
    """The newest full import and the incremental ones after it."""
    done = [each for each in context.database.children(dataset.arn) if each.status == ACTIVE]
    first = max(
        (k for k, each in enumerate(done) if each.request.get("ImportMode") != "INCREMENTAL"), default=0
    )
    return done[first:]


def content_of(context: Context, group: Resource) -> Content:
    """Raises InvalidInput where the target has no rows yet, ResourceInUse where an import is not finished."""
    tables: dict[str, Table] = {}
    for arn in group.request["DatasetArns"]:
        dataset = context.database.get(arn)
        if dataset is None:
            raise invalid_input(
                f"The dataset {arn} of the dataset group is deleted: update the group without it."
            )
        busy = next((each for each in context.database.children(arn) if each.status in RUNNING), None)
        if busy is not None:
            raise in_use(arn, f"{busy.arn} is importing into it")
        imports = active_imports(context, dataset)
        kind = dataset.request["DatasetType"]
        if imports:
            columns = columns_of(dataset.request["Domain"], kind, dataset.request["Schema"])
            tables[kind] = Table(columns, dataset.request.get("DataFrequency"), imports)
    if TARGET not in tables:
        raise invalid_input(f"The dataset group {group.arn} has no {TARGET} dataset with imported data.")
    return Content(
        group.request["Domain"], {k: tables[k] for k in (TARGET, RELATED, METADATA) if k in tables}
    )
