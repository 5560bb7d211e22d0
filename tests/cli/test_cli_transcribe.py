"""``pyai-voice transcribe``: files, stdin, and a microphone that is a program of the test."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from pyai_voice.audio import AudioFormat, wav_bytes
from pyai_voice.cli.sources import stdin_source
from pyai_voice.errors import AudioError
from pyai_voice.testing import FaultyServer, Refuse, coded_speech, silence
from tests.cli.commands import Shell, recording
from tests.cli.test_cli_speak import program
from tests.core.scripted_http import answering, scripted
from tests.server.fakes import tone

MICROPHONE = f"""#!{sys.executable}
import sys, time
sys.stdout.buffer.write(open({{file!r}}, "rb").read())
sys.stdout.flush()
time.sleep({{seconds}})
sys.exit({{status}})
"""
SAID = coded_speech(50) + silence(1)


@pytest.fixture
def call(tmp_path: Path) -> Path:
    file = tmp_path / "call.wav"
    file.write_bytes(recording(0.6))
    return file


async def test_the_words_of_a_file(shell: Shell, call: Path) -> None:
    done = await shell.run("transcribe", call)
    assert (done.stdout, done.stderr) == ("w1 w2 w3.\n", "")


async def test_every_format(shell: Shell, call: Path, tmp_path: Path) -> None:
    for name, beginning in (("a.srt", "1\n00:00:00,"), ("a.vtt", "WEBVTT\n\n00:00:00."), ("a.txt", "w1 w2 w3.\n")):
        await shell.run("transcribe", call, "-o", tmp_path / name)
        assert (tmp_path / name).read_text("utf-8").startswith(beginning)
    found = (await shell.run("transcribe", call, "--format", "json")).json
    assert found["text"] == "w1 w2 w3."
    assert found["name"] == str(call)
    assert found["segments"][0]["end"] == pytest.approx(0.6, abs=0.15)


async def test_several_files_of_which_one_is_none(shell: Shell, call: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(recording(0.2))
    noise = tmp_path / "noise.wav"
    noise.write_bytes(b"no sound")
    done = await shell.run("transcribe", call, noise, other, status=1)
    assert done.stdout == f"== {call}\nw1 w2 w3.\n\n== {other}\nw1.\n"
    assert str(noise) in done.stderr
    folder = tmp_path / "texts"
    await shell.run("transcribe", call, other, "--format", "vtt", "-o", folder)
    assert sorted(each.name for each in folder.iterdir()) == ["call.wav.vtt", "other.wav.vtt"]
    both = (await shell.run("transcribe", call, other, "--format", "json")).json
    assert [each["text"] for each in both] == ["w1 w2 w3.", "w1."]


async def test_what_is_done_is_kept_when_the_service_gives_up(call: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(recording(0.2))
    folder = tmp_path / "texts"
    broke = answering(402, {"error": {"message": "No credit"}})
    for written in ((), ("-o", folder)):
        async with scripted(answering(200, {"text": "Hello."}), broke) as server:
            shell = Shell(server.endpoint().base_url, "pyai_test_canary-1")
            done = await shell.run("transcribe", call, other, *written, status=1)
        assert "No credit" in done.stderr
        assert done.stdout == ("" if written else f"== {call}\nHello.\n")
    assert [each.name for each in folder.iterdir()] == ["call.wav.txt"]


async def test_nothing_is_sent_for_what_cannot_be_written(call: Path, tmp_path: Path) -> None:
    same = tmp_path / "more" / call.name
    same.parent.mkdir()
    same.write_bytes(recording(0.6))
    async with scripted(answering(200, {"text": "Hello."})) as server:
        shell = Shell(server.endpoint().base_url, "pyai_test_canary-1")
        for arguments, said in [
            ((call, "-o", tmp_path / "none" / "a.txt"), "No such file"),
            ((call, "-o", same.parent), "it is a folder"),
            ((call, tmp_path / "other.wav", "-o", call), "Cannot make the folder"),
            ((call, same, "-o", tmp_path / "texts"), "would both become"),
            ((call, "--live", "-o", tmp_path / "none" / "a.txt"), "No such file"),
        ]:
            assert said in (await shell.run("transcribe", *arguments, status=1)).stderr
    assert server.requests == []


async def test_a_device_takes_what_is_said(shell: Shell, call: Path, tmp_path: Path) -> None:
    done = await shell.program("transcribe", call, "-o", "/dev/stdout", "--format", "txt")
    assert done.stdout == "w1 w2 w3.\n"
    full = await shell.program("transcribe", call, "-o", "/dev/full", "--format", "txt", status=1)
    assert "No space left on device" in full.stderr


async def test_a_service_without_segments_gives_one(call: Path) -> None:
    async with scripted(answering(200, {"text": "Hello."})) as server:
        shell = Shell(server.endpoint().base_url, "pyai_test_canary-1")
        assert "\nHello.\n" in (await shell.run("transcribe", call, "--format", "srt")).stdout


async def test_live_files_give_partial_results(tmp_path: Path) -> None:
    file = tmp_path / "call.wav"
    file.write_bytes(wav_bytes(SAID, AudioFormat(16000)))
    async with FaultyServer() as server:
        shell = Shell(server.base_url, server.api_key)
        done = await shell.run("transcribe", "--live", file)
        quiet = await shell.run("transcribe", "--live", "--quiet", file, "--format", "srt")
        missing = await shell.run("transcribe", "--live", tmp_path / "none.wav", status=1)
    assert done.stdout == "0-49.\n"
    assert done.stderr.startswith("... 0-")
    assert "0-49." in quiet.stdout
    assert quiet.stderr == ""
    assert "No such file" in missing.stderr


async def test_a_wav_on_stdin() -> None:
    given = wav_bytes(SAID, AudioFormat(16000)) + b"LIST\x0a\0\0\0INFOmore.." + tone(0.5)
    async with FaultyServer() as server:
        done = await Shell(server.base_url, server.api_key).program("transcribe", "-", "-q", given=given)
    assert (done.stdout, done.stderr) == ("0-49.\n", "")


async def piped(monkeypatch: pytest.MonkeyPatch, given: bytes, rate: int | None = None) -> tuple[int, bytes]:
    """Return the rate and the samples that are read where this comes on stdin."""
    out, into = os.pipe()
    with os.fdopen(out) as stdin, os.fdopen(into, "wb") as pipe:
        monkeypatch.setattr(sys, "stdin", stdin)
        pipe.write(given)
        pipe.close()
        found, source = await stdin_source(rate)
        return found, b"".join([piece async for piece in source])


async def test_what_comes_on_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = tone(0.1)
    endless = bytearray(wav_bytes(sound, AudioFormat(8000)))
    endless[4:8] = endless[40:44] = b"\xff\xff\xff\xff"
    assert await piped(monkeypatch, bytes(endless)) == (8000, sound)
    assert await piped(monkeypatch, wav_bytes(sound, AudioFormat(44100)) + b"more") == (44100, sound)
    assert await piped(monkeypatch, sound + b"\1", 16000) == (16000, sound)


@pytest.mark.parametrize(
    "given", [b"", b"no sound at all", wav_bytes(bytes(400), AudioFormat(4000)), b"RIFF\0\0\0\0WAVE" + bytes(65_524)]
)
async def test_stdin_that_is_no_wav(monkeypatch: pytest.MonkeyPatch, given: bytes) -> None:
    with pytest.raises(AudioError, match="--rate"):
        await piped(monkeypatch, given)


def microphones(folder: Path, sounddevice: str, name: str, *, seconds: int = 0, status: int = 0) -> Path:
    """Return a folder with a module sounddevice and a program that records what is in ``said``."""
    script = MICROPHONE.format(file=str(folder / "said"), seconds=seconds, status=status)
    path = program(folder / "bin", name, script)
    (path / "sounddevice.py").write_text(sounddevice, "utf-8")
    return path


async def until_it_has_heard(process: asyncio.subprocess.Process, server: FaultyServer) -> tuple[int, bytes, bytes]:
    """Press Ctrl-C when the words are there; return what is left of it."""
    await server.until(lambda: server.streams and any('"final"' in each for each in server.streams[0].told))
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(20):
        out, err = await process.communicate()
    return process.returncode or 0, out, err


async def test_the_microphone_until_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(SAID)
    path = microphones(tmp_path, "raise OSError('PortAudio library not found')", "arecord", seconds=60)
    async with FaultyServer() as server:
        shell = Shell(server.base_url, server.api_key)
        process = await shell.start("transcribe", "--microphone", "-o", str(tmp_path / "said.txt"), path=path)
        status, out, err = await until_it_has_heard(process, server)
    assert (status, out) == (0, b""), err
    assert b"listening; Ctrl-C ends it" in err
    assert (tmp_path / "said.txt").read_text("utf-8") == "0-49.\n"


SOUNDDEVICE = """
import threading
class PortAudioError(Exception): pass
class RawInputStream:
    def __init__(self, callback, samplerate, channels, dtype, blocksize):
        assert (samplerate, channels, dtype) == (16000, 1, "int16")
        self.callback, self.size = callback, 2 * blocksize
    def __enter__(self):
        threading.Thread(target=self.record).start()
    def record(self):
        said = open({file!r}, "rb").read()
        for start in range(0, len(said), self.size):
            self.callback(memoryview(said[start : start + self.size]), self.size // 2, None, None)
    def __exit__(self, *_): pass
"""


async def test_the_microphone_through_sounddevice(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(SAID)
    path = microphones(tmp_path, SOUNDDEVICE.format(file=str(tmp_path / "said")), "unused")
    async with FaultyServer() as server:
        shell = Shell(server.base_url, server.api_key)
        process = await shell.start("transcribe", "--microphone", path=path)
        status, out, err = await until_it_has_heard(process, server)
    assert (status, out) == (0, b"0-49.\n"), err


async def test_a_microphone_that_fails(tmp_path: Path) -> None:
    (tmp_path / "said").write_bytes(b"")
    path = microphones(tmp_path, "raise ImportError", "parec", status=7)
    async with FaultyServer() as server:
        shell = Shell(server.base_url, server.api_key)
        done = await shell.program("transcribe", "--microphone", path=path, status=1)
    assert "cannot record: it ended with status 7" in done.stderr
    assert "alsa-utils" in done.stderr


async def test_no_microphone(shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    done = await shell.run("transcribe", "--microphone", path=tmp_path, status=1)
    assert "nothing here that records" in done.stderr
    assert "arecord" in done.stderr


async def test_a_stream_that_is_refused(call: Path) -> None:
    async with FaultyServer(hear=[Refuse(403, "insufficient_scope")]) as server:
        done = await Shell(server.base_url, server.api_key).run("transcribe", "--live", call, status=1)
    assert "scope" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((), "one of the two"),
        (("a.wav", "--microphone"), "one of the two"),
        (("-", "a.wav"), "alone"),
        (("a.wav", "--rate", "8000"), "--rate"),
        (("a.wav", "b.wav", "--format", "srt"), "folder"),
        (("a.wav", "-o", "a.doc"), ".srt"),
    ],
)
async def test_wrong_usage(arguments: tuple[str, ...], said: str) -> None:
    done = await Shell(None, None).run("transcribe", "--language", "en", *arguments, status=2)
    assert said in " ".join(done.stderr.split())
