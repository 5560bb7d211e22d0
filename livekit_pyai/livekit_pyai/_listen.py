"""LiveKit's event emitters, with the types that they leave open."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["listen"]


def listen(emitter: Any, event: str, callback: Callable[..., None]) -> Callable[[], None]:
    """Call ``callback`` on each ``event``; return what ends that."""
    emitter.on(event, callback)
    return partial(emitter.off, event, callback)
