"""TwiML: what Twilio is to do with a call.

Source: Twilio, "TwiML Voice: <Stream>"; PyAI's protocol, AMD ("Twilio").
"""
# twilio's TwiML classes have no types
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import re
from collections.abc import Mapping

from twilio.twiml.voice_response import Connect, Dial, Start, Stream, VoiceResponse

from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import Endpoint
from pyai_voice.protocol.amd.wire import STREAM_PATH, custom_parameters

from .options import is_destination

__all__ = ["UNSPEAKABLE", "apologise", "connect", "detect", "transfer"]

UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML has no way to write."""

_LONGEST_PARAMETER = 500
"""Characters of a parameter's name and value together; Twilio's limit."""


def connect(
    url: str, parameters: Mapping[str, str] | None = None, response: VoiceResponse | None = None
) -> VoiceResponse:
    """Return TwiML that gives the call to a media stream, in both directions, until that ends; then the call ends too.

    ``url`` is a wss:// address without a query; what the bridge or a Pipecat bot shall know goes into ``parameters``.
    ``response`` is TwiML that comes before, such as :func:`detect`'s. Raises ConfigurationError for what Twilio does
    not take.
    """
    response = response or VoiceResponse()
    doing = Connect()
    doing.append(_stream(url, parameters or {}))
    response.append(doing)
    return response


def detect(
    endpoint: Endpoint,
    options: AmdOptions | None = None,
    *,
    call_sid: str = "",
    hold: float = 0.0,
) -> VoiceResponse:
    """Return TwiML that lets PyAI hear who has answered, beside whatever the call does next.

    The decision goes to ``options.webhook`` (check it with :func:`pyai_voice.webhooks.verify_webhook`) and into the
    call's record; ``call_sid`` is returned with it as the parameter ``call_sid``. ``hold`` seconds nothing is said:
    a decision that comes earlier may redirect the call over REST, and when they are over the TwiML goes on. Twilio can
    send neither headers nor a query, so the TwiML has the key in it: answer Twilio alone, over TLS. Raises
    ConfigurationError for what Twilio does not take.
    """
    options = options or AmdOptions()
    said = {"api_key": endpoint.api_key.get_secret_value(), **custom_parameters(options)}
    if options.aggressiveness is not None:
        said["aggressiveness"] = f"{options.aggressiveness:g}"
    if options.session_label:
        said["session_label"] = options.session_label
    if call_sid:
        said["call_sid"] = call_sid
    doing = Start()
    doing.append(_stream(endpoint.websocket_url(STREAM_PATH), said))
    response = VoiceResponse()
    response.append(doing)
    if hold:
        response.pause(length=max(1, round(hold)))
    return response


def transfer(destination: str) -> VoiceResponse:
    """Return TwiML that connects the caller to a number or a SIP address. Raises ConfigurationError for another."""
    if not is_destination(destination):
        raise ConfigurationError("destination: expected +15551234567 or sip:name@host", code="invalid_option")
    response = VoiceResponse()
    dial = Dial()
    if destination.startswith("+"):
        dial.number(destination)
    else:
        dial.sip(destination)
    response.append(dial)
    return response


def apologise(text: str, language: str = "en-US") -> VoiceResponse:
    """Return TwiML that says a sentence and hangs up."""
    response = VoiceResponse()
    response.say(text, language=language)
    response.hangup()
    return response


def _stream(url: str, parameters: Mapping[str, str]) -> Stream:
    if not url.startswith(("wss://", "ws://")) or "?" in url:
        raise ConfigurationError("url: expected a wss:// address without a query", code="invalid_option")
    stream = Stream(url=url)
    for name, value in parameters.items():
        if not name or len(name) + len(value) > _LONGEST_PARAMETER:
            message = f"parameter {name[:40]!r}: expected at most {_LONGEST_PARAMETER} characters with its value"
            raise ConfigurationError(message, code="invalid_option")
        if UNSPEAKABLE.search(name + value):
            raise ConfigurationError(f"parameter {name[:40]!r}: has a control character", code="invalid_option")
        stream.parameter(name=name, value=value)
    return stream
