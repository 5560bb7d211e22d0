"""What can be changed of an Omni agent while a bot runs, as Pipecat wants it, and what becomes of it in PyAI's options.

In a service every field has a value, ``None`` leaves the choice to PyAI; in an update (``LLMUpdateSettingsFrame``) only
the given fields count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Self, cast

from pipecat.services.settings import LLMSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.types import NOT_GIVEN, NotGiven

from ._words import to_iso639

__all__ = ["PyAIOmniSettings"]

_BASE = frozenset({"temperature", "seed"})
_OWN = frozenset(
    {
        "voice",
        "language",
        "greeting",
        "kb_endpoint",
        "consent_line",
        "caller_key",
        "model_tier",
        "session_label",
    }
)


def _given_later() -> Any:
    return field(default_factory=lambda: NOT_GIVEN)


@dataclass
class PyAIOmniSettings(LLMSettings):
    """Settings of an Omni agent; also ``system_instruction``, ``temperature`` and ``seed``.

    ``extra`` holds further fields of PyAI's ``configure`` as they are, e.g. ``barge_sensitivity``. All change during
    the call but ``session_label``, for which a new call is made, that is told what was said so far.
    """

    voice: str | None | NotGiven = _given_later()
    """Voice id."""
    language: Language | str | None | NotGiven = _given_later()
    """Language or ISO 639-1 code."""
    greeting: str | None | NotGiven = _given_later()
    """What the agent says first; empty: it waits for the caller."""
    kb_endpoint: str | None | NotGiven = _given_later()
    """Your knowledge endpoint, which PyAI asks; public, https."""
    consent_line: str | None | NotGiven = _given_later()
    """Said before everything else where calls are recorded."""
    caller_key: str | None | NotGiven = _given_later()
    """Who calls, for continuity from one call to the next."""
    model_tier: str | None | NotGiven = _given_later()
    """Sent only when set."""
    session_label: str | None | NotGiven = _given_later()
    """Your own tag of the call; the id of an agent profile loads that profile."""

    @classmethod
    def complete(cls, given: LLMSettings | None, **own: Any) -> Self:
        """Return the settings of a service: what is given, else ``own``, else PyAI's own choice."""
        nothing: dict[str, Any] = {each.name: None for each in fields(cls) if each.name != "extra"}
        if "use_provider_thinking_default" in nothing:  # not in Pipecat before 1.13, and never None
            nothing["use_provider_thinking_default"] = False
        settings = cls(**(nothing | own))
        return settings.with_changes(given) if given else settings

    def with_changes(self, delta: LLMSettings) -> Self:
        """Return a copy with an update applied."""
        changed = self.copy()
        changed.apply_update(cast("Self", delta))  # of a base class: apply_update looks for the fields that it has
        return changed

    def options(self) -> dict[str, Any]:
        """Return the fields, without the instructions, as arguments of OmniOptions."""
        given = self.given_fields()
        options = {name: value for name, value in given.items() if name in _BASE | _OWN}
        if isinstance(language := options.get("language"), str):
            options["language"] = to_iso639(language)
        return {**options, "extra": dict(self.extra)}

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of some names of settings that mean nothing to PyAI."""
        return [name for name in names if name not in _BASE | _OWN | self.extra.keys() | {"system_instruction"}]
