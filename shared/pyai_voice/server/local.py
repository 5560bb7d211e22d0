"""Whether a request comes from this machine, for this machine: what may be given away without a key."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from ..errors import ConfigurationError

__all__ = ["is_local", "is_loopback", "require_loopback"]

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Headers of proxies: one on this machine brings callers from elsewhere."""


def is_local(asked: HTTPConnection) -> bool:
    """Tell whether the caller is on this machine, and so is the page that asks, if a page asks; and no proxy.

    ``Host`` and, where there is one, ``Origin`` must be this machine as well, so that no web page can ask, not even
    under a name that it made point here.
    """
    asking = [asked.client.host if asked.client else "", _hostname(f"//{asked.headers.get('host', '')}")]
    if "origin" in asked.headers:
        asking.append(_hostname(asked.headers["origin"]))
    return all(map(is_loopback, asking)) and not any(name in asked.headers for name in _FORWARDED)


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_loopback(listening: socket.socket, hint: str) -> None:
    """Close a socket that others reach: who asks for no key serves this machine alone. Raises ConfigurationError."""
    if not is_loopback(str(listening.getsockname()[0])):
        listening.close()
        raise ConfigurationError("--insecure is for addresses of this machine alone", code="invalid_option", hint=hint)


def _hostname(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
