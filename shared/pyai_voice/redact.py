"""Secrets that this process holds, and their removal from anything that can be read.

Above: errors, options, link and http. Below: nothing. A key is registered once, when an
:class:`~pyai_voice.options.Endpoint` is built; from then on :func:`clean` and
:class:`SecretFilter` take it out of messages of servers and of libraries' debug logs.
"""

from __future__ import annotations

import logging
import re

__all__ = ["MASK", "SecretFilter", "clean", "forget", "register"]

MASK = "[key hidden]"

_SHORTEST = 6
"""Characters; something shorter is no secret, and taking it out would spoil every word that has it."""
_secrets: set[str] = set()
_headers = re.compile(r"(?i)(authorization|x-api-key|sec-websocket-protocol)(['\"]?\s*[:,=]\s*b?['\"]?)[^'\"\r\n]*")
_shapes = re.compile(r"(?i)\b(?:pyai_(?:live|test)|ap)_[A-Za-z0-9_.~-]{6,}")


def register(secret: str) -> None:
    """Remember a secret so that :func:`clean` removes it wherever it turns up; fewer than 6 characters are none."""
    if len(secret) >= _SHORTEST:
        _secrets.add(secret)


def forget(secret: str) -> None:
    """Stop looking for a secret: this process does not hold it any more."""
    _secrets.discard(secret)


def clean(text: str) -> str:
    """Return ``text`` without any registered secret, credential header or key-shaped word."""
    text = _headers.sub(rf"\1\2{MASK}", text)
    for secret in _secrets:
        text = text.replace(secret, MASK)
    return _shapes.sub(MASK, text)


class SecretFilter(logging.Filter):
    """Clean every record of the loggers it is added to, whatever its level."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the record's message by its clean form; never drop a record."""
        record.msg, record.args = clean(record.getMessage()), None
        return True
