"""The description of everything that is asked over HTTP: ``/openapi.json``, OpenAPI 3.1.

Made of the operations themselves, and of what is said here about the ones that are served by routes of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse

from .._version import __version__
from .described import DESCRIBED
from .operations import Operation
from .refusals import is_control_plane
from .resources import OPERATIONS

__all__ = ["document", "openapi"]

_Mode = Literal["validation", "serialization"]
_Models = Mapping[tuple[Any, Any], dict[str, Any]]
"""A model and a mode -> a reference to its schema."""

_REFS = "#/components/schemas/{model}"
_INFO = {
    "title": "PyAI, local server",
    "version": __version__,
    "description": "PyAI's endpoints with local engines. Streams (WebSocket) are not described here: "
    "/v1/audio/transcriptions/stream, /v1/omni, /v1/realtime, /v1/amd/stream.",
}


class ErrorDetail(BaseModel):
    """What is wrong, as OpenAI says it."""

    message: str
    type: str
    code: str
    param: str | None


class ErrorBody(BaseModel):
    """A refusal of the data plane."""

    error: ErrorDetail


class Problem(BaseModel):
    """A refusal of the control plane (RFC 7807); the last word of ``type`` is its code."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


async def openapi(request: Request) -> JSONResponse:
    """Serve ``GET /openapi.json``, which needs no key."""
    return JSONResponse(document())


@cache
def document() -> dict[str, Any]:
    """Return the whole description."""
    operations = [*OPERATIONS, *DESCRIBED]
    models, schemas = _schemas(operations)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, models)
    return {
        "openapi": "3.1.0",
        "info": _INFO,
        "security": [{"apiKey": []}, {"xApiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "apiKey": {"type": "http", "scheme": "bearer"},
                "xApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
    }


def _schemas(operations: Iterable[Operation]) -> tuple[_Models, dict[str, Any]]:
    wanted: dict[tuple[type[BaseModel], _Mode], None] = {
        (ErrorBody, "serialization"): None,
        (Problem, "serialization"): None,
    }
    for each in operations:
        wanted |= {(model, "validation"): None for model in (each.body, each.form) if model}
        wanted |= {(model, "serialization"): None for model in (each.answer,) if model}
    models, definitions = models_json_schema(list(wanted), ref_template=_REFS)
    return models, definitions["$defs"]


def _operation(operation: Operation, models: _Models) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{operation.method.lower()}{operation.path}").strip("_"),
        "tags": [operation.path.split("/")[2]],
        "parameters": [*_path(operation), *_query(operation), *_headers(operation)],
        "responses": _responses(operation, models),
    }
    if operation.scope:
        described["description"] = f"Scope `{operation.scope}`."
    if operation.public:
        described["security"] = []
    if content := _request(operation, models):
        described["requestBody"] = {"required": _is_needed(operation), "content": content}
    return described


def _path(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query(operation: Operation) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema()
    return [
        {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": _without_null(field)}
        for name, field in schema["properties"].items()
    ]


def _without_null(field: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter: it is there or it is not, but it cannot be null."""
    kept = [each for each in field.get("anyOf", ()) if each != {"type": "null"}]
    return kept[0] if len(kept) == 1 else {name: value for name, value in field.items() if name != "title"}


def _headers(operation: Operation) -> list[dict[str, Any]]:
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    return [{"name": name, "in": "header", "schema": schema} for name in operation.headers]


def _is_needed(operation: Operation) -> bool:
    fields = operation.body.model_fields.values() if operation.body else ()
    return operation.file != "" or any(field.is_required() for field in fields)


def _request(operation: Operation, models: _Models) -> dict[str, Any]:
    content: dict[str, Any] = {}
    if operation.body is not None:
        content["application/json"] = {"schema": models[operation.body, "validation"]}
    if operation.file:
        file = {
            "type": "object",
            "properties": {operation.file: {"type": "string", "format": "binary"}},
            "required": [operation.file],
        }
        fields = [models[operation.form, "validation"]] if operation.form else []
        content["multipart/form-data"] = {"schema": {"allOf": [file, *fields]}}
    return content


def _responses(operation: Operation, models: _Models) -> dict[str, Any]:
    good: dict[str, Any] = {"description": "Done"}
    if operation.answer is not None:
        good["content"] = {"application/json": {"schema": models[operation.answer, "serialization"]}}
    elif operation.content:
        good["content"] = {operation.content: {}}
    refusal, kind = (Problem, "problem+json") if is_control_plane(operation.path) else (ErrorBody, "json")
    refused = {
        "description": "Refused",
        "content": {f"application/{kind}": {"schema": models[refusal, "serialization"]}},
    }
    return {str(operation.status): good, "4XX": refused, "5XX": refused}
