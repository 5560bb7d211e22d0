"""How the front answers. Frozen; a wrong value raises ConfigurationError naming the option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from pyai_voice.options import Options

from .names import VOICES

__all__ = ["FrontOptions"]

Seconds = Annotated[float, Field(gt=0, le=3600)]


class FrontOptions(Options):
    """Settings of all endpoints."""

    voices: Mapping[str, str] = VOICES
    """Voices by the names that clients ask for; a name that is not here goes to the service as it is."""
    max_text: Annotated[int, Field(ge=1)] = 4096
    """Characters of a speech request, as OpenAI has it."""
    max_body: Annotated[int, Field(ge=1024)] = 1 << 18
    """Bytes of a JSON body."""
    max_upload: Annotated[int, Field(ge=1024)] = 26 << 20
    """Bytes of a form: OpenAI's 25 MB of recording, and the fields beside it."""
    most: Annotated[int, Field(ge=1)] = 64
    """Requests at once; one more gets 429. A recording is in memory while it is sent on."""
    first_byte: Seconds = 60.0
    """Seconds for the first byte of speech: mp3, opus and aac come when they are complete."""
    gap: Seconds = 10.0
    """Seconds between two pieces of it."""
    transcription: Seconds = 300.0
    """Seconds for a transcription."""
    retry_window: Annotated[float, Field(ge=0, le=60)] = 1.0
    """Seconds within which a refused speech request is tried again here; OpenAI's clients try again themselves."""
    stall: Seconds = 10.0
    """Seconds after which a client is given up that neither reads nor goes on sending."""
