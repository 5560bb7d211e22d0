"""A second reader and writer of Omni's frames, in JavaScript, understands each frame as the package does.

``omni_frames.mjs`` is no client of PyAI: it was written for this test from the description of the wire (tags, JSON,
PCM, bounds), in the language of PyAI's own example client and widget, and shares no code with the package. So what it
guards against is a slip in one of two implementations, not an error of the description.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from struct import pack, unpack
from typing import Any

import pytest

from pyai_voice.protocol.omni.wire import (
    Audio,
    Control,
    Malformed,
    Words,
    audio_message,
    control_message,
    read_client_message,
    read_server_message,
    words_message,
)

from .test_omni_wire import CONFIGURE, DELTA, DTMF, FLUSH, SAMPLES

_NODE = shutil.which("node")
_SCRIPT = Path(__file__).with_name("omni_frames.mjs")
_LEVELS = (-32768, -16384, 0, 16383, 32767)

pytestmark = pytest.mark.skipif(_NODE is None, reason="needs node")


def node(read: list[tuple[str, bytes]], write: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the script's readings and the frames that it wrote."""
    assert _NODE
    asked = {"read": [{"from": who, "hex": frame.hex()} for who, frame in read], "write": write}
    told = subprocess.run([_NODE, str(_SCRIPT)], input=json.dumps(asked).encode(), capture_output=True, timeout=30)
    assert told.returncode == 0, told.stderr.decode()
    return json.loads(told.stdout)


def ours(who: str, frame: bytes) -> dict[str, Any]:
    """Return the package's reading in the script's words."""
    match read_client_message(frame) if who == "client" else read_server_message(frame):
        case Audio(pcm):
            return {"kind": "audio", "samples": list(unpack(f"<{len(pcm) // 2}h", pcm))}
        case Control(fields):
            return {"kind": "control", "fields": fields}
        case Words(text, speaker, replaces, final, sequence):
            words = {"text": text, "speaker": speaker, "replaces": replaces, "final": final, "sequence": sequence}
            return {"kind": "words", **words}
        case Malformed():
            return {"kind": "malformed"}


@pytest.mark.conforms("O-02")
def test_the_golden_frames_are_read_and_written_alike_in_both_languages() -> None:
    golden = [("client", CONFIGURE), ("client", DTMF), ("client", SAMPLES), ("server", SAMPLES)]
    golden += [("server", DELTA), ("server", FLUSH), ("client", b"\x01"), ("server", b"\x01")]
    told = node(
        golden,
        [
            {"control": {"type": "configure", "persona": "hi"}},
            {"control": {"type": "dtmf", "digits": "5"}},
            {"control": {"event": "flush", "reason": "energy"}},
            {"text": "Hi Eva"},
            {"samples": _LEVELS},
            {"samples": []},
        ],
    )
    assert told["read"] == [ours(who, frame) for who, frame in golden]
    assert "malformed" not in {each["kind"] for each in told["read"]}
    assert told["write"] == [each.hex() for each in (CONFIGURE, DTMF, FLUSH, DELTA, SAMPLES, b"\x01")]


EVENTS: tuple[dict[str, Any], ...] = (
    {"event": "hello", "call_id": "c1", "protocol": 2, "audio_in": "pcm16@16000", "audio_out": "pcm16@24000"},
    {"event": "session_started", "call_id": "c1"},
    {"event": "configured", "voice_id": "onyx", "greeting": True, "kb": False, "tools": 4, "endpointing_ms": 650},
    {"event": "turn_begin", "call_id": "c1", "turn": 3, "since_caller_end_ms": 712.5},
    {"event": "transcript", "role": "assistant", "text": "Grüß Gott, ça va? 你好 😀", "final": False},
    {"type": "audio_position", "sent_ms": 1200, "realtime_ms": 800},
    {"event": "tool_call", "call_id": "t1", "name": "look", "arguments": {"a": [1, None, {"b": "\u2028"}]}},
    {"event": "transfer_to_human", "destination": "+15550100"},
    {"event": "error", "code": "unknown_voice", "message": "no such voice"},
)
CONTROLS: tuple[dict[str, Any], ...] = (
    {"type": "tool_result", "call_id": "t1", "result": {"ok": True, "total": 9.5}},
    {"type": "tool_result", "call_id": "t1", "error": 'out of "stock"\n'},
    {"type": "configure", "persona": "é" * 32_000, "tools": [{"name": "look", "parameters": {"type": "object"}}]},
    {"type": "session_ending"},
)


def test_what_the_package_writes_is_read_alike_and_the_other_way_round() -> None:
    frames = [("server", control_message(fields)) for fields in EVENTS]
    frames += [("client", control_message(fields)) for fields in CONTROLS]
    frames += [("server", words_message("où\tça\n")), ("server", audio_message(pack("<3h", 1, -2, 3)))]
    told = node(frames, [{"control": fields} for fields in (*EVENTS, *CONTROLS)])
    assert told["read"] == [ours(who, frame) for who, frame in frames]
    for written, (who, frame) in zip(told["write"], frames, strict=False):
        assert ours(who, bytes.fromhex(written)) == ours(who, frame)


BROKEN: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"\x04{}",
    b"{}",
    b"\x03",
    b"\x03[1]",
    b"\x03{",
    b"\x03\xff",
    b'\x03\xef\xbb\xbf{"event":"flush"}',
    b"\x01\x00",
    b"\x01{}",
    b'\x01{"detail":"unknown voice"}',
    b'\x01{"text":"abc"}',
    b"\x02",
    b"\x02\xff\xfe",
    b"\x02bell \x07",
    "\x02c1 \x85".encode(),
    b"\x02{not json",
    b"\x02" + b"x" * 4000,
    b"\x02" + b"x" * 4001,
    b"\x02" + "😀".encode() * 4000,
    b"\x02" + b" " * 16_385,
    b'\x02  {"role":"user","delta":"x"}',
    b'\x02\n{"role":"user","delta":"x"}',
    b"\x03" + b" " * 16_385,
)
ROLES, TEXTS = ("user", "caller", "assistant", "agent", "robot", 3, None), ("Hi", "", "x" * 4001, "\ud800", 5, "a\tb")
FINALS, SEQUENCES = (True, False, "yes", 1), (0, 7, -1, 1.5, True, "1")


def random_transcript(dice: random.Random) -> bytes:
    """Return words as JSON, as right or wrong as the dice will have them."""
    fields: dict[str, Any] = {dice.choice(("role", "speaker")): dice.choice(ROLES[: dice.choice((4, 7))])}
    fields[dice.choice(("text", "transcript", "delta"))] = dice.choice(TEXTS[: dice.choice((1, 6))])
    if dice.random() < 0.4:
        fields["final"] = dice.choice(FINALS)
    if dice.random() < 0.4:
        fields["sequence"] = dice.choice(SEQUENCES)
    if dice.random() < 0.3:
        fields[dice.choice(("event", "type"))] = dice.choice(("transcript", "flush"))
    return b"\x02" + json.dumps(fields).encode()


def test_broken_frames_and_a_thousand_random_ones_are_read_alike() -> None:
    dice = random.Random(0)
    frames = [*BROKEN, *(random_transcript(dice) for _ in range(500))]
    frames += [bytes((dice.randrange(5),)) + dice.randbytes(dice.randrange(12)) for _ in range(500)]
    both = [(who, frame) for frame in frames for who in ("client", "server")]
    expected = [ours(who, frame) for who, frame in both]
    assert node(both, [])["read"] == expected
    assert {each["kind"] for each in expected} == {"audio", "words", "control", "malformed"}
