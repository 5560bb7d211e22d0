"""Who may do what: keys, the five places a request can carry one, scopes.

Source: protocol of PyAI, "Authentication" and "Scopes". Keys are compared in constant time and never logged.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from ..errors import ConfigurationError, service_error
from ..protocol.hear.wire import KEY_SUBPROTOCOL

if TYPE_CHECKING:
    from .state import State

__all__ = ["REALTIME_PATH", "Key", "KeyRing", "authorize", "credentials", "spend"]

SANDBOX_DAYS = 7
MOST_KEYS = 200
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
LOCAL = "org_local"
"""The organisation of every key that is not made for another one."""
REALTIME_PATH = "/v1/realtime"
_OPENAI_SUBPROTOCOL = "openai-insecure-api-key."
"""Prefix of the subprotocol that carries the key, as OpenAI has it."""
_FAMILY_ALIASES = {"voice": "speak"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key and what it may do."""

    secret: str = field(repr=False)
    """The key itself."""
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

    def allows(self, scope: str) -> bool:
        """Tell whether a scope such as ``hear:stream`` is granted."""
        family = _canonical(scope).partition(":")[0]
        granted = {_canonical(each) for each in self.scopes}
        return not granted.isdisjoint({_canonical(scope), f"{family}:*", "*"})

    def expired(self, now: float) -> bool:
        """Tell whether the key has run out; ``now`` in Unix seconds."""
        return self.expires_at is not None and now * 1000 >= self.expires_at


def _canonical(scope: str) -> str:
    family, colon, action = scope.partition(":")
    return f"{_FAMILY_ALIASES.get(family, family)}{colon}{action}"


class KeyRing:
    """The keys of this server; in a file when a folder is given, readable by its owner only."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / "keys.json" if folder else None
        self._lock = threading.Lock()
        self._keys: dict[bytes, Key] = {}
        if self._path is not None and self._path.exists():
            for key in _load(self._path):
                self._remember(key)

    def owner(self) -> Key:
        """Return the key that is printed at start; it may do everything and does not expire."""
        eternal = (key for key in self._keys.values() if key.expires_at is None)
        return next(eternal, None) or self.mint(("*",), label="owner", days=None)

    def mint(
        self,
        scopes: tuple[str, ...] = _SANDBOX_SCOPES,
        *,
        label: str = "",
        days: float | None = SANDBOX_DAYS,
        organisation: str = LOCAL,
        daily_cap: int | None = None,
    ) -> Key:
        """Make a key, good for so many ``days`` (None: always). Raises RateLimitError when there are too many."""
        now = time.time()
        with self._lock:
            self._keys = {digest: key for digest, key in self._keys.items() if not key.expired(now)}
            if len(self._keys) >= MOST_KEYS:
                raise service_error(f"There are already {MOST_KEYS} keys", code="sandbox_limit_reached")
            key = Key(
                secret=f"pyai_test_{secrets.token_urlsafe(24)}",
                key_id=f"key_{secrets.token_hex(8)}",
                scopes=scopes,
                label=label,
                created_at=round(now * 1000),
                expires_at=None if days is None else round((now + days * 86400) * 1000),
                organisation=organisation,
                daily_cap=daily_cap,
            )
            self._remember(key)
            self._save()
        return key

    def find(self, secret: str) -> Key | None:
        """Return the key that equals ``secret``; the time taken does not tell how much of it was right."""
        digest = _digest(secret)
        found = None
        for known, key in self._keys.items():
            if compare_digest(known, digest):
                found = key
        return None if found is None or found.expired(time.time()) else found

    def _remember(self, key: Key) -> None:
        self._keys[_digest(key.secret)] = key

    def _save(self) -> None:
        if self._path is None:
            return
        temporary = self._path.with_suffix(".new")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump([asdict(key) for key in self._keys.values()], file)
        temporary.replace(self._path)


def _load(path: Path) -> list[Key]:
    try:
        keys = [Key(**fields) for fields in json.loads(path.read_text("utf-8"))]
        return [replace(key, scopes=tuple(key.scopes)) for key in keys]
    except (OSError, ValueError, TypeError) as error:
        reason = type(error).__name__
    raise ConfigurationError(
        f"Cannot read the keys in {path} ({reason})", code="invalid_option", hint="Remove the file to start anew"
    )


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "replace")).digest()


def credentials(connection: HTTPConnection) -> set[str]:
    """Return every key that a request carries: bearer, ``x-api-key``, subprotocol, ``?api_key=``.

    On ``/v1/realtime`` also the subprotocol that OpenAI's clients in a browser offer, and ``?access_token=``.
    """
    found = set(connection.headers.getlist("x-api-key")) | set(connection.query_params.getlist("api_key"))
    prefixes = [KEY_SUBPROTOCOL]
    if connection.scope["path"] == REALTIME_PATH:
        found.update(connection.query_params.getlist("access_token"))
        prefixes.append(_OPENAI_SUBPROTOCOL)
    for header in connection.headers.getlist("authorization"):
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer":
            found.add(value.strip())
    for header in connection.headers.getlist("sec-websocket-protocol"):
        offered = [each.strip() for each in header.split(",")]
        found.update(each.removeprefix(prefix) for prefix in prefixes for each in offered if each.startswith(prefix))
    return found - {""}


def authorize(connection: HTTPConnection, scope: str | None = None) -> Key:
    """Return the key of a request, which must have the scope (None: any key will do).

    Raises AuthenticationError or PermissionDeniedError.
    """
    found = credentials(connection)
    if not found:
        raise service_error("No API key: send one in the Authorization header, as a bearer token", code="unauthorized")
    if len(found) > 1:
        raise service_error("The request carries different API keys: send one", code="unauthorized")
    keys: KeyRing = connection.app.state.keys
    key = keys.find(found.pop())
    if key is None:
        raise service_error(
            "Unknown or expired API key: use the one that the server printed, or POST /v1/sandbox/keys",
            code="unauthorized",
        )
    if scope is not None and not key.allows(scope):
        raise service_error(f"The key lacks the scope {scope}", code="insufficient_scope")
    return key


async def spend(connection: HTTPConnection, key: Key) -> None:
    """Count one unit of a key's day. Raises RateLimitError ``daily_cap_exceeded`` when its cap is used up."""
    if key.daily_cap is not None:
        stores: State = connection.app.state.stores
        await stores.usage.spend(key.organisation, key.key_id, key.daily_cap)
