"""Knowledge bases over HTTP: ``/v1/knowledgebases``, scope ``kb:manage``.

Source: protocol of PyAI, "Cue" (paths, scope and the three statuses are PyAI's; what the bodies hold is not published,
so their shapes are ours, after PyAI's lists; ``POST .../search`` is ours altogether).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ...errors import service_error
from ...protocol.hear.wire import read_object
from ..auth import authorize
from ..limits import limited
from . import Hit, KnowledgeBase, StoredDocument
from .documents import MOST_BYTES
from .facade import Knowledge

__all__ = ["routes"]

_SCOPE = "kb:manage"
_FORM = 1 << 16
"""Bytes of a form beside its file."""
_WRITTEN = 2 << 20
"""Bytes of a document sent as JSON; a larger one comes as a form."""
_MOST_HITS = 20
_TEXT = "text/plain"


async def _create(request: Request) -> JSONResponse:
    organisation = authorize(request, _SCOPE).organisation
    fields = await _object(request, request.app.state.settings.max_body)
    return JSONResponse(_base(await _knowledge(request).create(organisation, _string(fields, "name"))), 201)


async def _list(request: Request) -> JSONResponse:
    organisation = authorize(request, _SCOPE).organisation
    return _page([_base(each) for each in await _knowledge(request).list(organisation)])


async def _get(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    found = await _knowledge(request).get(organisation, base)
    documents = await _knowledge(request).documents(organisation, base)
    return JSONResponse({**_base(found), "documents": [_document(each) for each in documents]})


async def _delete(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    await _knowledge(request).delete(organisation, base)
    return JSONResponse({"object": "knowledgebase", "id": base, "deleted": True})


async def _add(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    await _knowledge(request).get(organisation, base)  # before the upload, not after it
    with request.app.state.requests.take():
        sent = await (_uploaded(request) if _is_form(request) else _written(request))
        stored = await _knowledge(request).add(organisation, base, sent.name, sent.data, sent.media_type)
    return JSONResponse(_document(stored), 202)


async def _status(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    document = request.path_params["document_id"]
    return JSONResponse(_document(await _knowledge(request).status(organisation, base, document)))


async def _remove(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    document = request.path_params["document_id"]
    await _knowledge(request).remove(organisation, base, document)
    return JSONResponse({"object": "knowledgebase.document", "id": document, "deleted": True})


async def _search(request: Request) -> JSONResponse:
    organisation, base = _named(request)
    fields = await _object(request, request.app.state.settings.max_body)
    limit = int(_amount(fields, "limit", 3, 1, _MOST_HITS))
    least = _amount(fields, "min_score", 0.0, 0, 1)
    hits = await _knowledge(request).search(organisation, _string(fields, "query"), base, limit, least=least)
    return _page([_hit(each) for each in hits])


routes = [
    Route("/v1/knowledgebases", _list, methods=["GET"]),
    Route("/v1/knowledgebases", _create, methods=["POST"]),
    Route("/v1/knowledgebases/{base_id}", _get, methods=["GET"]),
    Route("/v1/knowledgebases/{base_id}", _delete, methods=["DELETE"]),
    Route("/v1/knowledgebases/{base_id}/documents", _add, methods=["POST"]),
    Route("/v1/knowledgebases/{base_id}/documents/{document_id}", _status, methods=["GET"]),
    Route("/v1/knowledgebases/{base_id}/documents/{document_id}", _remove, methods=["DELETE"]),
    Route("/v1/knowledgebases/{base_id}/search", _search, methods=["POST"]),
]
"""For Starlette."""


# -- what comes in --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sent:
    name: str
    data: bytes
    media_type: str


def _knowledge(request: Request) -> Knowledge:
    return request.app.state.knowledge


def _named(request: Request) -> tuple[str, str]:
    """Return whose request it is and which knowledge base it names."""
    return authorize(request, _SCOPE).organisation, request.path_params["base_id"]


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _uploaded(request: Request) -> _Sent:
    body = limited(request, MOST_BYTES + _FORM, "document_too_large")
    async with body.form(max_files=1, max_fields=8, max_part_size=_FORM) as form:
        file, name = form.get("file"), form.get("name")
        if not isinstance(file, UploadFile):
            raise service_error(
                "file: send the document as multipart/form-data, part name file", code="invalid_request"
            )
        named = name if isinstance(name, str) and name else file.filename or ""
        return _Sent(named, await file.read(), file.content_type or "")


async def _written(request: Request) -> _Sent:
    fields = await _object(request, _WRITTEN, "document_too_large")
    data = _string(fields, "text").encode("utf-8", "replace")
    return _Sent(_string(fields, "name"), data, _string(fields, "media_type", _TEXT))


async def _object(request: Request, limit: int, code: str = "payload_too_large") -> dict[str, Any]:
    fields = read_object((await limited(request, limit, code).body()).decode("utf-8", "replace"))
    if fields is None:
        raise service_error("Expected a JSON object", code="invalid_request")
    return fields


def _string(fields: dict[str, Any], name: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise service_error(f"{name}: expected a text", code="invalid_request")
    return value


def _amount(fields: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise service_error(f"{name}: expected {least:g} to {most:g}", code="invalid_request")
    return value


# -- what goes out --------------------------------------------------------------------------------


def _page(entries: Sequence[dict[str, Any]]) -> JSONResponse:
    return JSONResponse({"object": "list", "data": entries, "has_more": False, "next_cursor": None})


def _base(base: KnowledgeBase) -> dict[str, Any]:
    return {
        "object": "knowledgebase",
        "id": base.id,
        "name": base.name,
        "created_at": base.created_at,
        "document_count": base.documents,
        "chunk_count": base.chunks,
    }


def _document(document: StoredDocument) -> dict[str, Any]:
    return {
        "object": "knowledgebase.document",
        "id": document.id,
        "knowledgebase_id": document.knowledge_base,
        "name": document.name,
        "media_type": document.media_type,
        "size": document.size,
        "status": document.status,
        "reason": document.reason or None,
        "chunk_count": document.chunks,
        "created_at": document.created_at,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "content": hit.content,
        "score": hit.score,
        "document_id": hit.document,
        "knowledgebase_id": hit.knowledge_base,
        "name": hit.name,
    }
