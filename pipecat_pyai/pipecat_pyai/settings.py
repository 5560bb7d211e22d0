"""What can be changed while a bot runs, as Pipecat wants it, and what becomes of it in PyAI's options.

In a service every field has a value, ``None`` leaves the choice to PyAI. In an update (``STTUpdateSettingsFrame``,
``TTSUpdateSettingsFrame``) only the given fields count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self, cast

from pipecat.services.settings import STTSettings, TTSSettings
from pipecat.transcriptions.language import Language
from pipecat.utils.types import NOT_GIVEN, NotGiven

from pyai_voice.errors import ConfigurationError
from pyai_voice.options import CueOptions, HearOptions, SpeakOptions

from ._words import to_iso639

__all__ = ["PyAISTTSettings", "PyAITTSSettings"]


def _given_later() -> Any:
    return field(default_factory=lambda: NOT_GIVEN)


@dataclass
class PyAISTTSettings(STTSettings):
    """Settings of Hear; also ``model`` and ``language``.

    ``endpointing_ms`` and what Cue does change on the open connection, all others with a new one, opened as soon as
    nobody speaks; no audio is lost in either case.
    """

    interim_results: bool | NotGiven = _given_later()
    """Whether interim transcripts are wanted."""
    endpointing_ms: int | None | NotGiven = _given_later()
    """Trailing silence that ends an utterance, 50 to 5000 milliseconds."""
    vocabulary: list[str] | tuple[str, ...] | NotGiven = _given_later()
    """Words to listen for; PyAI uses at most five."""
    numerals: bool | None | NotGiven = _given_later()
    """Write numbers as digits."""
    smart_format: bool | None | NotGiven = _given_later()
    """Format dates, amounts and the like."""
    dictation: bool | None | NotGiven = _given_later()
    """Understand spoken punctuation."""
    drop_fillers: bool | None | NotGiven = _given_later()
    """Leave out um and uh."""
    grounding: bool | NotGiven = _given_later()
    """Cue: also return passages of the organisation's knowledge base (for PyAIGroundingProcessor)."""
    eager: bool | NotGiven = _given_later()
    """Cue: predict the end of a turn, so that the answer is begun early; only where Cue ends turns."""
    eager_threshold: float | NotGiven = _given_later()
    """Cue: how sure a prediction must be, 0 to 1: lower is earlier and more often withdrawn."""
    backchannel_threshold: float | None | NotGiven = _given_later()
    """Cue: from which likelihood on words are only a sign of listening ("mhm", UserBackchannelFrame) and no transcript;
    only where Cue ends turns and the service says how likely it is. None: never."""

    @classmethod
    def complete(
        cls, model: str, language: Language | str | None, cue: CueOptions | None, given: STTSettings | None
    ) -> Self:
        """Return the settings of a service: what is given, else PyAI's own choice."""
        cue = CueOptions() if cue is None else cue
        if not isinstance(cue, CueOptions):
            raise ConfigurationError(f"cue: expected CueOptions(...), not {cue!r}", code="invalid_option")
        settings = cls(
            model=model,
            language=language or None,
            interim_results=True,
            endpointing_ms=None,
            vocabulary=(),
            numerals=None,
            smart_format=None,
            dictation=None,
            drop_fillers=None,
            **cue.model_dump(),
            backchannel_threshold=0.8,
        )
        return settings.with_changes(given) if given else settings

    def with_changes(self, delta: STTSettings) -> Self:
        """Return a copy with an update applied."""
        changed = self.copy()
        changed.apply_update(cast("Self", delta))  # of a base class: apply_update looks for the fields that it has
        return changed

    def options(self) -> dict[str, Any]:
        """Return the fields as arguments of :class:`~pyai_voice.options.HearOptions`."""
        fields = self.given_fields()
        if isinstance(language := fields.get("language"), str):
            fields["language"] = to_iso639(language)
        cue = CueOptions(**{name: fields[name] for name in _CUE & fields.keys()})
        return {"cue": cue, **{name: value for name, value in fields.items() if name in _HEAR}}

    def take(self, options: HearOptions) -> None:
        """Become what a stream's options are."""
        listening = {name: getattr(options, name) for name in _HEAR}
        self.apply_update(type(self)(**listening, **options.cue.model_dump()))

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of some names of settings that mean nothing to PyAI."""
        return [name for name in names if name not in _HEAR | _CUE | {"backchannel_threshold"}]


@dataclass
class PyAITTSSettings(TTSSettings):
    """Settings of Speak, in force from the next sentence; also ``model`` and ``voice`` (None: PyAI's default)."""

    speed: float | None | NotGiven = _given_later()
    """0.25 to 4; sent only when set, PyAI may refuse it."""
    seed: int | None | NotGiven = _given_later()
    """Sent only when set."""
    temperature: float | None | NotGiven = _given_later()
    """0 to 2; sent only when set."""

    @classmethod
    def complete(cls, model: str, voice: str | None, given: TTSSettings | None) -> Self:
        """Return the settings of a service: what is given, else PyAI's own choice."""
        settings = cls(model=model, voice=voice or None, language=None, speed=None, seed=None, temperature=None)
        return settings.with_changes(given) if given else settings

    def with_changes(self, delta: TTSSettings) -> Self:
        """Return a copy with an update applied."""
        changed = self.copy()
        changed.apply_update(cast("Self", delta))  # of a base class: apply_update looks for the fields that it has
        return changed

    def options(self, sample_rate: int) -> SpeakOptions:
        """Return the options of a request for pcm at ``sample_rate``. Raises ConfigurationError for a wrong value."""
        fields = {name: value for name, value in self.given_fields().items() if name in _SPEAK}
        return SpeakOptions(sample_rate=sample_rate, **fields)

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Return those of some names of settings that mean nothing to Speak: ``language``, which the voice decides."""
        return [name for name in names if name not in _SPEAK]


_HEAR = frozenset(HearOptions.model_fields) - {"sample_rate", "query", "cue", "turns"}
_CUE = frozenset(CueOptions.model_fields)
_SPEAK = frozenset(SpeakOptions.model_fields) - {"sample_rate", "response_format"}
