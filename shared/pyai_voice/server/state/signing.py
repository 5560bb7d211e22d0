"""The secret that an organisation's callbacks are signed with.

Source: protocol of PyAI, "Webhook signature" (``GET /v1/webhooks/signing-secret``).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from pydantic import SecretStr

from .collection import Collection
from .database import Database
from .records import Record

__all__ = ["Signing"]

_ONLY = "secret"
_OVERLAP = 24 * 3600
"""Seconds for which callbacks are signed with the old secret as well."""


class _Kept(Record):
    secret: str
    shown: bool
    """Somebody was given it; until then no receiver can know it."""
    former: str | None
    former_until: float
    """Unix seconds."""


class Signing:
    """The signing secrets of every organisation."""

    def __init__(self, database: Database) -> None:
        self._secrets = Collection(database, "signing secret", _Kept, most=1)

    async def secrets(self, organisation: str) -> list[SecretStr]:
        """Return what callbacks are signed with now: the secret, and for a day after a change the former one."""
        kept = await self._secrets.find(organisation, _ONLY) or await self._changed(organisation, _unchanged)
        former = [kept.former] if kept.former and time.time() < kept.former_until else []
        return [SecretStr(each) for each in (kept.secret, *former)]

    async def shown(self, organisation: str) -> SecretStr | None:
        """Return the secret if somebody was given it, else None."""
        kept = await self._secrets.find(organisation, _ONLY)
        return SecretStr(kept.secret) if kept and kept.shown else None

    async def renew(self, organisation: str) -> SecretStr:
        """Make a new secret, to be shown once."""
        return SecretStr((await self._changed(organisation, _renewed)).secret)

    async def _changed(self, organisation: str, change: Callable[[_Kept], _Kept]) -> _Kept:
        return await self._secrets.put_changed(organisation, _ONLY, _made(shown=False, former=None), change)


def _unchanged(kept: _Kept) -> _Kept:
    return kept


def _renewed(kept: _Kept) -> _Kept:
    return _made(shown=True, former=kept.secret if kept.shown else None)


def _made(*, shown: bool, former: str | None) -> _Kept:
    secret = f"whsec_{secrets.token_urlsafe(32)}"
    return _Kept(secret=secret, shown=shown, former=former, former_until=time.time() + _OVERLAP)
