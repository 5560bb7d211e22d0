"""Keys: who may do what. Of each only a digest is kept, but of the owner's, which is printed at every start.

They are in memory as well, because every request needs one: a database belongs to one server at a time.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from hashlib import sha256
from hmac import compare_digest

from pydantic import Field

from ...errors import service_error
from ...scopes import allows
from .collection import Collection
from .database import Database
from .records import Record

__all__ = ["LOCAL", "MOST_KEYS", "Key", "Keys"]

MOST_KEYS = 200
LOCAL = "org_local"
"""The organisation of every key that is not made for another one."""
_SANDBOX_DAYS = 7
_SANDBOX_SCOPES = (
    "hear:transcribe",
    "hear:stream",
    "transcribe:jobs",
    "speak:synthesize",
    "omni:session",
    "amd:detect",
    "amd:configure",
    "amd:read",
)


class Key(Record):
    """One key and what it may do."""

    key_id: str
    scopes: tuple[str, ...]
    """``family:action``, ``family:*`` or ``*``; ``voice`` and ``speak`` are one family."""
    label: str = ""
    created_at: int = 0
    """Unix milliseconds."""
    expires_at: int | None = None
    """Unix milliseconds; None: never."""
    organisation: str = LOCAL
    """Whose it is: what one organisation stores, no other one sees."""
    daily_cap: int | None = None
    """Units a day (UTC): one for each transcription, speech, job, stream or session; None: no cap."""
    secret: str = Field(default="", repr=False)
    """The key itself; empty where only its digest is kept."""

    def allows(self, scope: str) -> bool:
        """Tell whether a scope such as ``hear:stream`` is granted."""
        return allows(self.scopes, scope)

    def expired(self, now: float) -> bool:
        """Tell whether the key has run out; ``now`` in Unix seconds."""
        return self.expires_at is not None and now * 1000 >= self.expires_at


class Keys:
    """The keys of this server."""

    def __init__(self, database: Database) -> None:
        self._kept = Collection(database, "key", Key, most=MOST_KEYS)
        self._keys: dict[str, Key] = {}
        """By the digests of their secrets."""
        self._changing = asyncio.Lock()

    @property
    def owner(self) -> Key:
        """The key that is printed at start; it may do everything and does not expire."""
        return next(key for key in self._keys.values() if key.secret)

    async def load(self) -> None:
        """Read what is kept, and make the owner's key where there is none."""
        self._keys = {digest: key for _, digest, key in await self._kept.everywhere()}
        await self._drop_expired()
        if not any(key.secret for key in self._keys.values()):
            owner = _made(("*",), label="owner", days=None)
            await self._keep(owner.secret, owner)

    async def mint(
        self,
        scopes: tuple[str, ...] = _SANDBOX_SCOPES,
        *,
        label: str = "",
        days: float | None = _SANDBOX_DAYS,
        organisation: str = LOCAL,
        daily_cap: int | None = None,
    ) -> Key:
        """Make a key, good for so many ``days`` (None: always); its secret is not told again.

        Raises RateLimitError when there are too many.
        """
        key = _made(scopes, label=label, days=days, organisation=organisation, daily_cap=daily_cap)
        async with self._changing:
            await self._drop_expired()
            if len(self._keys) >= MOST_KEYS:
                raise service_error(f"There are already {MOST_KEYS} keys", code="sandbox_limit_reached")
            await self._keep(key.secret, key.model_copy(update={"secret": ""}))
        return key

    def find(self, secret: str) -> Key | None:
        """Return the key that equals ``secret``; the time taken does not tell how much of it was right."""
        digest = _digest(secret)
        found = None
        for known, key in self._keys.items():
            if compare_digest(known, digest):
                found = key
        return None if found is None or found.expired(time.time()) else found

    async def _keep(self, secret: str, key: Key) -> None:
        digest = _digest(secret)
        await self._kept.add(key.organisation, digest, key)
        self._keys[digest] = key

    async def _drop_expired(self) -> None:
        now = time.time()
        for digest, key in list(self._keys.items()):
            if key.expired(now):
                del self._keys[digest]  # first: who is stopped here has it removed at the next start
                await self._kept.remove(key.organisation, digest)


def _made(
    scopes: tuple[str, ...],
    *,
    label: str,
    days: float | None,
    organisation: str = LOCAL,
    daily_cap: int | None = None,
) -> Key:
    now = time.time()
    return Key(
        secret=f"pyai_test_{secrets.token_urlsafe(24)}",
        key_id=f"key_{secrets.token_hex(8)}",
        scopes=scopes,
        label=label,
        created_at=round(now * 1000),
        expires_at=None if days is None else round((now + days * 86400) * 1000),
        organisation=organisation,
        daily_cap=daily_cap,
    )


def _digest(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()
