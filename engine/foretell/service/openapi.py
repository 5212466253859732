"""The description of the API in OpenAPI 3.1, completed: who may ask, what refusals look like, an example of everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from foretell.service.problems import MEDIA_TYPE

Json = dict[str, Any]
OPEN: Final = ("/healthz", "/readyz", "/v2", "/v2/health/live", "/v2/health/ready")  # without a key
_MEANING: Final = {
    "401": ("Unknown", "Who asks is not known: a key is missing, wrong or revoked."),
    "403": ("Forbidden", "The role is not enough, or the source is not allowed."),
    "404": ("Absent", "It is not there."),
    "406": ("NotWritten", "The Accept header wants what this cannot be written as."),
    "409": (
        "InTheWay",
        "Something else is not ready, or in use; or the Idempotency-Key came with another request.",
    ),
    "413": ("TooLarge", "The body is larger than the limit."),
    "415": ("NotThisKind", "The body has another content type."),
    "422": ("Invalid", "A value is wrong: `field` names it."),
    "429": ("TooMany", "More requests than the limit of a minute."),
    "503": ("Away", "The database does not answer, or it would take too long. Try again."),
}
_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "What is wrong (RFC 9457), in the library's own words.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence that says what to do."},
        "request_id": {"type": "string", "description": "By which the server's log has the request."},
        "field": {"type": "string", "description": "The part of the request that is at fault."},
        "errors": {
            "type": "array",
            "description": "All that is wrong with the body.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_BY_NAME: Final[Json] = {  # examples of members and parameters
    "id": "mdl_01m8cbxncsa4sdqfy26ypvf3k5",
    "identifier": "fc_01m8cbxncsa4sdqfy26ypvf3k5",
    "dataset": "ds_01m8cbxncsa4sdqfy26ypvf3k5",
    "dataset_id": "ds_01m8cbxncsa4sdqfy26ypvf3k5",
    "version": "dsv_01m8cbxncsa4sdqfy26ypvf3k5",
    "version_id": "dsv_01m8cbxncsa4sdqfy26ypvf3k5",
    "upload": "up_01m8cbxncsa4sdqfy26ypvf3k5",
    "model": "mdl_01m8cbxncsa4sdqfy26ypvf3k5",
    "model_id": "mdl_01m8cbxncsa4sdqfy26ypvf3k5",
    "from": "mdl_01m8cbxncsa4sdqfy26ypvf3k5",
    "from_model_id": None,
    "backtest": "bt_01m8cbxncsa4sdqfy26ypvf3k5",
    "backtest_id": None,
    "forecast": "fc_01m8cbxncsa4sdqfy26ypvf3k5",
    "forecast_id": "fc_01m8cbxncsa4sdqfy26ypvf3k5",
    "resource_id": "fc_01m8cbxncsa4sdqfy26ypvf3k5",
    "job": "job_01m8cbxncsa4sdqfy26ypvf3k5",
    "name": "shop",
    "state": "ACTIVE",
    "message": "",
    "created_at": "2026-11-26T15:00:00Z",
    "updated_at": "2026-11-26T15:00:40Z",
    "started_at": "2026-11-26T15:00:01Z",
    "finished_at": "2026-11-26T15:00:40Z",
    "created_by": "local",
    "work": "forecast",
    "kind": "forecasts",
    "progress": {"stage": "forecast", "done": 100, "total": 200},
    "result": {},
    "next": None,
    "token": "bW9kZWxzIG1kbF8wMW04Y2J4bmNzYTRzZHFmeTI2eXB2ZjNrNQ",
    "recipes": ["mqrnn", "ets"],
    "horizon": 28,
    "levels": [0.1, 0.5, 0.9],
    "Idempotency-Key": "import-2026-11-26",
    "comment": "a fair in town",
    "first": "2024-04-22",
    "last": "2024-04-28",
}
_LEFT_OUT: Final = {  # of examples of bodies: these members exclude others
    "Source": ("path", "connection", "query"),
    "OverrideIn": ("value",),
    "ReadingOptions": None,  # one is enough
}


def complete(app: FastAPI) -> Callable[[], Json]:
    """What `app.openapi` is to be: the description, made once."""

    def described() -> Json:
        if app.openapi_schema is None:
            found = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                routes=app.routes,
                openapi_version="3.1.0",
            )
            app.openapi_schema = _completed(found)
        return app.openapi_schema

    return described


def _completed(found: Json) -> Json:
    parts = found.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    for gone in ("HTTPValidationError", "ValidationError"):
        schemas.pop(gone, None)
    schemas["Problem"] = _PROBLEM
    from foretell.service.schemas.inline import PredictIn

    own = PredictIn.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(own.pop("$defs", {}))
    schemas["PredictIn"] = own
    parts["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "ftl_<id>_<secret>"}
    }
    parts["responses"] = {name: _response(status, text) for status, (name, text) in _MEANING.items()}
    for path, method, operation in operations(found):
        _describe(path, method, operation, schemas)
    return found


def operations(found: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    """Path, method and description of every operation."""
    for path, item in found["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield path, method, item[method]


def _describe(path: str, method: str, operation: Json, schemas: Json) -> None:
    text = operation.get("description", "").strip()
    if text:
        operation["summary"] = text.splitlines()[0].partition(". ")[0].rstrip(".")
    if path not in OPEN:
        operation["security"] = [{"key": []}, {}]
    answers = operation["responses"]
    for status in _refusals(path, method, operation):
        answers[status] = {"$ref": f"#/components/responses/{_MEANING[status][0]}"}
    for parameter in operation.get("parameters", ()):
        if "example" not in parameter and "examples" not in parameter:
            parameter["example"] = example_of(parameter["schema"], schemas, parameter["name"])
    for holder in (operation.get("requestBody", {}), *answers.values()):
        for kind, media in holder.get("content", {}).items():
            if (
                "example" not in media
                and "examples" not in media
                and kind in ("application/json", "text/plain")
            ):
                media["example"] = example_of(media.get("schema", {}), schemas, "")


def _refusals(path: str, method: str, operation: Json) -> list[str]:
    found = ["422", "503"] if path not in OPEN else ["503"]
    if path not in OPEN:
        found += ["401", "403", "429"]
    if "{" in path:
        found += ["404"]
    if "{" in path or method != "get":
        found += ["409"]
    if method != "get":
        found += ["413", "415"]
    if any(
        kind.startswith("application/vnd")
        for kind in operation["responses"].get("200", {}).get("content", {})
    ):
        found += ["406"]
    return found


def _response(status: str, text: str) -> Json:
    example = {"type": "about:blank", "title": _MEANING[status][0], "status": int(status), "detail": text}
    example["request_id"] = "5f0c1e6f2a9b7d34"
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema, "example": example}}}


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], name: str, depth: int = 0) -> Any:
    """A value that a schema allows: its own example, one by the member's `name`, or the simplest of its type."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        title = schema["$ref"].rpartition("/")[2]
        return _object(schemas[title], schemas, title, depth)
    choices = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if name in _BY_NAME and (
        _fits(schema, _BY_NAME[name]) or any(_fits(each, _BY_NAME[name]) for each in choices)
    ):
        return _BY_NAME[name]
    if choices:
        return example_of(choices[0], schemas, name, depth)
    if schema.get("type") == "object":
        return _object(schema, schemas, "", depth)
    if schema.get("type") == "array" and schema.get("default") is None:
        inner = schema.get("items") or (schema.get("prefixItems") or [{}])[0]
        return [] if depth > 6 else [example_of(inner, schemas, "", depth + 1)]
    return _simple(schema)


def _simple(schema: Mapping[str, Any]) -> Any:
    """A value without parts."""
    known = next((schema[name] for name in ("const", "default") if schema.get(name) is not None), None)
    if known is not None:
        return known
    if "enum" in schema:
        return schema["enum"][0]
    values = {
        "string": "2026-11-26T15:00:00Z" if schema.get("format") == "date-time" else "text",
        "integer": max(int(schema.get("minimum", 1)), 1),
        "number": 0.5 if schema.get("exclusiveMaximum") == 1 else 1.0,
        "boolean": True,
    }
    return values.get(str(schema.get("type")), {})


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any], title: str, depth: int) -> Any:
    if "properties" not in schema:
        return (
            {} if schema.get("type", "object") == "object" else example_of(schema, schemas, title, depth + 1)
        )
    left_out = _LEFT_OUT.get(title, ())
    names = [name for name in schema["properties"] if left_out is None or name not in left_out]
    if left_out is None:
        names = names[:1]
    needed = set(schema.get("required", ()))
    all_of_it = depth == 0 or title in _LEFT_OUT or not title.endswith("In")
    shown = [name for name in names if all_of_it or name in needed]
    return {name: example_of(schema["properties"][name], schemas, name, depth + 1) for name in shown}


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    kinds = {
        "string": str,
        "integer": int,
        "array": list,
        "object": dict,
        "number": float,
        "null": type(None),
    }
    return isinstance(value, kinds.get(str(schema.get("type")), ()))
