"""The client's ledger of tool calls: each is answered exactly once, in time, whatever happens.

Above: :mod:`.client`. Source: PyAI's protocol, "Tools (client loop)": about five seconds for an answer, results over
about 6 kB are cut, a call may be sent twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from ..plain_json import read_json
from .wire import compact, control_message

__all__ = ["LARGEST_RESULT", "Call", "ToolLedger", "answer_message", "failure_message", "read_call", "shortened"]

LARGEST_RESULT = 6_000
"""Bytes of a result as JSON."""
_MOST_PENDING = 32
"""Calls that may wait at once."""
_REMEMBERED = 1_000
"""Calls that are remembered, to know one that is sent again."""


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation as the service asks for it."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    fault: str = ""
    """Why it cannot be carried out; empty where it can."""


def read_call(fields: Mapping[str, Any]) -> Call | None:
    """Read a ``tool_call`` in any of its spellings; None where there is no id to answer to."""
    call_id = fields.get("call_id")
    if not isinstance(call_id, str) or not call_id:
        return None
    function = fields.get("function")
    inner = cast("dict[str, Any]", function) if isinstance(function, dict) else {}
    name = fields.get("name") or fields.get("tool") or inner.get("name")
    arguments = _arguments(
        next((bag[key] for bag in (fields, inner) for key in ("arguments", "args") if key in bag), None)
    )
    if not isinstance(name, str):
        return Call(call_id, "", {}, "the call names no tool")
    if arguments is None:
        return Call(call_id, name, {}, "the arguments are no JSON object")
    return Call(call_id, name, arguments)


def _arguments(given: object) -> dict[str, Any] | None:
    if isinstance(given, str):
        try:
            given = read_json(given or "{}")
        except ValueError:
            return None
    if given is None:
        return {}
    return cast("dict[str, Any]", given) if isinstance(given, dict) else None


def shortened(result: object) -> tuple[object, int] | None:
    """Return a result, cut where it is too large (then as text, with a note), and its size in bytes as JSON.

    None for what JSON cannot say.
    """
    try:
        data = compact(result)
    except (TypeError, ValueError, RecursionError):
        return None
    if len(data) <= LARGEST_RESULT:
        return result, len(data)
    kept = data[: LARGEST_RESULT // 2].decode("utf-8", "ignore")
    return f"{kept} ... (cut: {len(data)} bytes are more than {LARGEST_RESULT})", len(data)


def answer_message(call_id: str, result: object) -> tuple[bytes, str]:
    """Return the ``tool_result`` message, and what is wrong with the result ("" if nothing).

    What JSON cannot say is answered as an error; what is too large is cut.
    """
    readable = shortened(result)
    if readable is None:
        return failure_message(call_id, "the tool's result cannot be written as JSON"), "is not JSON"
    kept, size = readable
    message = control_message({"type": "tool_result", "call_id": call_id, "result": kept})
    return message, f"has {size} bytes; what is over {LARGEST_RESULT} was cut" if size > LARGEST_RESULT else ""


def failure_message(call_id: str, error: str) -> bytes:
    """Return the ``tool_result`` message of a call that failed."""
    return control_message({"type": "tool_result", "call_id": call_id, "error": error[:1000]})


class ToolLedger:
    """Which calls wait for an answer until when. Every ``now`` is in seconds of one clock."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._seen: dict[str, None] = {}

    @property
    def pending(self) -> tuple[str, ...]:
        """Ids of the calls that wait for an answer, oldest first."""
        return tuple(self._due)

    def knows(self, call_id: str) -> bool:
        """Tell whether this call came before."""
        return call_id in self._seen

    def admit(self, call_id: str, due: float) -> bool:
        """Note a new call, to be answered by ``due``; False: too many wait, answer it as failed."""
        self._seen[call_id] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(each for each in self._seen if each not in self._due)]
        if len(self._due) >= _MOST_PENDING:
            return False
        self._due[call_id] = due
        return True

    def close(self, call_id: str) -> bool:
        """Take a call as answered; False where it does not wait (any longer): then send nothing."""
        return self._due.pop(call_id, None) is not None

    def overdue(self, now: float) -> list[str]:
        """Return the calls whose time is up; close them."""
        late = [call_id for call_id, due in self._due.items() if now >= due]
        for call_id in late:
            del self._due[call_id]
        return late

    def void(self) -> tuple[str, ...]:
        """Forget everything: the connection is gone. Return the calls that waited."""
        waited = self.pending
        self._due.clear()
        self._seen.clear()
        return waited
