"""All routes of the page: its screens, and the files that these load."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, RedirectResponse

import foretell.reporting
from foretell.service.page.screens import (
    backtests,
    data,
    groups,
    item,
    items,
    jobs,
    monitor,
    overrides,
    session,
    whatif,
    why,
)
from foretell.service.refusals import Absent

router = APIRouter(include_in_schema=False)
_STATIC: Final = {
    "page.css": Path(__file__).parent / "static/page.css",
    "icon.svg": Path(__file__).parent / "static/icon.svg",
    "page.js": Path(__file__).parent / "static/page.js",
    "report.css": Path(foretell.reporting.__file__).with_name("report.css"),
}


@router.get("/")
def start() -> RedirectResponse:
    """The first screen."""
    return RedirectResponse("/data", 303)


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A style or the script; raises Absent for any other file."""
    if name not in _STATIC:
        raise Absent("there is no such file")
    return FileResponse(_STATIC[name], headers={"cache-control": "private, max-age=300"})


for _screen in (session, data, jobs, backtests, items, item, groups, whatif, why, monitor, overrides):
    router.include_router(_screen.router)
