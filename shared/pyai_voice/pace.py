"""How large the messages of a caller's audio are. No I/O, no clock.

Above: :mod:`pyai_voice.hear`. A first partial must not wait for audio, and most of a call is silence, which may.
"""

from __future__ import annotations

from .audio import AudioFormat, peak

__all__ = ["Pace"]

_MESSAGE = 0.04
"""Seconds of audio in a message while an utterance is open."""
_QUIET_MESSAGE = 0.1
"""The same while nobody speaks."""
_ONSET_MESSAGE = 0.02
"""The same between the first sound of speech and its first transcript."""
_ONSET = 0.5
"""Seconds for which a sound may be the beginning of speech."""
_SOUND = 300
"""Sample value from which on a sound may be speech; more than the noise of a quiet line."""


class Pace:
    """Is asked about each piece of audio."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._message, self._quiet_message, self._onset_message, self._onset = map(
            audio_format.size, (_MESSAGE, _QUIET_MESSAGE, _ONSET_MESSAGE, _ONSET)
        )
        self._onset_until = 0

    def worth_sending(self, pcm: bytes, end: int, speaking: bool) -> int:
        """Return how many bytes are worth a message, now that ``pcm`` has come, which ends at byte ``end`` of all."""
        if speaking:
            return self._message
        if end < self._onset_until:
            return self._onset_message
        if peak(pcm) <= _SOUND:
            return self._quiet_message
        self._onset_until = end + self._onset
        return self._onset_message
