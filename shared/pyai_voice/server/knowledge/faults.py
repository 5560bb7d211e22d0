"""The refusals of a store: one sentence and one code for each kind of trouble."""

from __future__ import annotations

from ...errors import ServiceError, service_error

__all__ = ["corrupt", "full", "locked", "not_found", "unavailable"]

_RETRY_AFTER = 1.0


def not_found(what: str, identifier: str) -> ServiceError:
    """Return the refusal of an id that the organisation does not have."""
    return service_error(f"There is no {what} {identifier[:60]!r}", code="not_found")


def locked() -> ServiceError:
    """Another process holds the store."""
    return service_error(
        "Another program has locked the knowledge store; nothing was changed",
        code="store_locked",
        status=503,
        retry_after=_RETRY_AFTER,
    )


def full() -> ServiceError:
    """The disk, or what the store may take of it, is used up."""
    return service_error("The disk of the knowledge store is full; nothing was changed", code="store_full", status=507)


def corrupt() -> ServiceError:
    """The file is damaged, or not a knowledge store."""
    return service_error(
        "The knowledge store is damaged, or not a knowledge store: restore it from a copy, or remove it to start anew",
        code="store_corrupt",
        status=500,
    )


def unavailable(reason: str) -> ServiceError:
    """It cannot be reached, read or written; ``reason`` never holds an address or a password."""
    return service_error(f"The knowledge store cannot be used: {reason}", code="store_unavailable", status=503)
