"""Speak's first audio, over a new connection and over an open one."""

from __future__ import annotations

import time

from ...audio import AudioFormat, loud_seconds
from ...options import SpeakOptions
from ...speak import SpeakClient
from .finding import Bench, Finding, Status

__all__ = ["SENTENCE", "look"]

SENTENCE = "Good morning I would like to book a table for two people at seven this evening"
"""Long enough for words to come before it ends."""
_SLOW = 1.0
"""Seconds; more is a pause that a caller hears."""
_LEAST_SOUND = 0.5
"""Seconds."""


async def look(bench: Bench) -> None:
    """Have a sentence spoken at both rates of telephony; it is what Hear gets to hear. Raises PyAIError."""
    if not bench.may("Speak", "speak:synthesize"):
        return
    async with SpeakClient(bench.endpoint, first_byte_timeout=10.0, gap_timeout=10.0, retry_window=0.0) as client:
        for check, rate in (("Speak, cold", 16000), ("Speak, warm", 8000)):
            bench.tell(await _spoken(bench, client, check, rate))


async def _spoken(bench: Bench, client: SpeakClient, check: str, rate: int) -> Finding:
    began = time.perf_counter()
    async with client.stream(SENTENCE, SpeakOptions(sample_rate=rate)) as speech:
        first = time.perf_counter() - began
        pcm = b"".join([piece async for piece in speech])
    whole = time.perf_counter() - began
    form = AudioFormat(rate)
    if loud_seconds(pcm, form) < _LEAST_SOUND:
        return Finding(
            check, Status.FAIL, "no speech is in what came", "Try another voice; see pyai-voice voices", first
        )
    bench.speech[rate] = pcm
    said = f"first audio; {form.seconds(len(pcm)):.1f} s of speech in {whole:.1f} s"
    if whole > form.seconds(len(pcm)):
        return Finding(check, Status.WARN, f"{said}: slower than it is heard", "Look at the network's bandwidth", first)
    if first > _SLOW:
        return Finding(
            check, Status.WARN, f"{said}: a caller waits", "Use a region near you; keep connections warm", first
        )
    return Finding(check, Status.PASS, said, "", first)
