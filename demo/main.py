"""How a program of the demo starts and ends: logs to a file, Ctrl-C clean, every failure one sentence and a status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import warnings
from collections.abc import Awaitable, Callable

from loguru import logger as loguru_logger

from pyai_voice.errors import PyAIError

from .call import CallError
from .run import OUT
from .screen import Screen

__all__ = ["run"]

_CHECK = "Check PYAI_BASE_URL and PYAI_API_KEY; when neither is set, the demo runs its own server"
_log = logging.getLogger("demo")


def run(play: Callable[[Screen], Awaitable[None]]) -> int:
    """Play something and return the exit status: 0 when all went well, 130 after Ctrl-C, else 1."""
    screen = Screen()
    try:
        _log_to_file()
        asyncio.run(_until_signal(play(screen)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        screen.complain("stopped; nothing is left running")
        return 130
    except CallError as error:
        screen.complain(str(error))
    except PyAIError as error:
        screen.complain(str(error) if error.hint else f"{error}. {_CHECK}")
    except Exception as error:  # noqa: BLE001 - the outermost line: whatever it is, say it and where to look
        _log.exception("unexpected")
        screen.complain(f"{type(error).__name__}: {error}. The whole story is in {OUT / 'demo.log'}")
    else:
        return 0
    return 1


async def _until_signal(work: Awaitable[None]) -> None:
    """Do the work; SIGTERM ends it as Ctrl-C does, so that no child process is left behind."""
    task = asyncio.ensure_future(work)
    with contextlib.suppress(NotImplementedError):  # Windows
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def _log_to_file() -> None:
    """Keep the frameworks' logs off the screen. Raises CallError where the file cannot be written."""
    path = OUT / "demo.log"
    try:
        OUT.mkdir(exist_ok=True)
        path.write_text("", encoding="utf-8")
    except OSError as error:
        raise CallError(f"Cannot write {path}: {error.strerror}. Run it where files can be written") from None
    logging.basicConfig(filename=path, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.captureWarnings(capture=True)
    warnings.simplefilter("default")
    loguru_logger.remove()
    loguru_logger.add(path, level="DEBUG")
