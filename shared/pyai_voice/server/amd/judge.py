"""Decides who has answered, from what is heard and understood so far. No I/O, no clock but the audio's own.

Above: :mod:`.detector`, which asks it every 20 ms. Below: tones, speech and phrases. The rules, the surest first:

    sit_invalid       three rising tones, or words that say that the number is not in service
    fax               2100 Hz for long, or 1100 Hz for half a second
    voicemail         a beep after speech, or alone; a voicemail's phrases
    ivr, screening    their phrases
    human             words that no machine says, then silence: somebody waits for an answer
    machine           speech for long without waiting for one
    music             sound that changes little and says nothing
    silence           nothing at all
    unknown           the time is over
"""

from __future__ import annotations

from dataclasses import dataclass

from .dial import LONGEST, Dial
from .phrases import Evidence
from .sound import HOP, Moment
from .speech import Speech
from .tones import Tones

__all__ = ["Judge", "Verdict"]

_LOUD = -50.0
"""dB from which on something sounds."""
_ALIKE = 0.9
"""Likeness of a moment to that of 60 ms before from which on it may be music."""
_MUSICAL = 0.5
"""Part of the loud moments that are so in music: 0.7 and more there, below 0.1 in speech."""
_FADING = 3.0
"""How much faster than sound quiet takes back what sounded like music."""
_SPOKEN = 0.5
"""Seconds of speech before a beep, so that it is a recorder's."""
_BEEP, _QUIET = 0.2, 0.3
"""Seconds of a beep after speech; seconds of quiet after one without."""
_LEAST = 0.12
"""Seconds of speech that are an answer and no noise."""
_ECHO = 0.1
"""Seconds for which the voice detector may still take the end of a tone for a voice."""
_READING = 0.6
"""Seconds that an answer may wait for its words to be read."""
_WEAK = 1.0
"""Weight of a machine's phrases from which on silence is the end of its greeting."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who has answered."""

    subtype: str
    """human, machine, voicemail, screening, ivr, music, fax, silence, sit_invalid or unknown."""
    confidence: float
    """0 to 1: how sure the rule that decided is."""
    reason: str
    """For people."""
    at: float
    """Seconds of the call."""
    ended: str = ""
    """How the machine's greeting has ended: beep or silence; empty while it goes on."""
    rule_id: str = ""
    """``decision_timeout`` where no rule decided."""


class Judge:
    """One call. Call :meth:`hear` for each moment, with what else is known then, until it gives the decision."""

    def __init__(self, dial: Dial, timeout: float | None = None) -> None:
        self._dial = dial
        self._timeout = LONGEST if timeout is None else timeout
        self._tones = Tones()
        self._at = 0.0
        self._musical = 0.0
        self._loud = 0.0

    def hear(self, moment: Moment, speech: Speech, evidence: Evidence, *, reading: bool = False) -> Verdict | None:
        """Take the next 20 ms; ``speech`` has heard them as well, ``evidence`` is what is understood by now.

        ``reading``: the latest words are still being read.
        """
        self._at = moment.at
        self._tones.hear(moment)
        tone = self._tones.latest(_ECHO)
        if tone is not None:
            speech.forget(tone.began)
        self._listen_for_music(moment)
        return (
            self._by_tones(speech, evidence)
            or self._by_words(evidence)
            or self._by_pauses(speech, evidence, reading)
            or self._by_sound(speech, evidence)
            or self._by_time(speech)
        )

    def end(self, speech: Speech, evidence: Evidence) -> Verdict:
        """The call is over: decide with what there is."""
        kind, weight, phrase = evidence.machine
        if weight >= _WEAK:
            return self._verdict(kind, 0.6, _said(phrase), ended="silence")
        if _LEAST <= speech.length <= self._dial.monologue and not weight:
            return self._verdict("human", 0.5, f"{speech.length:.1f} s of speech, then the call ended")
        return self._verdict("unknown", 0.0, "the call ended before a decision")

    def _listen_for_music(self, moment: Moment) -> None:
        tone = self._tones.current
        if moment.level < _LOUD:
            self._loud = max(0.0, self._loud - _FADING * HOP)
            self._musical = min(self._musical, self._loud)
        elif tone is None or not tone.network:
            self._loud += HOP
            self._musical += HOP * (moment.likeness >= _ALIKE)

    def _by_tones(self, speech: Speech, evidence: Evidence) -> Verdict | None:
        if self._tones.special_information():
            return self._verdict("sit_invalid", 0.98, "special information tones")
        fax = self._tones.fax() if speech.voiced < _SPOKEN else None
        if fax is not None:
            return self._verdict("fax", 0.95, f"a fax is {fax}")
        return self._by_beep(speech, evidence)

    def _by_beep(self, speech: Speech, evidence: Evidence) -> Verdict | None:
        beep = self._tones.beep()
        if beep is None or self._tones.current is not None:  # the recorder listens when it has ended
            return None
        reason = f"a beep of {beep.frequency:.0f} Hz"
        if speech.voiced >= _SPOKEN and beep.seconds >= _BEEP and beep.began >= speech.until - HOP:
            kind, weight, _ = evidence.machine
            other = kind if weight >= _WEAK and kind in ("ivr", "screening") else "voicemail"
            return self._verdict(other, 0.95, f"{reason} after speech", ended="beep")
        if speech.began is None and not beep.network and self._at - beep.until >= _QUIET:
            return self._verdict("voicemail", 0.7, reason, ended="beep")
        return None

    def _by_words(self, evidence: Evidence) -> Verdict | None:
        kind, weight, phrase = evidence.machine
        if weight - evidence.of("human") < self._dial.phrases:
            return None
        return self._verdict(kind, min(0.99, 0.7 + 0.08 * weight), _said(phrase))

    def _by_pauses(self, speech: Speech, evidence: Evidence, reading: bool) -> Verdict | None:
        if self._tones.current is not None or speech.voiced < _LEAST:  # while a tone sounds nobody waits
            return None
        if speech.silence < self._patience(speech, evidence) + _READING * reading:
            return None
        kind, weight, phrase = evidence.machine
        human = evidence.of("human")
        if weight >= _WEAK and weight > human:
            return self._verdict(kind, 0.7, f"{_said(phrase)}, then silence", ended="silence")
        if speech.length >= self._dial.monologue and not human:
            return self._verdict("machine", 0.7, f"{speech.length:.1f} s of speech, then silence", ended="silence")
        words = f" ('{evidence.words[:40]}')" if evidence.words else ""
        confidence = 0.95 if evidence.greets or human else 0.8
        return self._verdict("human", confidence, f"{speech.length:.1f} s of speech{words}, then silence")

    def _patience(self, speech: Speech, evidence: Evidence) -> float:
        """Return the seconds of silence that show that somebody waits for an answer."""
        human, machine = evidence.of("human"), evidence.machine[1]
        if machine >= _WEAK and machine > human:
            return self._dial.after_introduction
        if human or evidence.greets or not evidence.words:
            return self._dial.after_greeting
        return self._dial.after_introduction if evidence.introduces else self._dial.after_words

    def _by_sound(self, speech: Speech, evidence: Evidence) -> Verdict | None:
        if self._loud >= self._dial.music and self._musical >= _MUSICAL * self._loud:
            return self._verdict("music", 0.85, f"{self._loud:.1f} s of music")
        if speech.length >= self._dial.monologue and not evidence.of("human"):
            return self._verdict("machine", 0.75, f"{speech.length:.1f} s of speech without waiting for an answer")
        quiet = speech.began is None and self._loud < _LEAST and not self._tones.ended
        if quiet and self._tones.current is None and self._at >= self._dial.silence:
            return self._verdict("silence", 0.9, f"{self._at:.1f} s of silence")
        return None

    def _by_time(self, speech: Speech) -> Verdict | None:
        if self._at < self._timeout - HOP / 2:
            return None
        heard = f"{speech.voiced:.1f} s of speech" if speech.began is not None else "nobody spoke"
        return self._verdict("unknown", 0.0, f"undecided after {self._at:.1f} s: {heard}", rule_id="decision_timeout")

    def _verdict(self, subtype: str, confidence: float, reason: str, *, ended: str = "", rule_id: str = "") -> Verdict:
        return Verdict(subtype, round(confidence, 2), reason, self._at, ended, rule_id)


def _said(phrase: str) -> str:
    return f"machine phrase: '{phrase}'"
