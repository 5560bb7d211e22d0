"""Has documents read by a process of their own; see :mod:`.child`."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any

from ...errors import service_error
from .preparation import LENGTHS, Prepared, pack, unpack

__all__ = ["Reader"]

_PATIENCE = 120.0
"""Seconds for one document."""
_PROGRAM = "pyai_voice.server.knowledge.child"


class Reader:
    """Reads one document at a time; the process starts with the first one, and after one that it did not survive."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._process: Process | None = None

    async def read(self, data: bytes, media_type: str, name: str, progress: Callable[[int, int], None]) -> Prepared:
        """Return the chunks of a document with their vectors. ``progress`` is told chunks done and chunks in all.

        Raises RequestError: ``unreadable_document`` (also for what took too long, or ended the process),
        ``empty_document``, ``document_too_large``.
        """
        finished = False
        try:
            async with asyncio.timeout(self._patience):
                fields, body = await self._ask(data, media_type, name, progress)
            finished = True
        except TimeoutError:
            fields, body = _failed(f"reading it took longer than {self._patience:g} s"), b""
        except (asyncio.IncompleteReadError, ConnectionError):
            fields, body = _failed("it ended the process that read it"), b""
        finally:
            if not finished:
                await self.aclose()
        if "code" in fields:
            raise service_error(fields["message"], code=fields["code"], status=fields["status"])
        return Prepared.from_message(fields, body)

    async def aclose(self) -> None:
        """End the process; the next document starts another one."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _ask(
        self, data: bytes, media_type: str, name: str, progress: Callable[[int, int], None]
    ) -> tuple[dict[str, Any], bytes]:
        process = await self._running()
        assert process.stdin is not None
        process.stdin.write(pack({"media_type": media_type, "name": name}, data))
        await process.stdin.drain()
        while "done" in (answer := await self._receive(process))[0]:
            progress(answer[0]["done"], answer[0]["total"])
        return answer

    async def _running(self) -> Process:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", _PROGRAM),
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for us; we end it
            )
        return self._process

    async def _receive(self, process: Process) -> tuple[dict[str, Any], bytes]:
        assert process.stdout is not None
        head, body = LENGTHS.unpack(await process.stdout.readexactly(LENGTHS.size))
        return unpack(await process.stdout.readexactly(head)), await process.stdout.readexactly(body)


def _failed(reason: str) -> dict[str, Any]:
    return {"code": "unreadable_document", "message": f"The document cannot be read: {reason}", "status": 400}
