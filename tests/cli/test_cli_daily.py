"""``pyai-voice voices|models|agents|calls|jobs`` on the local server, and what each says when it cannot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import KEY, Done, Shell, recording
from tests.core.scripted_http import answering, scripted
from tests.server.conftest import Local

EVERY = [
    ("voices",),
    ("models",),
    ("agents", "list"),
    ("agents", "show", "agent_1"),
    ("agents", "create", "Desk"),
    ("agents", "delete", "agent_1"),
    ("calls", "list"),
    ("calls", "show", "call_1"),
    ("jobs", "list"),
    ("jobs", "show", "job_1"),
    ("jobs", "wait", "job_1"),
    ("jobs", "cancel", "job_1"),
    ("speak", "Hello.", "-o", "never.wav"),
]


def sentence(done: Done) -> str:
    """Return the one line of a complaint."""
    (line,) = done.stderr.splitlines()
    assert line.startswith("pyai-voice: ")
    return line


async def test_voices_and_models(shell: Shell) -> None:
    table = (await shell.run("voices")).stdout
    assert "stock_tone" in table
    assert "A tone." in table
    assert {"stock_tone"} <= {each["voice_id"] for each in (await shell.run("voices", "--json")).json}
    assert (await shell.run("voices", "--gender", "X", "--json")).json == []
    assert "no such voices" in (await shell.run("voices", "--gender", "X")).stdout
    assert "pyai-hear" in (await shell.run("models")).stdout
    assert "pyai-speak" in {each["id"] for each in (await shell.run("models", "--json")).json}


async def test_an_agent_is_made_listed_shown_and_deleted(shell: Shell, tmp_path: Path) -> None:
    assert "agents create" in (await shell.run("agents", "list")).stdout
    settings = tmp_path / "desk.json"
    settings.write_text(json.dumps({"greeting": "Hi.", "vocabulary": ["Kowalski"], "name": "ignored"}), "utf-8")
    arguments = ("agents", "create", "Front desk", "--greeting", "Good morning.", "--settings", settings)
    agent = (await shell.run(*arguments)).stdout.strip()
    listed = (await shell.run("agents", "list")).stdout
    assert agent in listed
    assert "Front desk" in listed
    shown = (await shell.run("agents", "show", agent, "--json")).json
    assert (shown["greeting"], shown["vocabulary"], shown["name"]) == ("Good morning.", ["Kowalski"], "Front desk")
    assert "Kowalski" in (await shell.run("agents", "show", agent)).stdout
    assert agent in (await shell.run("agents", "delete", agent)).stdout
    assert (await shell.run("agents", "list", "--json")).json == []
    assert "not_found" in sentence(await shell.run("agents", "show", agent, status=1))


@pytest.mark.parametrize("content, said", [("[1]", "not a JSON object"), ("{", "not JSON"), (None, "No such file")])
async def test_settings_that_cannot_be_read(shell: Shell, tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "desk.json"
    if content is not None:
        file.write_text(content, "utf-8")
    assert said in sentence(await shell.run("agents", "create", "Desk", "--settings", file, status=1))


async def test_a_list_asks_for_no_more_than_it_prints(shell: Shell) -> None:
    for number in range(3):
        await shell.run("agents", "create", f"Desk {number}")
    assert len((await shell.run("agents", "list", "--limit", "2", "--json")).json) == 2


async def test_a_recording_becomes_a_job_that_is_waited_for_listed_and_shown(shell: Shell, tmp_path: Path) -> None:
    call = tmp_path / "call.wav"
    call.write_bytes(recording(0.4))
    subtitles = tmp_path / "call.srt"
    await shell.run("jobs", "create", call, "--wait", "-o", subtitles)
    assert "w1 w2." in subtitles.read_text("utf-8")
    assert "-->" in subtitles.read_text("utf-8")
    assert "--wait" in (await shell.run("jobs", "create", call, "-o", subtitles, status=2)).stderr
    none = tmp_path / "none" / "call.txt"
    assert "No such file" in (await shell.run("jobs", "create", call, "--wait", "-o", none, status=1)).stderr
    assert len((await shell.run("jobs", "list", "--json")).json) == 1
    job = (await shell.run("jobs", "create", call)).stdout.strip()
    assert (await shell.run("jobs", "wait", job)).stdout == "w1 w2.\n"
    assert json.loads((await shell.run("jobs", "wait", job, "--format", "json")).stdout)["text"] == "w1 w2."
    assert (await shell.run("jobs", "wait", job, "--format", "vtt")).stdout.startswith("WEBVTT\n")
    assert job in (await shell.run("jobs", "list")).stdout
    assert (await shell.run("jobs", "list", "--limit", "1", "--json")).json[0]["job_id"] == job
    assert "completed" in (await shell.run("jobs", "show", job)).stdout
    assert "already" in sentence(await shell.run("jobs", "cancel", job, status=1))


async def test_a_job_that_failed_or_was_cancelled_is_said() -> None:
    failed = {"job_id": "job_1", "status": "failed", "error": "no sound"}
    async with scripted(answering(200, failed)) as server:
        shell = Shell(server.endpoint().base_url, KEY)
        assert "no sound" in sentence(await shell.run("jobs", "wait", "job_1", status=1))
    async with scripted(answering(200, {**failed, "status": "cancelled"})) as server:
        shell = Shell(server.endpoint().base_url, KEY)
        assert (await shell.run("jobs", "cancel", "job_1")).stdout == "job_1 is cancelled\n"
        assert (server.requests[0].method, server.requests[0].target) == ("POST", "/v1/transcription/jobs/job_1/cancel")


async def test_a_speaker_stands_before_the_words() -> None:
    segments = [{"start": 0, "end": 1, "text": "Hi.", "speaker": "speaker_1"}, {"start": 1, "end": 2, "text": "Yes."}]
    job = {"job_id": "job_1", "status": "completed", "result": {"text": "Hi. Yes.", "segments": segments}}
    async with scripted(answering(200, job)) as server:
        done = await Shell(server.endpoint().base_url, KEY).run("jobs", "wait", "job_1")
    assert done.stdout == "speaker_1: Hi.\nYes.\n"


async def test_a_call_is_shown_with_what_was_said_and_done() -> None:
    entries: list[dict[str, Any]] = [
        {"kind": "said", "role": "agent", "text": "Good \x1b[31mmorning.", "start": 0.5},
        {"kind": "said", "role": "agent", "text": "We open", "interrupted": True, "start": 2.0},
        {"kind": "tool", "name": "book", "arguments": {"day": "Monday"}, "result": {"ok": True}, "start": 3.0},
    ]
    call = {"call_id": "call_1", "status": "completed", "duration": 4.25, "entries": entries}
    async with scripted(answering(200, call)) as server:
        shell = Shell(server.endpoint().base_url, KEY)
        shown = (await shell.run("calls", "show", "call_1")).stdout
        assert (await shell.run("calls", "show", "call_1", "--json")).json["entries"][1]["interrupted"] is True
    assert all(words in shown for words in ("4.25", "morning.", "We open (interrupted)", "book(", "Monday", "0.50"))
    assert "\x1b" not in shown


async def test_no_calls(shell: Shell) -> None:
    assert (await shell.run("calls", "list")).stdout == "There are no calls\n"
    assert (await shell.run("calls", "list", "--label", "desk", "--json")).json == []


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
async def test_without_a_key_it_says_how_to_get_a_server(arguments: tuple[str, ...]) -> None:
    said = sentence(await Shell(None, None).run(*arguments, status=1))
    assert "PYAI_API_KEY" in said
    assert "pyai-voice serve" in said


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
async def test_a_wrong_key_is_a_sentence_with_the_remedy(local: Local, arguments: tuple[str, ...]) -> None:
    said = sentence(await Shell(local.server.base_url, KEY).run(*arguments, status=1))
    assert "401" in said
    assert "PYAI_API_KEY" in said


@pytest.mark.parametrize("arguments", [("agents", "list"), ("jobs", "list"), ("calls", "list")], ids=" ".join)
async def test_a_scope_that_is_missing(local: Local, arguments: tuple[str, ...]) -> None:
    key = (await local.server.app.state.stores.keys.mint(("hear:*",))).secret
    said = sentence(await Shell(local.server.base_url, key).run(*arguments, status=1))
    assert "403" in said
    assert "scope" in said


@pytest.mark.parametrize("arguments", EVERY, ids=" ".join)
async def test_a_server_that_is_not_pyai(arguments: tuple[str, ...]) -> None:
    async with scripted(answering(200, b"<html>Welcome</html>", "text/html")) as server:
        done = await Shell(server.endpoint().base_url, KEY).run(*arguments, status=0 if "delete" in arguments else 1)
    assert "delete" in arguments or "base_url" in sentence(done)


@pytest.mark.parametrize(
    "base_url, said", [("http://example.com", "http only to this machine"), ("nonsense", "expected an address")]
)
async def test_an_address_that_is_wrong(base_url: str, said: str) -> None:
    assert said in sentence(await Shell(base_url, KEY).run("voices", status=1))
    assert said in sentence(await Shell(None, KEY).run("voices", "--base-url", base_url, status=1))


@pytest.mark.parametrize("command", ["voices", "models", "speak", "transcribe", "agents", "calls", "jobs", "doctor"])
async def test_help_has_an_example(command: str) -> None:
    groups = {"agents": "create", "calls": "show", "jobs": "wait"}
    arguments = (command, groups[command]) if command in groups else (command,)
    shown = (await Shell(None, None).run(*arguments, "--help")).stdout
    assert f" pyai-voice {' '.join(arguments)}" in shown.replace("Usage: pyai-voice", "")
    assert "PYAI_API_KEY" in shown
