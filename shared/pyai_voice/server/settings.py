"""The local server's limits and choices."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ConfigurationError
from ..protocol.omni.server import Dialect

__all__ = ["Settings", "prepare_folder"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much the server takes, and how it refuses."""

    data: Path | None = None
    """Folder for what should outlive the process (keys, knowledge bases); None keeps nothing."""
    knowledge: str | None = None
    """Where knowledge bases are: ``postgres://...``, or a file; None: a file in ``data``."""
    max_streams: int = 32
    """Open WebSocket streams; the next one is refused with 429."""
    max_requests: int = 32
    """Speech and transcription requests at once; the next one is refused with 429."""
    max_message: int = 1 << 20
    """Bytes of one WebSocket message; a larger one ends the stream with close code 1009."""
    max_body: int = 1 << 18
    """Bytes of a JSON body."""
    max_upload: int = 25 << 20
    """Bytes of an uploaded recording."""
    max_recording: float = 3600.0
    """Seconds of an uploaded recording."""
    max_text: int = 4096
    """Characters of a speech request."""
    sandbox_cap: int = 1000
    """Units a day of a sandbox key: one for each transcription, speech, job, stream or session."""
    outbound_loopback: bool = False
    """Callbacks, tools and knowledge endpoints may be on this machine, also without TLS; for tests."""
    send_stall: float = 10.0
    """Seconds after which a client that reads nothing is cut off."""
    receive_stall: float = 30.0
    """Seconds after which a client that does not go on with its upload is given up."""
    legacy_default: bool = True
    """Speak ``fusion-v0`` to a stream that names no protocol, as the service does; False: ``pyai-hear-v1``."""
    omni_dialect: Dialect = Dialect()
    """Which generation of the service Omni speaks like."""
    refuse: Literal["http", "policy", "private"] = "http"
    """How a stream is refused: by HTTP status before the upgrade, or after it with the close codes 1008 and 4429,
    or 4401, 4403 and 4429."""


def prepare_folder(folder: Path | None) -> None:
    """Make the data folder if need be. Raises ConfigurationError when it cannot be written."""
    if folder is None:
        return
    reason = "permission denied"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return
    except OSError as error:
        reason = error.strerror or str(error)
    raise ConfigurationError(
        f"Cannot use {folder} as data folder: {reason}", code="invalid_option", hint="Choose another with --data"
    )
