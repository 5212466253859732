"""Templates to pages: everything is escaped, numbers and times are spelt as the reports do it."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from foretell.reporting import numbers
from foretell.service.asking import server_of
from foretell.service.auth import ROLES, Who
from foretell.service.sessions import COOKIE
from foretell.system.plain_text import printable

_STATES: Final = {
    "CREATE_PENDING": "waiting",
    "CREATE_IN_PROGRESS": "working",
    "ACTIVE": "ready",
    "CREATE_FAILED": "failed",
    "CREATE_STOPPING": "stopping",
    "CREATE_STOPPED": "cancelled",
    "DELETE_PENDING": "being deleted",
    "DELETE_IN_PROGRESS": "being deleted",
    "DELETE_FAILED": "not deleted",
    "DELETED": "deleted",
}


_STEPS: Final = {
    "h": "by hour",
    "D": "by day",
    "B": "by working day",
    "W": "by week",
    "M": "by month",
    "Q": "by quarter",
    "Y": "by year",
}


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; `values` are what its template names."""
    who: Who | None = getattr(request.state, "who", None)
    cookie = request.cookies.get(COOKIE)
    token = "" if cookie is None else server_of(request).sessions.form_token(cookie)
    common = {"who": who, "token": token, "here": request.url.path, "may": _may(who)}
    text = _environment().get_template(template).render(**common, **values)
    return HTMLResponse(text, status)


def _may(who: Who | None) -> Mapping[str, bool]:
    """Which roles the one who asks has."""
    rank = -1 if who is None else ROLES.index(who.role)
    return {role: rank >= k for k, role in enumerate(ROLES)}


@cache
def _environment() -> Environment:
    from foretell.service.page.screens import SCREENS

    made = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {"screens": SCREENS, "query": query, "bar": bar}
    made.filters |= {
        "units": _number(numbers.units),
        "signed_units": _number(numbers.signed_units),
        "percent": _number(numbers.percent),
        "signed_percent": _number(numbers.signed_percent),
        "seconds": _number(numbers.seconds),
        "ratio": _number(numbers.fixed(4)),
        "fixed2": _number(numbers.fixed(2)),
        "day": day,
        "ago": ago,
        "state": lambda state: _STATES.get(state, state),
        "plain": numbers.plain,
        "short": numbers.short,
        "step": lambda alias: _STEPS.get(alias, alias),
    }
    made.filters["named"] = lambda kind, value: made.filters[kind](value)
    return made


def _safe(value: Any) -> Any:
    """Texts with control characters spelt out; HTML of our own as it is."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)


def _number(write: Any) -> Any:
    def written(value: Any) -> str:
        if value is None or not math.isfinite(value):
            return numbers.ABSENT
        return str(write(float(value)))

    return written


def query(**values: Any) -> str:
    """A query of an address; what is None or empty is left out, a list is repeated."""
    told = {name: value for name, value in values.items() if value not in (None, "", [], ())}
    return "?" + urlencode(told, doseq=True) if told else "?"


def bar(share: float, kind: str = "") -> Markup:
    """A bar of a share of 1, as SVG."""
    width = 100 * min(max(share, 0.0), 1.0) if math.isfinite(share) else 0.0
    return Markup(
        '<svg class="meter {}" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="whole" width="100" height="8"/><rect class="part" width="{:.1f}" height="8"/></svg>'
    ).format(kind, width)


def day(seconds: float) -> str:
    """A time of the database: 26 Nov 2026, 14:05 UTC."""
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def ago(seconds: float) -> str:
    """How long ago a time of the database is: 5 minutes ago."""
    past = max(time.time() - seconds, 0.0)
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if past >= size:
            return numbers.count(int(past / size), word) + " ago"
    return "just now"
