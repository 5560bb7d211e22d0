from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyai_voice.audio import resample
from pyai_voice.server.engines import Priority
from pyai_voice.server.engines.load import Engines
from pyai_voice.server.engines.moonshine import find_moonshine
from pyai_voice.server.engines.moonshine_tokens import Tokens, read_tokens
from pyai_voice.server.engines.vocabulary import MOST_TERMS, Vocabulary, likeness


async def heard(engines: Engines, text: str, *terms: str) -> str:
    pcm = b"".join([part async for part in engines.synthesizer.stream(text)])
    pcm = resample(pcm, engines.synthesizer.rate, engines.recognizer.rate)
    return (await engines.recognizer.recognize(pcm, Priority.FINAL, engines.vocabulary(terms))).text


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("My router is a Zyxel.", "Zyxel"),
        ("We run it on Kubernetes now.", "Kubernetes"),
        ("Mister Kaczmarek will call you.", "Kaczmarek"),
        ("I bought a Dell yesterday.", "Dell"),
    ],
)
async def test_a_rare_word_is_heard_when_it_is_listened_for(engines: Engines, said: str, term: str) -> None:
    assert term in await heard(engines, said, "mocha", term)


@pytest.mark.parametrize(
    ("said", "term"),
    [
        ("Please tell me what you want.", "Dell"),
        ("We played poker all night.", "mocha"),
        ("The scheme was a failure.", "skim"),
        ("I have an apple and a banana.", "Anna"),
        ("He was an American.", "Americano"),
    ],
)
async def test_a_term_that_was_not_said_is_not_invented(engines: Engines, said: str, term: str) -> None:
    with_term, without = await heard(engines, said, term), await heard(engines, said)
    assert with_term == without
    assert term not in with_term


SOUNDS = {"mocha": "mOkə", "moka": "mOkə", "tell": "tɛl", "dell": "dɛl", "sku": "ɛskAju", "99": "nIndinIn"}


def sounds(text: str) -> str:
    return "".join(SOUNDS.get(word, word) for word in text.lower().replace("-", " ").split())


@pytest.mark.parametrize(
    ("text", "term", "written"),
    [
        ("A large moka, please.", "mocha", "A large mocha, please."),
        ("Moka is fine. Moka!", "mocha", "Mocha is fine. Mocha!"),
        ("Order sku 99 today.", "SKU-99", "Order SKU-99 today."),
        ("Please tell me.", "Dell", "Please tell me."),
        ("Nothing like it.", "Zyxel", "Nothing like it."),
        ("", "mocha", ""),
    ],
)
def test_by_sound_alone_only_what_is_very_close_is_changed(text: str, term: str, written: str) -> None:
    assert Vocabulary([term], sounds).correct(text) == written


def test_what_the_audio_denies_is_left_and_it_is_asked_with_the_whole_text() -> None:
    asked: list[tuple[str, str, float]] = []

    def deny(text: str, heard: str, alike: float) -> bool:
        asked.append((text, heard, alike))
        return False

    assert Vocabulary(["mocha"], sounds).correct("A moka.", deny) == "A moka."
    assert asked == [("A mocha.", "moka", 1.0)]


def test_five_terms_count() -> None:
    terms = [f"term{number}" for number in range(MOST_TERMS)] + ["mocha"]
    assert Vocabulary(terms, sounds).correct("A moka.") == "A moka."
    assert not Vocabulary()
    assert Vocabulary().correct("A moka.") == "A moka."


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_text_and_any_terms(text: str, terms: list[str]) -> None:
    Vocabulary(terms).correct(text)
    assert Vocabulary(terms).correct(text, lambda *_: False).casefold().split() or not text.split()


@given(st.text(max_size=8), st.text(max_size=8))
def test_likeness_is_even_handed_and_between_0_and_1(one: str, other: str) -> None:
    assert 0 <= likeness(one, other) <= 1
    assert likeness(one, other) == pytest.approx(likeness(other, one))
    assert likeness(one, one) == (1 if one else 0)


def test_tokens_are_read_and_written() -> None:
    data = bytes([1, 65, 2, 66, 67, 0x80 + 1, 1]) + bytes(129) + b"\x06<0x41>" + b"\x05<<a>>"
    assert read_tokens(data) == [b"A", b"BC", bytes(129), b"A", b""]
    tokens = Tokens((find_moonshine() / "tokenizer.bin").read_bytes())
    for text in ("I would like to ask about Mocha today.", "Reykjavik, 99% naïve!", "日本 🎉"):
        assert tokens.decode(tokens.encode(text)) == text
    assert tokens.encode("I would like to ask about Mocha today.") == [
        *(306, 723, 763, 304, 2244, 1048),
        *(341, 2878, 29874, 9826, 29889),
    ]
