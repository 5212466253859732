"""Dataset groups, datasets and their imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foretell.service.amazon.content import active_imports
from foretell.service.amazon.context import Context
from foretell.service.amazon.creating import check_free, create
from foretell.service.amazon.errors import in_use, invalid_input
from foretell.service.amazon.imports import DEFAULT_FORMAT, check_import
from foretell.service.amazon.operations.monitors import monitors_of
from foretell.service.amazon.schemas import METADATA, RELATED, check_schema, columns_of, frequency_alias
from foretell.service.amazon.store import ACTIVE, RUNNING, Resource


def create_dataset(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDataset."""
    kind = request["DatasetType"]
    check_schema(request["Domain"], kind, request["Schema"])
    frequency = request.get("DataFrequency")
    if frequency is None and kind == RELATED:
        raise invalid_input("DataFrequency is required for a RELATED_TIME_SERIES dataset.")
    if frequency is not None and kind == METADATA:
        raise invalid_input("DataFrequency is not allowed for an ITEM_METADATA dataset.")
    if frequency is not None:
        frequency_alias(frequency)
    return {"DatasetArn": create(context, "dataset", request["DatasetName"], request).arn}


def create_dataset_group(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDatasetGroup."""
    arns = request.get("DatasetArns", [])
    _check_members(context, request["Domain"], arns)
    kept = {**request, "DatasetArns": arns}
    return {"DatasetGroupArn": create(context, "dataset-group", request["DatasetGroupName"], kept).arn}


def update_dataset_group(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """UpdateDatasetGroup."""
    group = context.find(request["DatasetGroupArn"], "dataset-group")
    _check_members(context, group.request["Domain"], request["DatasetArns"])
    context.database.change(group.arn, request={**group.request, "DatasetArns": request["DatasetArns"]})
    return {}


def _check_members(context: Context, domain: str, arns: Sequence[str]) -> None:
    """Raises InvalidInput for datasets of another domain, two of one type, or too many; ResourceNotFound for one that is not there."""
    most = context.installation.quotas.datasets_in_group
    if len(set(arns)) < len(arns):
        raise invalid_input("DatasetArns must be unique.")
    types: dict[str, str] = {}
    for arn in arns:
        dataset = context.find(arn, "dataset")
        if dataset.request["Domain"] != domain:
            raise invalid_input(
                f"The dataset {arn} is of the domain {dataset.request['Domain']}, the group of {domain}."
            )
        kind = dataset.request["DatasetType"]
        if kind in types:
            raise invalid_input(
                f"A dataset group has at most one dataset of type {kind}: {types[kind]} and {arn}."
            )
        types[kind] = arn
    if len(arns) > most:
        raise invalid_input(f"A dataset group has at most {most} datasets.")


def create_import(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """CreateDatasetImportJob."""
    dataset = context.find(request["DatasetArn"], "dataset")
    columns = columns_of(dataset.request["Domain"], dataset.request["DatasetType"], dataset.request["Schema"])
    check_import(request, columns, dataset.request.get("DataFrequency"))
    url = context.check_path(request["DataSource"])
    check_free(context, "dataset-import-job", request["DatasetImportJobName"], parent=dataset)
    busy = next((each for each in context.database.children(dataset.arn) if each.status in RUNNING), None)
    if busy is not None:
        raise in_use(dataset.arn, f"{busy.arn} is importing into it")
    parameters = {
        "url": url,
        "domain": dataset.request["Domain"],
        "type": dataset.request["DatasetType"],
        "schema": dataset.request["Schema"],
        "format": request.get("Format", "CSV"),
        "timestamp_format": request.get("TimestampFormat", DEFAULT_FORMAT),
        "arn": context.place.arn("dataset-import-job", request["DatasetImportJobName"], parent=dataset.name),
        "before": _before(context, dataset, request),
        "monitors": monitors_of(context, dataset),
    }
    name, job = request["DatasetImportJobName"], ("amazon-import", parameters)
    made = create(context, "dataset-import-job", name, request, parent=dataset, job=job)
    return {"DatasetImportJobArn": made.arn}


def _before(context: Context, dataset: Resource, request: Mapping[str, Any]) -> list[str]:
    """The folders of the imports that this one adds to."""
    adding = request.get("ImportMode") == "INCREMENTAL"
    return [each.folder for each in active_imports(context, dataset)] if adding else []


def dataset_extras(context: Context, dataset: Resource) -> dict[str, Any]:
    """A dataset's status mirrors its newest import."""
    imports = context.database.children(dataset.arn)
    if not imports:
        return {}
    last = imports[-1]
    modified = max(dataset.modified, last.modified)
    if last.status == ACTIVE or last.status == "CREATE_STOPPED":
        return {"LastModificationTime": modified}
    state = last.status.replace("CREATE_STOPPING", "CREATE_IN_PROGRESS").replace("CREATE", "UPDATE")
    return {"Status": state, "LastModificationTime": modified}


def import_extras(context: Context, job: Resource) -> dict[str, Any]:
    """Statistics and size of what was imported, and the defaults of what was not said."""
    result = context.result(job) if job.status == ACTIVE else {}
    found: dict[str, Any] = {
        "Format": job.request.get("Format", "CSV"),
        "ImportMode": job.request.get("ImportMode", "FULL"),
        "UseGeolocationForTimeZone": job.request.get("UseGeolocationForTimeZone", False),
        "FieldStatistics": result.get("statistics"),
        "DataSize": result.get("gigabytes"),
    }
    if job.status in RUNNING:
        found["EstimatedTimeRemainingInMinutes"] = 1
    return found


def import_summary_extras(_: Context, job: Resource) -> dict[str, Any]:
    """What a list says of an import."""
    return {"ImportMode": job.request.get("ImportMode", "FULL")}


OPERATIONS: Final = {
    "CreateDataset": create_dataset,
    "CreateDatasetGroup": create_dataset_group,
    "UpdateDatasetGroup": update_dataset_group,
    "CreateDatasetImportJob": create_import,
}
