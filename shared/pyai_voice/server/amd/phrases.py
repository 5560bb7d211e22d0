"""What machines and people say when they answer. English only; a phrase counts once, however often it is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Evidence", "find_evidence"]

_RULES: tuple[tuple[str, float, str], ...] = (
    # voicemail: what nobody says on the telephone himself
    ("voicemail", 2.0, r"leave (me |us )?(a|your|the)( \w+){0,3} message"),
    ("voicemail", 2.0, r"leave (me |us )?(a |your |the )?(message|name|number|details)"),
    ("voicemail", 2.0, r"(after|at|for|until|hear) (the|a) (tone|beep|signal)"),
    ("voicemail", 2.0, r"voice ?(mail|messag\w+)|(mail|message) ?box|answering machine|answer ?phone"),
    ("voicemail", 2.0, r"record (your|a) message"),
    ("voicemail", 1.5, r"(can'?t|cannot|unable to|not able to|couldn'?t) (come|get) to (the|my) phone"),
    ("voicemail", 1.5, r"(can'?t|cannot|unable to|not able to) (take|answer) (your|the|my|this) (call|phone)"),
    ("voicemail", 1.5, r"(available|here) to (take|answer) your call"),
    ("voicemail", 1.5, r"(sorry )?i('ve| have)? missed your call"),
    (
        "voicemail",
        1.5,
        r"(person|party|subscriber|customer|number|user) you('re| are|'ve| have)? (\w+ )?(to )?(reach|call|dial)\w*"
        r"( is| are| was|'s)? (\w+ )?(not|un)",
    ),
    ("voicemail", 1.5, r"(call|get|ring|phone) you (right )?back"),
    ("voicemail", 1.5, r"return your call"),
    ("voicemail", 1.5, r"(call|calls) (has been|have been|is being|was) forwarded"),
    ("voicemail", 1.5, r"you know (the drill|what to do)"),
    ("voicemail", 1.0, r"you('ve| have)? reached"),
    ("voicemail", 1.0, r"(i|we|team|someone|somebody)('ll| will) (get in touch|get back|respond|contact you)"),
    ("voicemail", 1.0, r"away from (the|my) (phone|desk|office)"),
    ("voicemail", 1.0, r"(i'?m|we'?re|is|are) (currently |either |presently )?(un|not )available"),
    ("voicemail", 1.0, r"can'?t (answer|talk) (right now|at the moment|the phone)"),
    ("voicemail", 1.0, r"on the other line|out of the office|(we are|we're) (now |currently )?closed"),
    ("voicemail", 0.5, r"try (your call )?again later|as soon as (possible|i can|we can)|office hours|business hours"),
    # menus
    ("ivr", 2.0, r"\bpress (the )?(one|two|three|four|five|six|seven|eight|nine|zero|star|pound|hash|\d)\b"),
    ("ivr", 2.0, r"(para|en) espa[nñ]ol|oprima"),
    ("ivr", 2.0, r"menu|automated (attendant|system|assistant)|virtual (agent|assistant)"),
    ("ivr", 2.0, r"(calls?|line|conversations?) (may|will|might|is|are) (be )?(being )?(recorded|monitored)"),
    ("ivr", 2.0, r"party'?s extension|dial (it|the extension|by name) (at any time|now)"),
    ("ivr", 1.5, r"your call (is|will be) (very )?(important|answered)"),
    (
        "ivr",
        1.5,
        r"(agents?|representatives?|operators?|assistants?|lines) (are|is) (all |currently |still )*"
        r"(busy|assisting|helping|with)",
    ),
    ("ivr", 1.5, r"stay on the line|remain on the line|number \w+ in (the )?(queue|line)|wait(ing)? time|call volume"),
    ("ivr", 1.5, r"please hold (while|for)|say or (enter|press|key)|(enter|key in) your"),
    ("ivr", 1.0, r"listen carefully|if this is an emergency|for \w+( \w+)?, (press|say)"),
    ("ivr", 0.5, r"welcome to|thank(s| you) for calling"),
    # screening
    ("screening", 2.0, r"(say|state|record|tell me) your name"),
    ("screening", 2.0, r"reason (for|of) (your call|calling)|why you('re| are) calling|screening"),
    ("screening", 2.0, r"(see|ask|check) (if|whether) (they|this|the|that)\b|call (assist|filter|screen\w*)"),
    (
        "screening",
        1.5,
        r"before i (try to )?connect|calls from unknown|who is calling and|state your (business|reason)",
    ),
    (
        "screening",
        1.0,
        r"(person|party) you('re| are) (trying to call|calling)|(say|tell me|tell us|know) who is calling",
    ),
    # the number is not in service
    ("sit_invalid", 2.0, r"(not|no longer) (in (service|use)|assigned|connected)|out of service|did not go through"),
    ("sit_invalid", 2.0, r"(cannot|can'?t|could not) be completed"),
    ("sit_invalid", 2.0, r"(has been|is|was) disconnected|not a working number|does not exist"),
    ("sit_invalid", 1.0, r"number you (have |'ve )?(dialed|dialled)|(check|verify) the number"),
    # people
    (
        "human",
        2.0,
        r"(can|could|may) (i|we|you) (please )?(call|ring|phone) (you |me |us )?(right )?(back|later|again)",
    ),
    ("human", 1.0, r"(how|what) (can|may|could) (i|we) (help|do|get)|what can i get"),
    ("human", 1.0, r"who('s| is) (this|it|calling|speaking|there)\b(?! and)"),
    ("human", 1.0, r"\bspeaking\b|can you hear me|\bwhat'?s up\b"),
)
_PATTERNS = tuple(
    (kind, weight, re.compile(rf"\b(?:{pattern})" if pattern[0] != "\\" else pattern))
    for kind, weight, pattern in _RULES
)
_SHORT = re.compile(
    r"^(?:um |uh |oh |er )*(?:(?:hello|hi|hey|yes|yeah|yep|yo|good (?:morning|afternoon|evening|day)|hullo|allo)\b ?)+"
    r"(?:there|sir)?$"
)
_INTRODUCES = re.compile(r"\b(?:this is|it'?s|i'?m|you'?re speaking|speaking with)\b")
_APOSTROPHES = str.maketrans({"’": "'", "`": "'"})
_NOT_WORDS = re.compile(r"[^a-zà-ÿ0-9' ]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the words so far speak for."""

    words: str = ""
    """In small letters, without punctuation."""
    weights: tuple[tuple[str, float, str], ...] = ()
    """Kind of answer, weight of all its phrases, the weightiest of them; the weightiest kind first."""
    greets: bool = False
    """They are a short greeting and nothing else."""
    introduces: bool = False
    """Somebody says who he is, as people and their voicemails do."""

    def of(self, kind: str) -> float:
        """Return the weight for a kind of answer."""
        return next((weight for each, weight, _ in self.weights if each == kind), 0.0)

    @property
    def machine(self) -> tuple[str, float, str]:
        """The weightiest kind of machine, its weight and its phrase."""
        return next((each for each in self.weights if each[0] != "human"), ("", 0.0, ""))


def find_evidence(text: str) -> Evidence:
    """Return what a text speaks for."""
    words = " ".join(_NOT_WORDS.sub(" ", text.lower().translate(_APOSTROPHES)).split())
    found = dict[str, list[tuple[float, str]]]()
    for kind, weight, pattern in _PATTERNS:
        if match := pattern.search(words):
            found.setdefault(kind, []).append((weight, match[0]))
    weights = [(kind, sum(weight for weight, _ in each), max(each)[1]) for kind, each in found.items()]
    weights.sort(key=lambda each: -each[1])
    return Evidence(words, tuple(weights), bool(_SHORT.match(words)), bool(_INTRODUCES.search(words)))
