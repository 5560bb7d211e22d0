"""``pyai-voice speak``: to a file, and through a program that plays."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from pyai_voice.audio import read_wav
from pyai_voice.testing import FaultyServer, Hang, Refuse, spoken
from tests.cli.commands import Shell

RECORDER = f"""#!{sys.executable}
import sys
open({{file!r}}, "wb").write(b" ".join(a.encode() for a in sys.argv[1:]) + b"\\n" + sys.stdin.buffer.read())
sys.exit({{status}})
"""


def program(folder: Path, name: str, script: str) -> Path:
    """Put a program into a folder, and return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(script, "utf-8")
    (folder / name).chmod(stat.S_IRWXU)
    return folder


async def test_files_in_every_format(shell: Shell, tmp_path: Path) -> None:
    heads = {"wav": b"RIFF", "mp3": b"ID3", "opus": b"OggS", "flac": b"fLaC", "pcm": b"\0"}
    for suffix, head in heads.items():
        file = tmp_path / f"speech.{suffix}"
        done = await shell.run("speak", "good morning", "-o", file)
        assert (done.stdout, done.stderr) == ("", "")
        assert file.read_bytes().startswith(head)


async def test_a_wav_has_the_rate_that_was_asked_for_and_an_end(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "speech.wav"
    await shell.run("speak", "good morning", "-o", file, "--rate", "8000", "--voice", "stock_low")
    pcm, form = read_wav(file)
    assert form.rate == 8000
    assert form.seconds(len(pcm)) == pytest.approx(1.1, abs=0.01)


async def test_the_text_may_come_on_stdin(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "speech.pcm"
    await shell.program("speak", "-", "-o", file, given=b" good morning\n")
    assert len(file.read_bytes()) == pytest.approx(1.1 * 48000, abs=100)


@pytest.mark.parametrize("player", ["ffplay", "aplay", "paplay", "afplay"])
async def test_it_is_played_by_what_is_here(tmp_path: Path, player: str) -> None:
    taken = tmp_path / "taken"
    path = program(tmp_path / "bin", player, RECORDER.format(file=str(taken), status=0))
    async with FaultyServer() as server:
        await Shell(server.base_url, server.api_key).run("speak", "Hello there.", path=path)
    arguments, _, heard = taken.read_bytes().partition(b"\n")
    if player == "afplay":
        assert arguments.endswith(b"speech.wav")
        assert heard == b""
        return
    assert heard.startswith(b"RIFF") is (player != "paplay")
    assert heard.endswith(spoken("Hello there."))
    assert (b"24000" in arguments) is (player == "paplay")


async def test_a_player_that_fails_is_said(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "aplay", RECORDER.format(file=str(tmp_path / "taken"), status=3))
    async with FaultyServer() as server:
        done = await Shell(server.base_url, server.api_key).run("speak", "Hello.", path=path, status=1)
    assert "aplay cannot play: it ended with status 3" in done.stderr
    assert "-o speech.wav" in done.stderr


async def test_a_player_that_ends_early_is_said(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "aplay", f"#!{sys.executable}\n")
    async with FaultyServer() as server:
        done = await Shell(server.base_url, server.api_key).run("speak", "Hello. " * 300, path=path, status=1)
    assert "aplay cannot play: it takes no audio" in done.stderr


async def test_nothing_that_plays(shell: Shell, tmp_path: Path) -> None:
    done = await shell.run("speak", "good morning", path=tmp_path, status=1)
    assert "nothing here that plays audio" in done.stderr
    assert "-o speech.wav" in done.stderr


async def test_wrong_usage(shell: Shell, tmp_path: Path) -> None:
    assert ".flac" in (await shell.run("speak", "hello", "-o", tmp_path / "speech.xyz", status=2)).stderr
    assert "nothing to say" in (await shell.run("speak", " ", "-o", tmp_path / "a.wav", status=1)).stderr
    assert (
        "no text" in (await shell.program("speak", "-", "-o", tmp_path / "a.wav", given=b"\xff\xd8", status=2)).stderr
    )
    assert (
        "unknown_voice"
        in (await shell.run("speak", "hello", "--voice", "nobody", "-o", tmp_path / "a.wav", status=1)).stderr
    )
    assert os.listdir(tmp_path) == []


async def test_nothing_is_spoken_for_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "folder.wav"
    folder.mkdir()
    async with FaultyServer() as server:
        shell = Shell(server.base_url, server.api_key)
        for file, said in ((tmp_path / "none" / "a.wav", "No such file"), (folder, "it is a folder")):
            assert said in (await shell.run("speak", "hello", "-o", file, status=1)).stderr
        assert server.requests == []


async def test_a_busy_service_is_asked_again_and_a_silent_one_given_up(tmp_path: Path) -> None:
    file = tmp_path / "speech.pcm"
    async with FaultyServer(speak=[Refuse(429, "rate_limit_exceeded", 0)]) as server:
        shell = Shell(server.base_url, server.api_key)
        await shell.run("speak", "Hello.", "-o", file)
        assert file.read_bytes() == spoken("Hello.")
        server.speak.append(Refuse(403, "insufficient_scope"))
        assert "scope" in (await shell.run("speak", "Hello.", "-o", file, status=1)).stderr
    assert file.read_bytes() == spoken("Hello.")


async def test_ctrl_c_ends_it_without_a_word_and_without_a_file(tmp_path: Path) -> None:
    async with FaultyServer(speak=[Hang()]) as server:
        shell = Shell(server.base_url, server.api_key)
        process = await shell.start("speak", "Hello.", "-o", str(tmp_path / "a.wav"))
        await server.until(lambda: server.requests)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"")
    assert os.listdir(tmp_path) == []
