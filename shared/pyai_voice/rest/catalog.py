"""What the service offers, and who we are: voices, models, account.

Source: protocol of PyAI, section "Other REST". Unknown fields are ignored, absent ones are empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote

from ..errors import ConfigurationError, ProtocolError
from ..exchange import NOT_PYAI
from ..http import Answer, HttpClient

__all__ = ["Account", "CatalogRequests", "Model", "Voice"]

_MOST_PAGES = 50
_LISTS = ("data", "voices", "voice_profiles")


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice of the catalogue."""

    voice_id: str
    """What goes into ``SpeakOptions.voice``."""
    name: str
    gender: str = ""
    """F or M."""
    language: str = ""
    """ISO 639-1 code."""
    region: str = ""
    age: str = ""
    tone: str = ""
    bio: str = ""
    """What it sounds like."""
    preview_url: str = ""


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the catalogue."""

    id: str
    capabilities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Who a key belongs to, and what it may do."""

    key_id: str
    org_id: str
    environment: str
    """test or live."""
    status: str
    plan: str
    scopes: tuple[str, ...]
    limits: dict[str, Any] = field(default_factory=dict[str, Any])
    """rps, burst, concurrency, monthly_units, daily_unit_cap."""
    credit: dict[str, Any] = field(default_factory=dict[str, Any])
    """gated, available_cents."""


class CatalogRequests:
    """Reads the catalogues of one endpoint."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._provider = http.endpoint.provider

    async def voices(self, *, gender: str | None = None, region: str | None = None) -> list[Voice]:
        """Return all voices. ``gender`` is F or M, ``region`` as in the catalogue; None: all."""
        self._provider.require("voices")
        query = {"gender": gender, "region": region}
        items = await self._list(self._provider.voices_path, {name: value for name, value in query.items() if value})
        return [_voice(item) for item in items]

    async def voice(self, voice_id: str) -> Voice:
        """Return one voice. Raises RequestError (404) if there is none with this id."""
        self._provider.require("voice")
        answer = await self._http.get(f"{self._provider.voices_path}/{_segment('voice_id', voice_id)}")
        return _voice(_object(answer.json(), answer))

    async def models(self) -> list[Model]:
        """Return all models."""
        self._provider.require("models")
        return [Model(_text(item, "id"), _words(item, "capabilities")) for item in await self._list("/models", {})]

    async def me(self) -> Account:
        """Return whose key this is."""
        self._provider.require("me")
        answer = await self._http.get("/me")
        me = _object(answer.json(), answer)
        return Account(
            key_id=_text(me, "key_id"),
            org_id=_text(me, "org_id"),
            environment=_text(me, "env") or _text(me, "environment"),
            status=_text(me, "status"),
            plan=_text(me, "plan"),
            scopes=_words(me, "scopes"),
            limits=_dictionary(me, "limits"),
            credit=_dictionary(me, "credit"),
        )

    async def _list(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            answer = await self._http.get(path, query)
            page = answer.json()
            items += _items(page, answer)
            cursor = _text(cast("dict[str, Any]", page), "next_cursor") if isinstance(page, dict) else ""
            if not cursor:
                return items
            query = {**query, "cursor": cursor}
        raise ProtocolError(f"The list at {path} does not end after {_MOST_PAGES} pages")


def _segment(name: str, value: str) -> str:
    if value in ("", ".", ".."):
        raise ConfigurationError(f"{name}: {value!r} is not an id", code="invalid_option")
    return quote(value, safe="")


def _items(page: object, answer: Answer) -> list[dict[str, Any]]:
    found: object = page
    if isinstance(page, dict):
        fields = cast("dict[str, object]", page)
        found = next((fields[name] for name in _LISTS if name in fields), None)
    if not isinstance(found, list):
        raise ProtocolError("The server sent no list", hint=NOT_PYAI, request_id=answer.request_id)
    return [_object(item, answer) for item in cast("list[object]", found)]


def _object(value: object, answer: Answer) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ProtocolError("The server sent no object", hint=NOT_PYAI, request_id=answer.request_id)
    return cast("dict[str, Any]", value)


def _voice(item: dict[str, Any]) -> Voice:
    names = ("name", "gender", "language", "region", "age", "tone", "bio", "preview_url")
    identity = _text(item, "voice_id") or _text(item, "id")
    return Voice(voice_id=identity, **{name: _text(item, name) for name in names})


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _words(fields: dict[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    words = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(word for word in words if isinstance(word, str))


def _dictionary(fields: dict[str, Any], name: str) -> dict[str, Any]:
    value = fields.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
