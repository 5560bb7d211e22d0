"""Small talk, and facts that somebody wrote down: what the offline brain says without a tool. English. Pure."""

from __future__ import annotations

import re

from . import Prompt
from .quoting import best_sentence, sentences, telling

__all__ = ["NOT_UNDERSTOOD", "fact", "finished", "small_talk"]

_UNKNOWN = "I'm sorry, I don't know that."
NOT_UNDERSTOOD = "Sorry, I did not catch that."
_TALK = {
    r"(hello|hi|hey|good (morning|afternoon|evening))( there)?": "Hello! How can I help you?",
    r"(how are you|how's it going|how do you do)( doing)?( today)?": "I'm well, thank you. How can I help you?",
    r"(thanks|thank you|cheers)( (so|very) much| a lot)?": "You're welcome.",
    r"(bye|goodbye|good bye|bye bye|see you|have a (nice|good) (day|one|evening))": "Goodbye!",
    r"(can you hear me|are you (still )?there|anybody there)": "Yes, I can hear you.",
    r"(are you|am i (talking|speaking) (to|with)) (a |an )?(robot|machine|bot|human|person|computer|ai|real).*": (
        "I am an automated assistant."
    ),
    r"(yes|yeah|yep|okay|ok|alright|sure|no|nope|no thanks|no thank you|that's all|nothing else)": "All right.",
}
"""What makes up a whole utterance -> the answer."""
_FILLER = re.compile(
    r"(?i)^(?:(?:um|uh|er|well|oh|so|okay|ok|and|hi|hello|hey|please|thanks|thank you)[,.!\s]+)+(?=\S)"
)
_WHO = re.compile(
    r"(?i)\b(who are you|what('s| is) your name|who am i (speaking|talking) (to|with)|introduce yourself)\b"
)
_AGAIN = re.compile(r"(?i)\b(say|repeat) (that|it)( again)?\b|\bpardon\b|\bcome again\b|\bwhat did you say\b")
_ORDERS = re.compile(
    r"(?i)^(always|never|do not|don't|be|keep|answer|ask|if|use|greet|speak|say|tell|offer|help|make|please|when"
    r"|you (must|should|can|may|will|never|always))\b"
)
"""How an instruction of the persona begins, which is no fact to tell."""
_ENOUGH, _SURE_PASSAGE = 0.5, 0.4
"""Share of the question that a sentence must have; score from which the best passage answers without."""


def small_talk(prompt: Prompt, text: str) -> str:
    """Return the answer to what is no question about anything; empty where it is one."""
    if _WHO.search(text):
        return _introduction(prompt.persona)
    if _AGAIN.search(text):
        said = (message.text for message in reversed(prompt.messages) if message.role == "assistant" and message.text)
        return next(said, _UNKNOWN)
    plain = re.sub(r"[^\w' ]+", "", text.lower()).strip()
    return next((answer for pattern, answer in _TALK.items() if re.fullmatch(pattern, plain)), "")


def _introduction(persona: str) -> str:
    own = next((each for each in sentences(persona) if re.match(r"(?i)you are ", each)), "")
    return finished(_as_own(own)) if own else "I am an automated assistant."


def _as_own(sentence: str) -> str:
    """Return a sentence of the persona as the agent says it: you are, I am."""
    for pattern, word in ((r"\byou are\b", "I am"), (r"\byou're\b", "I'm"), (r"\byour\b", "my"), (r"\byou\b", "I")):
        sentence = re.sub(rf"(?i){pattern}", word, sentence)
    return sentence[:1].upper() + sentence[1:]


def fact(prompt: Prompt, text: str) -> str:
    """Answer with a sentence of the passages or of the persona; say so where there is none."""
    question = _FILLER.sub("", text)
    for passage in prompt.passages:
        fit, sentence = best_sentence(question, passage.content)
        if fit >= _ENOUGH:
            return finished(sentence)
    facts = "\n".join(each for each in sentences(prompt.persona) if not _ORDERS.match(each))
    fit, sentence = best_sentence(question, facts)
    if fit >= _ENOUGH:
        return finished(_as_own(sentence))
    if prompt.passages and prompt.passages[0].score >= _SURE_PASSAGE:
        return finished(best_sentence(question, prompt.passages[0].content)[1])
    return _UNKNOWN if telling(question) else NOT_UNDERSTOOD


def finished(text: str) -> str:
    """Return a text that ends like a sentence."""
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
