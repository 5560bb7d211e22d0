"""A server of OpenAI's Realtime events: client messages in, calls out; facts in, messages out; no socket, no clock.

Above: the server that owns the socket and the conversation. Below: the parts: session, items, caller, response.

* One response at a time; what is told of another one is dropped.
* Every event that cannot be carried out is answered by one ``error`` that names it, and changes nothing.
* The client owns the conversation: each response is asked for with the items as they are then.
* The answer to a commit waits for the words of the commit; the response is announced at once.

A message never makes it raise. Source of the events: ``openai.types.realtime``; those of its beta are read too, and
spoken with ``beta``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Field, ValidationError

from .beta import from_beta, to_beta
from .caller import Caller
from .calls import Answered, CallerAudio, Cancel, Clear, Commit, Configure, RealtimeCall, Respond
from .items import Id, Item, Items, read_item
from .response import Response
from .session import Abilities, Session
from .wire import Fields, Refusal, Unsupported, read_audio, read_event, refusal_of, refuse

__all__ = ["RealtimeServer"]


class _Event(Fields):
    type: str
    event_id: str | None = None


class _ItemEvent(_Event):
    item_id: str


class _Truncate(_ItemEvent):
    content_index: Annotated[int, Field(ge=0)]
    audio_end_ms: Annotated[int, Field(ge=0)]


class _Create(_Event):
    item: dict[str, Any]
    previous_item_id: Id | None = None


class _Cancel(_Event):
    response_id: str | None = None


class _ResponseFields(Fields):
    """What ``response.create`` has beside the settings of a session."""

    metadata: Annotated[dict[str, Annotated[str, Field(max_length=512)]], Field(max_length=16)] | None = None
    conversation: Literal["auto", "none"] | None = None
    input: Annotated[list[Any], Field(max_length=1000)] | None = None
    prompt: Unsupported = None
    reasoning: Unsupported = None
    parallel_tool_calls: Unsupported = None


_Asked = TypeVar("_Asked", bound=_Event)


class RealtimeServer:
    """One session as the server sees it.

    Call :meth:`open` first. Hand every incoming message to :meth:`receive` and do what it returns; tell what happens,
    and do what that returns; after any call send every item of :meth:`data_to_send`.
    """

    def __init__(self, session_id: str, model: str, abilities: Abilities, *, beta: bool = False) -> None:
        """All ids are made of ``session_id``: it must be unique, since clients bring items from session to session."""
        self.session = Session(model=model).updated({"audio": {"output": {"voice": abilities.voice}}}, abilities)
        self.items = Items()
        self._session_id = session_id
        self._abilities = abilities
        self._beta = beta
        self._count = 0
        self._begun = False
        """The conversation has begun: its sound stays as it is."""
        self._response: Response | None = None
        self._waiting: Respond | None = None
        """An announced response that waits for the words of a commit."""
        self._caller = Caller(self.items, self._emit, self._new_id)
        self._outgoing: list[str] = []
        self._events: dict[str, Callable[[dict[str, Any]], list[RealtimeCall]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create,
            "conversation.item.delete": self._delete,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "response.create": self._respond,
            "response.cancel": self._cancel,
        }

    def open(self) -> None:
        """Greet the client."""
        self._emit("session.created", session=self._shown())
        if self._beta:
            self._emit(
                "conversation.created", conversation={"id": self._conversation_id, "object": "realtime.conversation"}
            )

    def data_to_send(self) -> list[str]:
        """Return the messages to send since the last call, in order."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    # What the client says

    def receive(self, message: str | bytes) -> list[RealtimeCall]:
        """Digest one message of the client; never raises."""
        event: dict[str, Any] = {}
        try:
            event = read_event(message)
            return self._handler(event.get("type"))(event)
        except Refusal as refusal:
            self.error(refusal.code, refusal.message, param=refusal.param, event_id=event.get("event_id"))
        return []

    def _handler(self, kind: object) -> Callable[[dict[str, Any]], list[RealtimeCall]]:
        if not isinstance(kind, str):
            refuse("missing_required_parameter", "Missing required parameter: 'type'.", "type")
        if kind not in self._events:
            known = ", ".join(f"'{name}'" for name in self._events)
            refuse("invalid_value", f"Invalid value: '{kind[:64]}'. Supported values are: {known}.", "type")
        return self._events[kind]

    def _update(self, event: dict[str, Any]) -> list[RealtimeCall]:
        session = self.session.updated(from_beta(_object(event, "session")), self._abilities)
        if self._begun and session.audio.input.format.audio != self.session.audio.input.format.audio:
            where = "session.audio.input.format"
            refuse("invalid_value", f"It cannot be changed once the conversation has begun: '{where}'.", where)
        self.session = session
        self._emit("session.updated", session=self._shown())
        return [Configure(self.session)]

    def _append(self, event: dict[str, Any]) -> list[RealtimeCall]:
        audio_format = self.session.audio.input.format.audio
        audio = read_audio(event.get("audio"), audio_format)
        self._begun = True
        self._caller.append(audio_format.seconds(len(audio)))
        return [CallerAudio(audio)] if audio else []

    def _commit(self, event: dict[str, Any]) -> list[RealtimeCall]:
        self._caller.commit()
        return [Commit()]

    def _clear(self, event: dict[str, Any]) -> list[RealtimeCall]:
        self._caller.clear()
        return [Clear()]

    def _create(self, event: dict[str, Any]) -> list[RealtimeCall]:
        asked = _read(_Create, event)
        item = read_item(asked.item, self._new_id("item"))
        if item.kind == "function_call_output" and not self.items.called(item.call_id):
            refuse("invalid_tool_call_id", f"Tool call ID '{item.call_id}' not found in conversation.", "item.call_id")
        before = self.items.insert(item, asked.previous_item_id)
        self._emit("conversation.item.added", previous_item_id=before, item=item.wire())
        self._emit("conversation.item.done", previous_item_id=before, item=item.wire())
        return [Answered(item.call_id, item.output)] if item.kind == "function_call_output" else []

    def _delete(self, event: dict[str, Any]) -> list[RealtimeCall]:
        item = self._item(_read(_ItemEvent, event).item_id, "delete", "deleting")
        self.items.delete(item.item_id)
        self._emit("conversation.item.deleted", item_id=item.item_id)
        return []

    def _retrieve(self, event: dict[str, Any]) -> list[RealtimeCall]:
        item = self._item(_read(_ItemEvent, event).item_id, "retrieve", "retrieving")
        self._emit("conversation.item.retrieved", item=item.wire())
        return []

    def _truncate(self, event: dict[str, Any]) -> list[RealtimeCall]:
        asked = _read(_Truncate, event)
        item = self._item(asked.item_id, "truncate", "truncating")
        if item.role != "assistant" or asked.content_index >= len(item.parts) or not item.parts[0].seconds:
            refuse("unsupported_content_type", "Only model output audio messages can be truncated.", "item_id")
        length = round(1000 * item.parts[0].seconds)
        if asked.audio_end_ms > length:
            said = f"Audio content of {length}ms is already shorter than {asked.audio_end_ms}ms."
            refuse("invalid_value", said, "audio_end_ms")
        item.parts[0].cut(asked.audio_end_ms / 1000)
        self._emit(
            "conversation.item.truncated", item_id=item.item_id, content_index=0, audio_end_ms=asked.audio_end_ms
        )
        return []

    def _item(self, item_id: str, verb: str, doing: str) -> Item:
        item = self.items.get(item_id)
        if item is None:
            said = f"Error {doing} item: the item with id '{item_id[:64]}' does not exist."
            refuse(f"item_{verb}_invalid_item_id", said, "item_id")
        return item

    # Responses

    def _respond(self, event: dict[str, Any]) -> list[RealtimeCall]:
        if self._response is not None:
            refuse(
                "conversation_already_has_active_response",
                f"Conversation already has an active response in progress: {self._response.response_id}. "
                "Wait until the response is finished before creating a new one.",
            )
        given = from_beta(_object(event, "response") if event.get("response") is not None else {})
        own = {name: given.pop(name) for name in _ResponseFields.model_fields.keys() & given.keys()}
        try:
            fields = _ResponseFields.model_validate(own)
        except ValidationError as error:
            refusal = refusal_of(error, "response")
        else:
            return self._begin(self.session.for_response(given, self._abilities), fields)
        raise refusal

    def _begin(self, session: Session, fields: _ResponseFields) -> list[RealtimeCall]:
        items = tuple(self.items) if fields.input is None else self._inputs(fields.input)
        respond = Respond(self._announce(session, fields), session, items)
        if self._caller.unread and fields.input is None:
            self._waiting = respond
            return []
        return [respond]

    def _announce(self, session: Session, fields: _ResponseFields) -> str:
        self._begun = True
        apart = fields.conversation == "none"
        self._response = Response(
            self._new_id("resp"),
            session,
            None if apart else self.items,
            self._emit,
            self._new_id,
            conversation_id=None if apart else self._conversation_id,
            metadata=fields.metadata,
        )
        return self._response.response_id

    def _inputs(self, given: list[Any]) -> tuple[Item, ...]:
        return tuple(self._input(each, f"response.input[{number}]") for number, each in enumerate(given))

    def _input(self, given: object, where: str) -> Item:
        fields = cast("dict[str, object]", given) if isinstance(given, dict) else {}
        if fields.get("type") != "item_reference":
            return read_item(cast("object", given), self._new_id("item"), where)
        item = self.items.get(fields.get("id"))
        if item is None:
            refuse("invalid_value", f"There is no item with this id: '{where}.id'.", f"{where}.id")
        return item

    def _cancel(self, event: dict[str, Any]) -> list[RealtimeCall]:
        asked = _read(_Cancel, event).response_id
        response = self._response
        if response is None or asked not in (None, response.response_id):
            refuse("response_cancel_not_active", "Cancellation failed: no active response found")
        self._end("cancelled", {"reason": "client_cancelled"})
        return [Cancel(response.response_id)]

    # What happens

    def caller_started(self, at: float) -> None:
        """The caller began to speak, at this second of the sound."""
        self._caller.started(at, self.session)

    def caller_stopped(self, at: float) -> None:
        """The caller's utterance is over."""
        self._caller.stopped(at)

    def caller_words(self, stable: str) -> None:
        """So many words of the open utterance will stay as they are."""
        self._caller.words(stable, self.session)

    def caller_said(self, text: str, seconds: float, *, committed: bool = False) -> list[RealtimeCall]:
        """The caller said this in so many seconds; ``committed`` answers the oldest Commit."""
        self._caller.said(text, seconds, self.session, committed=committed)
        if self._waiting is not None and not self._caller.unread:
            waiting, self._waiting = self._waiting, None
            return [Respond(waiting.response_id, waiting.session, tuple(self.items))]
        detection = self.session.audio.input.turn_detection
        if committed or not text or detection is None or not detection.create_response or self._response is not None:
            return []
        return self._begin(self.session, _ResponseFields())

    def agent_said(self, response_id: str, text: str) -> None:
        """The agent says these words; those of speech come before their sound."""
        if response := self._active(response_id):
            response.words(text)

    def agent_audio(self, response_id: str, audio: bytes) -> None:
        """The agent says this, in the output format of its response."""
        if response := self._active(response_id):
            response.audio(audio)

    def function_wanted(self, response_id: str, name: str, arguments: Mapping[str, Any]) -> str:
        """The agent wants a function of the client's: return the id of the call, empty where nobody asks any more."""
        response = self._active(response_id)
        return response.function_call(name, json.dumps(arguments, ensure_ascii=False)) if response else ""

    def response_ended(self, response_id: str) -> None:
        """A response is complete."""
        if self._active(response_id):
            self._end("completed")

    def response_interrupted(self, response_id: str, heard: float) -> None:
        """The caller spoke into a response after so many seconds of its speech."""
        if self._active(response_id):
            self._end("cancelled", {"reason": "turn_detected"}, heard)

    def response_failed(self, response_id: str, code: str, message: str) -> None:
        """A response could not be finished."""
        if self._active(response_id):
            self._end("failed", {"error": {"type": "server_error", "code": code, "message": message}})

    def error(
        self, code: str, message: str, *, param: str | None = None, event_id: object = None, server: bool = False
    ) -> None:
        """Say that something is wrong; the session goes on."""
        self._emit(
            "error",
            error={
                "type": "server_error" if server else "invalid_request_error",
                "code": code,
                "message": message,
                "param": param,
                "event_id": event_id if isinstance(event_id, str) else None,
            },
        )

    def _active(self, response_id: str) -> Response | None:
        response = self._response
        return response if response is not None and response.response_id == response_id else None

    def _end(self, status: Any, details: dict[str, Any] | None = None, heard: float | None = None) -> None:
        response, self._response, self._waiting = cast("Response", self._response), None, None
        response.end(status, details, heard=heard)

    # How

    @property
    def _conversation_id(self) -> str:
        return f"conv_{self._session_id}"

    def _shown(self) -> dict[str, Any]:
        return {"id": f"sess_{self._session_id}", "object": "realtime.session", **self.session.wire()}

    def _new_id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._session_id}_{self._count}"

    def _emit(self, kind: str, /, **fields: Any) -> None:
        event: dict[str, Any] | None = {"type": kind, "event_id": self._new_id("event"), **fields}
        if self._beta:
            event = to_beta(event)
        if event is not None:
            self._outgoing.append(json.dumps(event, separators=(",", ":")))


def _read(kind: type[_Asked], event: dict[str, Any]) -> _Asked:
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        refusal = refusal_of(error)
    raise refusal


def _object(event: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = event.get(name)
    if not isinstance(value, dict):
        refuse("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    return cast("dict[str, Any]", value)
