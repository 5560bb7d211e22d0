"""What answering-machine detection tells: frozen, the same words on every host, in webhooks and in records.

``answered_by`` is an open set: the live event has a coarse class, webhook and record a finer one (PyAI's protocol,
AMD). Ask :meth:`AmdDecision.is_machine` and :meth:`AmdDecision.is_human`, which know both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .events import Connected, Disconnected, Problem

__all__ = ["AmdDecision", "AmdEvent"]

_HUMANS = frozenset({"human", "human_gatekeeper"})
_MACHINES = frozenset({"machine", "voicemail", "live_voicemail", "screening", "ivr", "music", "fax"})
"""``sit_invalid`` (the number is not in service), ``silence`` and ``unknown`` are neither."""


@dataclass(frozen=True, slots=True)
class AmdDecision:
    """Who or what has answered. Comes once for each call."""

    answered_by: str
    """``human``, ``machine``, ``sit_invalid`` or ``unknown``; in webhooks and records also ``voicemail``,
    ``screening``, ``ivr``, ``music``, ``fax``, ``silence`` ... An open set: expect words that are not listed here."""
    answered_by_twilio: str = ""
    """The same in Twilio's words: ``human``, ``machine_start``, ``machine_end_beep``, ``machine_end_silence``,
    ``machine_end_other``, ``fax``, ``unknown``. An open set; empty where the service says none."""
    confidence: float | None = None
    """How sure, 0 to 1."""
    at: float | None = None
    """Seconds of audio that were heard until the decision; not the time that passed."""
    reason: str = ""
    """Why, for people."""
    call_id: str = ""
    """The service's name for the call; its record has the same."""
    subtype: str = ""
    """The finer word, where the service says both."""
    rule_id: str = ""
    """The rule that decided, where it says one: ``decision_timeout``; ``deadline`` and ``hold`` are our own."""
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    """The correlation keys of the call, where the service returns them."""

    def is_machine(self) -> bool:
        """Tell whether a machine has answered, whichever vocabulary says so.

        False wherever it is not certain: a person must not be taken for a machine because a word is new.
        """
        if self.is_human():
            return False
        if {self.answered_by, self.subtype} & _MACHINES:
            return True
        return self._is_open and (self.answered_by_twilio == "fax" or self.answered_by_twilio.startswith("machine_"))

    def is_human(self) -> bool:
        """Tell whether a person has answered."""
        return self.answered_by in _HUMANS or (self._is_open and self.answered_by_twilio == "human")

    @property
    def _is_open(self) -> bool:
        """Whether PyAI's own word says nothing, so that Twilio's counts."""
        return self.answered_by in ("", "unknown")


AmdEvent = AmdDecision | Connected | Disconnected | Problem
"""Everything that an AMD stream yields."""
