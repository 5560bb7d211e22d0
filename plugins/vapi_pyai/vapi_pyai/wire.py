"""What Vapi sends, as far as it is used here, and how it is read.

Source: Vapi's API (the ``ServerMessage...`` schemas) and its pages on custom voices, transcribers and knowledge bases.
Everything beside the facts that a contract needs may be missing or of another kind: Vapi sends whole calls along.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from pyai_voice.errors import service_error

__all__ = ["RATES", "EndpointingRequest", "KnowledgeRequest", "Start", "VoiceRequest", "parse", "parse_start"]

RATES = (8000, 16000, 22050, 24000, 44100)
"""Samples a second that Vapi's custom voices may be asked for."""


def _if_readable(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    try:
        return read(value)
    except ValidationError:
        return None


_Kind = TypeVar("_Kind")
_Beside = Annotated[_Kind | None, WrapValidator(_if_readable)]
"""What is used if it is there."""
_Label = Annotated[str, Field(min_length=1, max_length=256)]


class _Part(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)


class _Call(_Part):
    id: _Label


class _Server(_Part):
    timeoutSeconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Voice(_Part):
    voiceId: _Beside[_Label] = None
    server: _Beside[_Server] = None


class _Assistant(_Part):
    voice: _Beside[_Voice] = None


class _Said(_Part):
    role: str = ""
    message: Any = None
    content: Any = None

    def words(self) -> str:
        """Return its text; Vapi's own messages have ``message``, those in OpenAI's form ``content``, maybe in parts."""
        said = self.content if self.content is not None else self.message
        parts = cast("list[object]", said) if isinstance(said, list) else [said]
        texts = (cast("dict[str, object]", part).get("text") if isinstance(part, dict) else part for part in parts)
        return " ".join(text.strip() for text in texts if isinstance(text, str) and text.strip())


class _Message(_Part):
    call: _Beside[_Call] = None

    @property
    def call_id(self) -> str:
        """Vapi's name of the call; "" where it says none."""
        return self.call.id if self.call else ""

    @property
    def remarks(self) -> list[str]:
        """What the log says of it."""
        return [f"call {self.call_id!r}"] if self.call_id else []


class VoiceRequest(_Message):
    """``voice-request``: a text to be spoken."""

    type: Literal["voice-request"]
    text: str
    sampleRate: Annotated[int, Field(strict=False)]
    voiceId: _Beside[_Label] = None
    assistant: _Beside[_Assistant] = None

    @property
    def voice(self) -> str | None:
        """The voice that the request or its assistant names."""
        voice = self.assistant.voice if self.assistant else None
        return self.voiceId or (voice.voiceId if voice else None)

    @property
    def patience(self) -> float | None:
        """Seconds that Vapi waits, where it says so."""
        voice = self.assistant.voice if self.assistant else None
        return voice.server.timeoutSeconds if voice and voice.server else None


class _Conversation(_Message):
    messages: _Beside[list[_Beside[_Said]]] = None
    messagesOpenAIFormatted: _Beside[list[_Beside[_Said]]] = None

    def question(self) -> str:
        """Return what the caller has said last; "" where it is nothing."""
        said = [*(self.messagesOpenAIFormatted or ()), *(self.messages or ())]
        users = (each for each in reversed(said) if each is not None and each.role == "user")
        return next(filter(None, (each.words() for each in users)), "")


class EndpointingRequest(_Conversation):
    """``call.endpointing.request``: has the caller finished?"""

    type: Literal["call.endpointing.request"]


class KnowledgeRequest(_Conversation):
    """``knowledge-base-request``: what is known about what the caller has said?"""

    type: Literal["knowledge-base-request"]


class Start(_Part):
    """``start``: the first message to a transcriber."""

    type: Literal["start"]
    encoding: Literal["linear16"] = "linear16"
    container: Literal["raw"] = "raw"
    sampleRate: Annotated[int, Field(ge=8000, le=48000)]
    channels: Literal[1, 2]
    call: _Beside[_Call] = None


Message = TypeVar("Message", bound=_Message)


class _Envelope(_Part):
    message: dict[str, Any]


def parse(kind: type[Message], body: bytes) -> Message:
    """Read a server message. Raises RequestError, which repeats nothing of what was sent."""
    return _read(kind, _read(_Envelope, body, "").message, "message.")


def parse_start(text: str) -> Start:
    """Read the first message of a stream. Raises RequestError."""
    return _read(Start, text.encode("utf-8", "replace"), "")


_Model = TypeVar("_Model", bound=BaseModel)


def _read(kind: type[_Model], sent: bytes | dict[str, Any], where: str) -> _Model:
    try:
        return kind.model_validate_json(sent) if isinstance(sent, bytes) else kind.model_validate(sent)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, fault["loc"]))
    complaint = f"{where}{place}: {fault['msg']}" if place else "expected a JSON object"
    raise service_error(complaint, code="invalid_request")
