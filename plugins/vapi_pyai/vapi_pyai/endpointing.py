"""Custom endpointing model: how long Vapi shall wait until the caller's turn is over, as Cue sees it.

Vapi asks with each new transcript, and the last answer counts. Where our transcriber hears the same call, Cue has
listened to the sound as well; else the words alone are judged.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse

from pyai_voice.server.door import Reply
from pyai_voice.words import has_more_to_say, is_finished

from .calls import Calls, Turn
from .options import EndpointingOptions
from .wire import EndpointingRequest, parse

__all__ = ["CustomEndpointing", "seconds_to_wait"]


class CustomEndpointing:
    """Decides turns for Vapi."""

    def __init__(self, calls: Calls, options: EndpointingOptions) -> None:
        self._calls = calls
        self._options = options

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request. Raises ServiceError."""
        asked = parse(EndpointingRequest, await request.body())
        text = asked.question()
        call = self._calls.find(asked.call_id, text)
        turn: Turn = call.turn if call else "unknown"
        reply.remarks += [*asked.remarks, f"turn {turn}" if call else "words alone"]
        await reply.give(JSONResponse({"timeoutSeconds": seconds_to_wait(text, turn, self._options)}))


def seconds_to_wait(text: str, turn: Turn, options: EndpointingOptions) -> float:
    """Return the answer for the caller's last words and what Cue thinks of the turn."""
    if turn == "unknown":
        return _by_words(text, options)
    return {"ended": options.decided, "predicted": options.predicted, "open": options.speaking}[turn]


def _by_words(text: str, options: EndpointingOptions) -> float:
    if has_more_to_say(text):
        return options.unfinished
    return options.finished if is_finished(text) else options.possible
