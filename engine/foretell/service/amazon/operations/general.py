"""Calls that are alike for all kinds of resources: Describe, List, Delete, Stop, Resume, tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from foretell.service.amazon.arns import Kind
from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import in_use, invalid_input
from foretell.service.amazon.filters import parsed_filters
from foretell.service.amazon.operations import (
    datasets,
    explainability,
    forecasts,
    monitors,
    predictors,
    whatif,
)
from foretell.service.amazon.paging import DEFAULT_SIZE, position_of, token_of
from foretell.service.amazon.store import ACTIVE, RUNNING, Resource
from foretell.service.amazon.tags import listed_tags, merged_tags, new_tags
from foretell.service.amazon.views import NAMED, Extras, Named, view

Handler = Callable[[Context, Mapping[str, Any]], dict[str, Any] | None]

_EXTRAS: Final[Mapping[str, Extras]] = {
    "dataset": datasets.dataset_extras,
    "dataset-import-job": datasets.import_extras,
    "predictor": predictors.predictor_extras,
    "forecast": forecasts.forecast_extras,
    "explainability": explainability.explainability_extras,
    "what-if-analysis": whatif.running_extras,
    "what-if-forecast": whatif.running_extras,
    "what-if-forecast-export": whatif.running_extras,
    "monitor": monitors.monitor_extras,
}
_SUMMARY_EXTRAS: Final[Mapping[str, Extras]] = {
    "dataset-import-job": datasets.import_summary_extras,
    "predictor": predictors.predictor_summary_extras,
    "forecast": forecasts.forecast_summary_extras,
}
_STOPPABLE: Final[tuple[Kind, ...]] = (
    "dataset-import-job",
    "predictor",
    "predictor-backtest-export-job",
    "forecast",
    "forecast-export-job",
    "explainability",
    "explainability-export",
    "monitor",
)
# Of these DeleteResourceTree takes all below: their children are found by their parent.
_TREES: Final[tuple[Kind, ...]] = (
    "dataset",
    "dataset-group",
    "dataset-import-job",
    "predictor",
    "predictor-backtest-export-job",
    "forecast",
    "forecast-export-job",
    "explainability",
    "explainability-export",
    "what-if-analysis",
    "what-if-forecast",
    "what-if-forecast-export",
    "monitor",
)


def _describe(named: Named, call: str, *, automatic: bool | None = None) -> Handler:
    def handler(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
        found = context.find(request[named.arn], named.kind)
        if automatic is not None and found.request["Automatic"] != automatic:
            other = "DescribePredictor" if automatic else "DescribeAutoPredictor"
            raise invalid_input(f"The predictor {found.arn} was not made for this operation: use {other}.")
        return view(context, found, f"{call}Response", named, call=call, extras=_EXTRAS.get(named.kind))

    return handler


def _list(named: Named) -> Handler:
    call, extras = named.list_call, _SUMMARY_EXTRAS.get(named.kind)

    def handler(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
        page = context.database.page(
            named.kind,
            context.place.region,
            parsed_filters(call, request.get("Filters", [])),
            after=position_of(context, call, request),
            size=request.get("MaxResults", DEFAULT_SIZE),
        )
        found = [view(context, each, named.summary, named, call=call, extras=extras) for each in page.found]
        answer: dict[str, Any] = {named.plural: found}
        if page.position is not None:
            answer["NextToken"] = token_of(context, call, request, page.position)
        return answer

    return handler


def _delete(named: Named) -> Handler:
    def handler(context: Context, request: Mapping[str, Any]) -> None:
        found = context.find(request[named.arn], named.kind)
        if found.status in RUNNING:
            raise in_use(found.arn, f"its status is {found.status}; stop it first, or wait")
        children = context.database.children(found.arn)
        busy = next((each for each in children if each.made_by != found.arn or each.status in RUNNING), None)
        if busy is not None:
            raise in_use(
                found.arn, f"{busy.arn} was made from it; delete that first, or use DeleteResourceTree"
            )
        for child in children:
            context.remove(child)
        context.remove(found)

    return handler


def delete_tree(context: Context, request: Mapping[str, Any]) -> None:
    """DeleteResourceTree: the resource and all that was made from it; what is running is stopped."""
    found = context.find(request["ResourceArn"], *_TREES)
    for each in [*_below(context, found)][::-1]:
        if each.status in RUNNING and each.job is not None:
            context.database.cancel(each.job)
        context.remove(each)


def _below(context: Context, resource: Resource) -> Iterator[Resource]:
    yield resource
    for child in context.database.children(resource.arn):
        yield from _below(context, child)


def stop(context: Context, request: Mapping[str, Any]) -> None:
    """StopResource, also of what is made from it."""
    found = context.find(request["ResourceArn"])
    if found.kind not in _STOPPABLE:
        raise invalid_input(f"A {found.kind} cannot be stopped.")
    if found.kind == "monitor":
        context.database.change(found.arn, state=monitors.STOPPED)
        return
    if found.status == ACTIVE or found.status == "CREATE_FAILED":
        raise invalid_input(f"The resource {found.arn} cannot be stopped: its status is {found.status}.")
    for each in _below(context, found):
        if each.status in RUNNING and each.job is not None:
            context.database.cancel(each.job)


def resume(context: Context, request: Mapping[str, Any]) -> None:
    """ResumeResource: of a stopped monitor."""
    found = context.find(request["ResourceArn"])
    if found.kind != "monitor":
        raise invalid_input(f"Only a monitor can be resumed, and this is a {found.kind}.")
    if found.status != monitors.STOPPED:
        raise invalid_input(f"The monitor {found.arn} is not stopped: its status is {found.status}.")
    context.database.change(found.arn, state=ACTIVE)


def list_tags(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """ListTagsForResource."""
    found = context.find(request["ResourceArn"])
    return {"Tags": listed_tags(context.database.tags(found.arn))}


def tag(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """TagResource."""
    found = context.find(request["ResourceArn"])
    new = new_tags(request["Tags"])
    merged_tags(context.database.tags(found.arn), new, context.installation.quotas.tags)
    context.database.set_tags(found.arn, new)
    return {}


def untag(context: Context, request: Mapping[str, Any]) -> dict[str, Any]:
    """UntagResource; keys that are not there are no error."""
    found = context.find(request["ResourceArn"])
    context.database.drop_tags(found.arn, request["TagKeys"])
    return {}


OPERATIONS: Final[Mapping[str, Handler]] = {
    **{f"Describe{named.noun}": _describe(named, f"Describe{named.noun}") for named in NAMED.values()},
    "DescribePredictor": _describe(NAMED["predictor"], "DescribePredictor", automatic=False),
    "DescribeAutoPredictor": _describe(NAMED["predictor"], "DescribeAutoPredictor", automatic=True),
    **{named.list_call: _list(named) for named in NAMED.values()},
    **{f"Delete{named.noun}": _delete(named) for named in NAMED.values()},
    "DeleteResourceTree": delete_tree,
    "StopResource": stop,
    "ResumeResource": resume,
    "ListTagsForResource": list_tags,
    "TagResource": tag,
    "UntagResource": untag,
}
