"""What every resource does: ask, read the answer, and say what is not there.

Above: every file of :mod:`pyai_voice.rest`. Below: :mod:`pyai_voice.http`. Addresses are written as the service's own
documents write them, ``/agents/{agent_id}``; an id becomes one quoted segment.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import quote

from ..errors import ConfigurationError, NotDeployed, ProtocolError, RequestError
from ..exchange import NOT_PYAI, Answer
from ..http import HttpClient
from .pages import Pages
from .record import Record, parse
from .upload import Recording, upload

__all__ = ["Resource", "address"]

Kind = TypeVar("Kind", bound=Record)
Query = Mapping[str, "str | int | float | bool | None"]

_LISTS = ("data", "voices", "voice_profiles")
_MOST_IN_A_PAGE = 100
_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


class Resource:
    """One part of the service. Reads are tried again within the client's window, writes never."""

    feature: ClassVar[str]
    """How :class:`~pyai_voice.provider.Provider` calls it."""
    remedy: ClassVar[str] = "The service does not offer this endpoint, or not to this account; check base_url as well"
    """What can be done where it is not deployed."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._provider = http.endpoint.provider

    async def _read(self, kind: type[Kind], template: str, query: Query | None = None, **ids: str) -> Kind:
        answer = await self._get(template, query or {}, ids)
        return parse(kind, answer.json(), answer)

    def _list(
        self,
        kind: type[Kind],
        template: str,
        query: Query | None = None,
        *,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[Kind]:
        if limit is not None and not 1 <= limit <= _MOST_IN_A_PAGE:
            raise ConfigurationError(f"limit: {limit} is not within 1 to {_MOST_IN_A_PAGE}", code="invalid_option")
        fixed = {**(query or {}), "limit": limit}

        async def fetch(cursor: str | None) -> tuple[list[Kind], str | None]:
            answer = await self._get(template, {**fixed, "cursor": cursor}, {})
            page = answer.json()
            return [parse(kind, item, answer) for item in _items(page, answer)], _next_cursor(page)

        return Pages(fetch, cursor)

    async def _send(
        self,
        kind: type[Kind],
        method: str,
        template: str,
        body: object,
        *,
        idempotency_key: str | None = None,
        **ids: str,
    ) -> Kind:
        answer = await self._write(method, template, body, ids, _checked(idempotency_key))
        return parse(kind, answer.json(), answer)

    async def _upload(
        self,
        kind: type[Kind],
        template: str,
        fields: Mapping[str, str],
        part: str,
        audio: tuple[Recording, int | None],
        timeout: float,
    ) -> Kind:
        self._provider.require(self.feature)
        file = await asyncio.to_thread(upload, *audio)
        answer = await self._deployed(self._http.upload(template, fields, part, file, timeout), named=False)
        return parse(kind, answer.json(), answer)

    async def _change(self, method: str, template: str, body: object, **ids: str) -> None:
        """Send something whose answer may be empty."""
        await self._write(method, template, body, ids)

    async def _delete(self, template: str, **ids: str) -> None:
        await self._change("DELETE", template, None, **ids)

    async def _get(self, template: str, query: Query, ids: Mapping[str, str]) -> Answer:
        self._provider.require(self.feature)
        return await self._deployed(self._http.get(address(template, **ids), _written(query)), bool(ids))

    async def _write(
        self, method: str, template: str, body: object, ids: Mapping[str, str], idempotency_key: str = ""
    ) -> Answer:
        self._provider.require(self.feature)
        asking = self._http.send(method, address(template, **ids), body, idempotency_key)
        return await self._deployed(asking, bool(ids))

    async def _deployed(self, asking: Awaitable[Answer], named: bool) -> Answer:
        """Return the answer. Without an id in the address nothing but the endpoint itself can be missing."""
        try:
            return await asking
        except RequestError as error:
            refusal = error
        if refusal.status == 404 and (isinstance(refusal, NotDeployed) or not named):
            raise NotDeployed(
                refusal.message,
                code=refusal.code,
                status=404,
                hint=self.remedy,
                request_id=refusal.request_id,
            )
        raise refusal


def address(template: str, **ids: str) -> str:
    """Return a path with its ids, each as one segment. Raises ConfigurationError for what is no id."""
    return template.format_map({name: _segment(name, value) for name, value in ids.items()})


def _segment(name: str, value: str) -> str:
    if value not in ("", ".", ".."):
        try:
            return quote(value, safe="")
        except UnicodeEncodeError:  # half a surrogate pair
            pass
    raise ConfigurationError(f"{name}: {value!r} is not an id", code="invalid_option")


def _written(query: Query) -> dict[str, str]:
    """Return a query as the service reads it; what is None or empty is left out."""
    words = {True: "true", False: "false"}
    return {
        name: words[value] if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value not in (None, "")
    }


def _checked(idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return ""
    if not _IDEMPOTENCY_KEY.fullmatch(idempotency_key):
        raise ConfigurationError(
            "idempotency_key: expected 1 to 255 printable ASCII characters without spaces", code="invalid_option"
        )
    return idempotency_key


def _items(page: object, answer: Answer) -> list[object]:
    """Return the items of a list, bare or in a page. Raises ProtocolError for anything else."""
    found: object = page
    if isinstance(page, dict):
        fields = cast("dict[str, object]", page)
        found = next((fields[name] for name in _LISTS if name in fields), None)
    if not isinstance(found, list):
        raise ProtocolError("The server sent no list", hint=NOT_PYAI, request_id=answer.request_id)
    return cast("list[object]", found)


def _next_cursor(page: Any) -> str | None:
    if not isinstance(page, dict):
        return None
    fields = cast("dict[str, object]", page)
    cursor = fields.get("next_cursor")
    return cursor if isinstance(cursor, str) and cursor and fields.get("has_more") is not False else None
