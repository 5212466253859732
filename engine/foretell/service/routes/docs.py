"""GET /docs: the API on a page, made by the server, without a script or a foreign host."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from foretell.service.openapi import operations

router = APIRouter(include_in_schema=False)
_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b; background: #fff; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { background: #f3f4f6; padding: .75rem; overflow-x: auto; }
summary { cursor: pointer; padding: .35rem 0; }
section { border-top: 1px solid #ccc; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; text-transform: uppercase; }
"""


@router.get("/docs.css")
async def style() -> Response:
    """How the page looks."""
    return Response(_STYLE, media_type="text/css", headers={"cache-control": "max-age=3600"})


@router.get("/docs", response_class=HTMLResponse)
async def docs(request: Request) -> str:
    """The page."""
    found = request.app.openapi()
    groups: dict[str, list[str]] = {}
    for path, method, operation in operations(found):
        group = (operation.get("tags") or ["other"])[0]
        groups.setdefault(group, []).append(_operation(path, method, operation, found["components"]))
    title = _text(f"{found['info']['title']} {found['info']['version']}")
    body = "".join(
        f"<section><h2>{_text(name)}</h2>{''.join(each)}</section>" for name, each in groups.items()
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API of {title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/docs.css"></head>'
        f'<body><main><h1>API of {title}</h1><p>For programs: <a href="/openapi.json">openapi.json</a></p>'
        f"{body}</main></body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any], components: dict[str, Any]) -> str:
    parts = [f"<p>{_text(operation.get('description', ''))}</p>"]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<li><code>{_text(each['name'])}</code> ({_text(each['in'])}) {_text(each.get('description', ''))}</li>"
            for each in parameters
        )
        parts.append(f"<h3>Parameters</h3><ul>{rows}</ul>")
    for media in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in media:
            parts.append(f"<h3>Body</h3>{_shown(media['example'])}")
    for status, answer in operation["responses"].items():
        if "$ref" in answer:
            answer = components["responses"][answer["$ref"].rpartition("/")[2]]
        parts.append(f"<h3>{_text(status)}</h3><p>{_text(answer.get('description', ''))}</p>")
        if status.startswith("2"):
            found = [each["example"] for each in answer.get("content", {}).values() if "example" in each]
            parts += [_shown(each) for each in found[:1]]
    head = f'<span class="method">{_text(method)}</span> <code>{_text(path)}</code> {_text(operation["summary"])}'
    return f"<details><summary>{head}</summary>{''.join(parts)}</details>"


def _shown(example: Any) -> str:
    text = example if isinstance(example, str) else json.dumps(example, indent=2)
    return f"<pre><code>{_text(text)}</code></pre>"


def _text(value: object) -> str:
    """As HTML, by the one function that makes it; a server that starts loads no pandas, which that one's module does."""
    from foretell.reporting.html_blocks import text_of

    return text_of(value)
