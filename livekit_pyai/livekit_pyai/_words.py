"""PyAI's words in LiveKit's: events and errors. No I/O.

Above: :mod:`.stt` and :mod:`.tts`. LiveKit's rules that decide the order: text is preceded by START_OF_SPEECH, each
END_OF_SPEECH by a FINAL_TRANSCRIPT; a PREFLIGHT_TRANSCRIPT holds the whole segment; an empty FINAL_TRANSCRIPT
releases whoever waits for the answer to a commit.
"""

from __future__ import annotations

from dataclasses import dataclass

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError, LanguageCode
from livekit.agents.stt import SpeechData, SpeechEvent, SpeechEventType

from pyai_voice.errors import ConfigurationError, PyAIError, ServiceError, StalledError
from pyai_voice.events import HearEvent, SpeechStarted, Transcript, TurnEnded

from ._sound import Clock

__all__ = ["DEFAULT_LANGUAGE", "Segment", "empty_final", "to_api_error", "to_livekit"]

DEFAULT_LANGUAGE = "en"
"""What PyAI recognises where neither the options nor its transcripts name a language."""


@dataclass(slots=True)
class Segment:
    """What LiveKit has been told of the utterance that is open, and what its next events need."""

    clock: Clock
    language: str = DEFAULT_LANGUAGE
    """Last one heard of."""
    request_id: str = ""
    """The server's name for the connection."""
    speaking: bool = False
    """START_OF_SPEECH is told, END_OF_SPEECH is not."""
    end: float = 0.0
    """Where its words end as known now, in seconds of the stream."""


def to_livekit(event: HearEvent, segment: Segment) -> list[SpeechEvent]:
    """Return LiveKit's events for one of ours, in order; none for what LiveKit has no event for."""
    match event:
        case SpeechStarted(at=at):
            segment.speaking = True
            return [_event(SpeechEventType.START_OF_SPEECH, segment, speech_start_time=segment.clock.wall(at))]
        case Transcript():
            return [_transcript(event, segment)]
        case TurnEnded(text=""):
            return _empty_end(event, segment)
        case TurnEnded():
            return _end(segment)
        case _:
            return []


def empty_final(segment: Segment) -> SpeechEvent:
    """Return the FINAL_TRANSCRIPT that says: nothing was said."""
    return _event(SpeechEventType.FINAL_TRANSCRIPT, segment, [_data("", segment)])


def _transcript(words: Transcript, segment: Segment) -> SpeechEvent:
    segment.language = words.language or segment.language
    segment.end = words.end
    kind = SpeechEventType.INTERIM_TRANSCRIPT
    end = None
    if words.final:
        kind, end = SpeechEventType.FINAL_TRANSCRIPT, segment.clock.wall(words.end)
    elif words.endpointed:
        kind = SpeechEventType.PREFLIGHT_TRANSCRIPT
    data = _data(words.text, segment)
    data.start_time, data.end_time = segment.clock.session(words.start), segment.clock.session(words.end)
    return _event(kind, segment, [data], speech_end_time=end)


def _empty_end(ended: TurnEnded, segment: Segment) -> list[SpeechEvent]:
    """Close a segment without words: an empty interim takes back what was shown, an empty final answers a commit."""
    if segment.speaking:
        taken_back = _event(SpeechEventType.INTERIM_TRANSCRIPT, segment, [_data("", segment)])
        return [taken_back, empty_final(segment), *_end(segment)]
    return [empty_final(segment)] if ended.committed else []


def _end(segment: Segment) -> list[SpeechEvent]:
    segment.speaking = False
    return [_event(SpeechEventType.END_OF_SPEECH, segment, speech_end_time=segment.clock.wall(segment.end))]


def _data(text: str, segment: Segment) -> SpeechData:
    return SpeechData(language=LanguageCode(segment.language), text=text)


def _event(
    kind: SpeechEventType,
    segment: Segment,
    alternatives: list[SpeechData] | None = None,
    *,
    speech_start_time: float | None = None,
    speech_end_time: float | None = None,
) -> SpeechEvent:
    return SpeechEvent(
        type=kind,
        request_id=segment.request_id,
        alternatives=alternatives or [],
        speech_start_time=speech_start_time,
        speech_end_time=speech_end_time,
    )


def to_api_error(error: PyAIError, *, retryable: bool | None = None) -> APIError:
    """Return LiveKit's error for one of ours. Raise it outside the except block: then no context comes with it.

    ``retryable`` overrules ours where something below LiveKit has retried already.
    """
    retryable = error.retryable if retryable is None else retryable
    body = {"code": error.code, "category": error.category.value, "hint": error.hint}
    match error:
        case StalledError():
            return APITimeoutError(str(error), retryable=retryable)
        case ServiceError():
            return APIStatusError(
                error.message,
                status_code=-1 if error.status is None else error.status,
                request_id=error.request_id,
                body=body,
                retryable=retryable,
            )
        case ConfigurationError():
            return APIError(str(error), body=body, retryable=False)
        case _:
            return APIConnectionError(str(error), retryable=retryable)
