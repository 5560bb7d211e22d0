"""PyAI's words in Pipecat's: events become frames, errors become categories. No I/O, no state."""

from __future__ import annotations

from functools import lru_cache

from pipecat.frames import frames
from pipecat.frames.frames import Frame, InterimTranscriptionFrame, TranscriptionFrame
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory
from pipecat.utils.time import time_now_iso8601

from pyai_voice.errors import Category, PyAIError
from pyai_voice.events import Transcript

__all__ = [
    "HAS_BACKCHANNELS",
    "to_backchannel",
    "to_category",
    "to_frame",
    "to_iso639",
    "to_language",
    "to_local_category",
]

HAS_BACKCHANNELS = hasattr(frames, "UserBackchannelFrame")
"""Whether this Pipecat knows backchannels (1.13 and later)."""

_OF_A_TOOL = "tool_result"
"""Code of a complaint about what a tool of the program returned."""
_CATEGORIES = {
    Category.CONFIGURATION: ErrorCategory.INVALID_REQUEST,
    Category.AUTHENTICATION: ErrorCategory.AUTHENTICATION,
    Category.PERMISSION: ErrorCategory.AUTHORIZATION,
    Category.BILLING: ErrorCategory.QUOTA,
    Category.REQUEST: ErrorCategory.INVALID_REQUEST,
    Category.RATE_LIMIT: ErrorCategory.RATE_LIMIT,
    Category.CONNECTIVITY: ErrorCategory.CONNECTIVITY,
    Category.PROTOCOL: ErrorCategory.SERVER,
    Category.SERVER: ErrorCategory.SERVER,
}


def to_frame(
    event: Transcript, user_id: str, *, finalized: bool = False
) -> TranscriptionFrame | InterimTranscriptionFrame:
    """Return the frame for a transcript; ``result`` is the event itself, with times in seconds of the stream.

    ``finalized`` says of a final that nothing more will come for this turn.
    """
    said = (event.text, user_id, time_now_iso8601(), to_language(event.language), event)
    return TranscriptionFrame(*said, finalized=finalized) if event.final else InterimTranscriptionFrame(*said)


def to_backchannel(event: Transcript, user_id: str) -> Frame:
    """Return the frame for words that were only a sign of listening."""
    return frames.UserBackchannelFrame(text=event.text, user_id=user_id, timestamp=time_now_iso8601())


def to_category(error: PyAIError) -> ErrorCategory:
    """Return Pipecat's word for what kind of trouble an error is."""
    return _CATEGORIES[error.category]


def to_local_category(error: PyAIError) -> ErrorCategory:
    """Return the category of an error that concerns one request only: never one that ends the service."""
    category = to_category(error)
    return ErrorCategory.APPLICATION if category.is_permanent or error.code == _OF_A_TOOL else category


@lru_cache
def to_language(code: str | None) -> Language | None:
    """Return Pipecat's language for a code such as ``en`` or ``pt-BR``; None for an unknown one."""
    try:
        return Language(code) if code else None
    except ValueError:
        return None


def to_iso639(language: str) -> str:
    """Return the code that PyAI knows a language by, of a Language or of a code such as ``pt-BR`` or ``pt_BR``: that of
    the language itself, without the region.
    """
    return language.replace("_", "-").split("-")[0].lower()
