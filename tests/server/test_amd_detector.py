"""The whole detector with the real engines, on made calls: what is said, and what sounds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.amd.sounds import (
    RATE,
    Samples,
    beep,
    fax_answer,
    fax_call,
    hold_music,
    joined,
    line,
    silence,
    special_information,
    tone,
)
from pyai_voice import g711
from pyai_voice.audio import resample
from pyai_voice.server.amd.detector import Detector, DetectorOptions
from pyai_voice.server.amd.judge import Verdict
from pyai_voice.server.engines.load import Engines

BEFORE = 0.4
"""Seconds of silence before anything sounds."""


async def answered(engines: Engines, *parts: Samples | str, aggressiveness: float = 0.5) -> Verdict:
    """Answer a call with sounds and texts, on a telephone line."""
    sounds = [silence(BEFORE)]
    for part in parts:
        sounds.append(await said(engines, part) if isinstance(part, str) else part)
    pcm = g711.decode(line(joined([*sounds, silence(4.0)]), np.random.default_rng(7)))
    detector = Detector(engines, DetectorOptions(aggressiveness, settled=True))
    try:
        return await detector.hear(pcm) or await detector.finish()
    finally:
        await detector.aclose()


async def said(engines: Engines, text: str) -> Samples:
    pcm = b"".join([part async for part in engines.synthesizer.stream(text)])
    return np.frombuffer(resample(pcm, engines.synthesizer.rate, RATE), "<i2") / 32768


async def test_a_short_hello_is_a_person_within_a_second_and_a_half(engines: Engines) -> None:
    verdict = await answered(engines, "Hello?")
    assert verdict.subtype == "human"
    assert verdict.at - BEFORE < 1.6
    assert "hello" in verdict.reason


async def test_a_receptionist_is_a_person(engines: Engines) -> None:
    verdict = await answered(engines, "Good morning, Oak Street Dental, this is Karen. How can I help you?")
    assert verdict.subtype == "human"


async def test_a_voicemail_is_known_by_its_words_before_it_has_finished(engines: Engines) -> None:
    text = "Please leave a message after the tone, and I will call you back as soon as I can."
    verdict = await answered(engines, text, silence(0.5), beep(np.random.default_rng(1)))
    assert (verdict.subtype, verdict.ended) == ("voicemail", "")
    assert verdict.at - BEFORE < 3.0
    assert "message" in verdict.reason


async def test_a_voicemail_without_the_usual_words_is_known_by_its_beep(engines: Engines) -> None:
    verdict = await answered(engines, "Hey, it's Mike. You know what to do.", silence(0.4), tone(0.5, 1000))
    assert (verdict.subtype, verdict.ended) == ("voicemail", "beep")


@pytest.mark.parametrize(
    ("text", "subtype"),
    [
        ("Thank you for calling. For sales, press one.", "ivr"),
        ("If you record your name and reason for calling, I'll see if this person is available.", "screening"),
        ("We're sorry, the number you have dialed is not in service.", "sit_invalid"),
    ],
)
async def test_other_machines_are_known_by_their_words(engines: Engines, text: str, subtype: str) -> None:
    assert (await answered(engines, text)).subtype == subtype


@pytest.mark.parametrize(
    ("sound", "subtype"),
    [
        (special_information("intercept"), "sit_invalid"),
        (fax_answer(), "fax"),
        (fax_call(), "fax"),
        (hold_music(np.random.default_rng(3), 8.0), "music"),
        (tone(0.6, 1400), "voicemail"),
        (silence(8.0), "silence"),
    ],
    ids=["special information", "fax answering", "fax calling", "music", "a beep alone", "silence"],
)
async def test_what_is_no_voice_is_known(engines: Engines, sound: Samples, subtype: str) -> None:
    assert (await answered(engines, sound)).subtype == subtype


async def test_the_dial_trades_time_for_certainty(engines: Engines) -> None:
    sure, soon = [await answered(engines, "Hello?", aggressiveness=part) for part in (0.0, 1.0)]
    assert sure.subtype == soon.subtype == "human"
    assert soon.at < sure.at - 0.4


async def test_the_pieces_of_a_call_do_not_matter(engines: Engines) -> None:
    pcm = g711.decode(
        line(joined([silence(BEFORE), await said(engines, "Hello?"), silence(3.0)]), np.random.default_rng(7))
    )
    verdicts = list[Verdict | None]()
    for size in (320, 1110, len(pcm)):
        detector = Detector(engines, DetectorOptions(settled=True))
        for start in range(0, len(pcm), size):
            await detector.hear(pcm[start : start + size])
        verdicts.append(detector.verdict)
        assert await detector.finish() == detector.verdict
        await detector.aclose()
    assert verdicts[0] is not None
    assert verdicts == [verdicts[0]] * 3
