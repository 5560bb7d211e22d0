"""What the service offers, and who we are: voices, models, account.

Source: protocol of PyAI, section "Other REST". Unknown fields are ignored, absent ones are empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from ..errors import ProtocolError
from ..http import HttpClient
from .fields import as_object, as_objects, dictionary, segment, text, words

__all__ = ["Account", "CatalogRequests", "Model", "Voice"]

_MOST_PAGES = 50


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
        answer = await self._http.get(f"{self._provider.voices_path}/{segment('voice_id', voice_id)}")
        return _voice(as_object(answer.json(), answer))

    async def models(self) -> list[Model]:
        """Return all models."""
        self._provider.require("models")
        return [Model(text(item, "id"), words(item, "capabilities")) for item in await self._list("/models", {})]

    async def me(self) -> Account:
        """Return whose key this is."""
        self._provider.require("me")
        answer = await self._http.get("/me")
        me = as_object(answer.json(), answer)
        return Account(
            key_id=text(me, "key_id"),
            org_id=text(me, "org_id"),
            environment=text(me, "env") or text(me, "environment"),
            status=text(me, "status"),
            plan=text(me, "plan"),
            scopes=words(me, "scopes"),
            limits=dictionary(me, "limits"),
            credit=dictionary(me, "credit"),
        )

    async def _list(self, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for _ in range(_MOST_PAGES):
            answer = await self._http.get(path, query)
            page = answer.json()
            items += as_objects(page, answer)
            cursor = text(cast("dict[str, Any]", page), "next_cursor") if isinstance(page, dict) else ""
            if not cursor:
                return items
            query = {**query, "cursor": cursor}
        raise ProtocolError(f"The list at {path} does not end after {_MOST_PAGES} pages")


def _voice(item: dict[str, Any]) -> Voice:
    names = ("name", "gender", "language", "region", "age", "tone", "bio", "preview_url")
    identity = text(item, "voice_id") or text(item, "id")
    return Voice(voice_id=identity, **{name: text(item, name) for name in names})
