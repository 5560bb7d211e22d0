"""The process that reads documents: ``python -m pyai_voice.server.knowledge.child``; speaks over stdin and stdout.

Reading a file that a stranger made takes long, eats memory, or never ends; here it does not disturb a call, and can be
ended. The process is polite to the others, bounded in memory, and ends with its stdin.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from typing import IO, Any

from ...errors import ServiceError
from .embedding import Embedder, load_embedder
from .preparation import LENGTHS, pack, prepare, unpack

__all__ = ["serve"]

_MEMORY = 2 << 30
"""Bytes that the process may map."""
_NICE = 10


def serve(incoming: IO[bytes], outgoing: IO[bytes], embedder: Embedder) -> None:
    """Answer one message after the other until there are no more."""
    while message := _receive(incoming):
        fields, data = message
        _send(outgoing, _answer(fields, data, embedder, outgoing))


def _receive(incoming: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    lengths = incoming.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    head, body = LENGTHS.unpack(lengths)
    return unpack(incoming.read(head)), incoming.read(body)


def _answer(fields: dict[str, Any], data: bytes, embedder: Embedder, outgoing: IO[bytes]) -> bytes:
    try:
        tell = partial(_tell, outgoing)
        return prepare(data, fields["media_type"], fields["name"], embedder, tell).to_message()
    except ServiceError as error:
        return pack({"code": error.code, "message": error.message, "status": error.status})
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the outermost line of a document; memory may have run out, too
        message = f"The document could not be read ({type(error).__name__})"
        return pack({"code": "unreadable_document", "message": message, "status": 400})


def _tell(outgoing: IO[bytes], done: int, total: int) -> None:
    _send(outgoing, pack({"done": done, "total": total}))


def _send(outgoing: IO[bytes], message: bytes) -> None:
    outgoing.write(message)
    outgoing.flush()


def _limit() -> None:
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICE)
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    least = _MEMORY if most == resource.RLIM_INFINITY else min(most, _MEMORY)
    with suppress(ValueError, OSError):  # where the system has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (least, most))


if __name__ == "__main__":
    _limit()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, load_embedder())
    except BrokenPipeError:
        os._exit(1)  # whoever asked was killed; to end as usual would complain that nobody reads what is left
