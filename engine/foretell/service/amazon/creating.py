"""The one way in which a resource comes to be: name, quota, job, row, tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from foretell.service.amazon.arns import UNDER_PARENT, Kind, tail
from foretell.service.amazon.context import Context
from foretell.service.amazon.errors import already_exists
from foretell.service.amazon.store import New, Resource
from foretell.service.amazon.tags import new_tags

_ELSEWHERE: Final = ("Tags",)  # members of a request that are kept in a table of their own


@dataclass(frozen=True, slots=True)
class Maker:
    """The resource whose creation makes another one too, in a folder that its job knows."""

    arn: str
    folder: str
    job: str | None = None  # that makes both


def create(  # noqa: PLR0913  (each is a fact of the new resource)
    context: Context,
    kind: Kind,
    name: str,
    request: Mapping[str, Any],
    *,
    parent: Resource | None = None,
    group: str | None = None,
    job: tuple[str, Mapping[str, Any]] | None = None,
    suffix: bool = False,
    made_by: Maker | None = None,
) -> New:
    """Add a resource, with the job that makes it: its kind and its parameters; or one that another's job makes too.

    Raises ResourceAlreadyExists for a name that is taken, LimitExceeded where a quota is used up.
    """
    stem = _stem(parent)
    check_free(context, kind, name, parent=parent)
    arn = context.place.arn(kind, name, parent=stem, suffix=suffix)
    context.check_room(kind)
    new = New(
        arn=arn,
        kind=kind,
        region=context.place.region,
        name=name,
        request={member: value for member, value in request.items() if member not in _ELSEWHERE},
        parent=None if parent is None else parent.arn,
        dataset_group=group,
        tags=new_tags(request.get("Tags", [])),
    )
    if made_by is not None:
        new = replace(new, made_by=made_by.arn, job=made_by.job, folder=made_by.folder)
    if job is not None:
        context.check_running()
        what, parameters = job
        new = replace(new, job=context.database.submit(what, {"folder": new.folder, **parameters}))
    context.database.add(new)
    return new


def check_free(context: Context, kind: Kind, name: str, *, parent: Resource | None = None) -> None:
    """Raises ResourceAlreadyExists for a name that is taken: by any of the kind, or under `parent` where names stand under one.

    A script that is run again meets this first, whatever the state of what its first run made.
    """
    arn = context.place.arn(kind, name, parent=_stem(parent))
    taken = context.database.get(arn) or (None if kind in UNDER_PARENT else _named(context, kind, name))
    if taken is not None:
        raise already_exists(taken.arn)


def _named(context: Context, kind: Kind, name: str) -> Resource | None:
    return context.database.named(kind, context.place.region, name)


def _stem(parent: Resource | None) -> str | None:
    return None if parent is None else tail(parent.arn)
