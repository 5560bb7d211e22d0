"""PyAI's words in LiveKit's: events and errors. No I/O.

Above: :mod:`.stt` and :mod:`.tts`. LiveKit's rules that decide the order: text is preceded by START_OF_SPEECH, each
END_OF_SPEECH by a FINAL_TRANSCRIPT; a PREFLIGHT_TRANSCRIPT holds the whole segment; an empty FINAL_TRANSCRIPT
releases whoever waits for the answer to a commit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectionError, APIError, APIStatusError, APITimeoutError, LanguageCode
from livekit.agents.stt import SpeechData, SpeechEvent, SpeechEventType

from pyai_voice.errors import ConfigurationError, PyAIError, ServiceError, StalledError
from pyai_voice.events import (
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Verdict,
)
from pyai_voice.options import TurnAuthority

from ._memory import words_of
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
    start: float = 0.0
    """Where its words begin, in seconds of the stream."""
    end: float = 0.0
    """Where its words end as known now, in seconds of the stream."""
    text: str = ""
    """Its words as known now."""
    passages: tuple[Passage, ...] | None = None
    """What the knowledge base has for it; None where the service has said nothing yet."""
    prepared: tuple[tuple[str, ...], tuple[Passage, ...]] | None = None
    """The words and passages with which LiveKit prepares a reply; None while it prepares none."""
    authority: TurnAuthority = "cue"
    """Whose word ends a turn; told with every transcript."""


def to_livekit(event: HearEvent, segment: Segment) -> list[SpeechEvent]:
    """Return LiveKit's events for one of ours, in order; none for what LiveKit has no event for."""
    match event:
        case SpeechStarted(at=at):
            segment.speaking = True
            segment.start = segment.end = at
            return [_event(SpeechEventType.START_OF_SPEECH, segment, speech_start_time=segment.clock.wall(at))]
        case Grounding(passages=passages):
            segment.passages = passages
            return []
        case TurnPredicted():
            segment.text = event.text
            return _prepare(segment, Verdict(event.confidence), predicted=True)
        case PredictionWithdrawn():
            return [_interim(segment)]
        case Transcript():
            return _transcript(event, segment)
        case TurnEnded(text=""):
            return _empty_end(event, segment)
        case TurnEnded():
            return _end(segment)
        case _:
            return []


def empty_final(segment: Segment) -> SpeechEvent:
    """Return the FINAL_TRANSCRIPT that says: nothing was said."""
    return _event(SpeechEventType.FINAL_TRANSCRIPT, segment, [_data("", segment)])


def _transcript(words: Transcript, segment: Segment) -> list[SpeechEvent]:
    segment.language = words.language or segment.language
    segment.start, segment.end, segment.text = words.start, words.end, words.text
    if words.final:
        again = _prepare(segment, words.verdict) if _is_outdated(segment) else []
        end = segment.clock.wall(words.end)
        data = _words(segment, words.verdict)
        return [*again, _event(SpeechEventType.FINAL_TRANSCRIPT, segment, [data], speech_end_time=end)]
    return _prepare(segment, words.verdict) if words.endpointed else [_interim(segment)]


def _prepare(segment: Segment, verdict: Verdict | None, *, predicted: bool = False) -> list[SpeechEvent]:
    """Have LiveKit prepare a reply, unless it prepares this one already: each PREFLIGHT_TRANSCRIPT starts anew."""
    wanted = (words_of(segment.text), segment.passages or ())
    if wanted == segment.prepared:
        return [_interim(segment)]
    segment.prepared = wanted
    data = _words(segment, verdict, predicted=predicted)
    return [_event(SpeechEventType.PREFLIGHT_TRANSCRIPT, segment, [data])]


def _is_outdated(segment: Segment) -> bool:
    """Tell whether the reply that LiveKit prepares knows other passages than those of the final."""
    return segment.prepared is not None and segment.prepared[1] != (segment.passages or ())


def _interim(segment: Segment) -> SpeechEvent:
    """Tell the words; where they are others, LiveKit drops the reply that it prepares, else it keeps it."""
    if segment.prepared is not None and segment.prepared[0] != words_of(segment.text):
        segment.prepared = None
    return _event(SpeechEventType.INTERIM_TRANSCRIPT, segment, [_words(segment)])


def _empty_end(ended: TurnEnded, segment: Segment) -> list[SpeechEvent]:
    """Close a segment without words: an empty interim takes back what was shown, an empty final answers a commit."""
    if segment.speaking:
        taken_back = _event(SpeechEventType.INTERIM_TRANSCRIPT, segment, [_data("", segment)])
        return [taken_back, empty_final(segment), *_end(segment)]
    return [empty_final(segment)] if ended.committed else []


def _end(segment: Segment) -> list[SpeechEvent]:
    end = segment.clock.wall(segment.end)
    segment.speaking, segment.text, segment.passages, segment.prepared = False, "", None, None
    return [_event(SpeechEventType.END_OF_SPEECH, segment, speech_end_time=end)]


def _words(segment: Segment, verdict: Verdict | None = None, *, predicted: bool = False) -> SpeechData:
    data = _data(segment.text, segment)
    data.start_time, data.end_time = segment.clock.session(segment.start), segment.clock.session(segment.end)
    metadata: dict[str, Any] = {"turn_authority": segment.authority}
    if segment.passages is not None:
        metadata["grounding"] = [{"content": found.content, "score": found.score} for found in segment.passages]
    if verdict is not None:
        metadata["cue"] = {
            "confidence": verdict.confidence,
            "backchannel": verdict.backchannel,
            "predicted": predicted,
        }
    data.metadata = metadata
    return data


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
