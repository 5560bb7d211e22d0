"""The refusals of a store: one sentence and one code for each kind of trouble."""

from __future__ import annotations

from ..errors import ServiceError, service_error

__all__ = ["THE_STORE", "corrupt", "full", "locked", "not_found", "unavailable"]

_RETRY_AFTER = 1.0
THE_STORE = "The store"
"""What it is called where clients read it; whoever opens a store is told the name of its file."""


def not_found(what: str, identifier: str) -> ServiceError:
    """Return the refusal of an id that the organisation does not have."""
    return service_error(f"There is no {what} {identifier[:60]!r}", code="not_found")


def locked(store: str = THE_STORE) -> ServiceError:
    """Another process holds it."""
    return service_error(
        f"{store} is locked by another program; nothing was changed",
        code="store_locked",
        status=503,
        retry_after=_RETRY_AFTER,
    )


def full(store: str = THE_STORE) -> ServiceError:
    """The disk, or what the store may take of it, is used up."""
    return service_error(f"{store} has no room left on its disk; nothing was changed", code="store_full", status=507)


def corrupt(store: str = THE_STORE) -> ServiceError:
    """The file is damaged, or somebody else's."""
    return service_error(
        f"{store} is damaged, or was not made by this program: restore it from a copy, or remove it to start anew",
        code="store_corrupt",
        status=500,
    )


def unavailable(reason: str, store: str = THE_STORE) -> ServiceError:
    """It cannot be reached, read or written; ``reason`` never holds an address or a password."""
    return service_error(f"{store} cannot be used: {reason}", code="store_unavailable", status=503)
