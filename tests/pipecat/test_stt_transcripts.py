"""Hear in a real Pipecat pipeline: transcripts as frames, and which of them are finalized."""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import (
    InterimTranscriptionFrame,
    TranscriptionFrame,
    UserAudioRawFrame,
    VADUserStartedSpeakingFrame,
)
from pipecat.transcriptions.language import Language

from pyai_voice.events import Transcript
from tests.core.scripted import Peer, answer_commits, scripted, stay
from tests.pipecat.hearing import SECOND, hear
from tests.pipecat.pipeline import Happenings, audio, running

# Transcripts


async def test_interim_and_final_transcripts_become_frames_with_language_user_and_source() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="partial", text="flat", stable_text="", active_text="flat", utterance_id="a", t_ms=10)
        await peer.hear_commit()
        await peer.final("Flat white.", utterance_id="a", language="en")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        frames = [UserAudioRawFrame(frame.audio, 16000, 1, user_id="ada") for frame in audio(0.2)]
        await pipeline.send(*frames)
        interim = await pipeline.until(InterimTranscriptionFrame)
        await pipeline.say(0)
        final = await pipeline.until(TranscriptionFrame)
    assert (interim.text, interim.user_id) == ("flat", "ada")
    assert (final.text, final.user_id, final.language) == ("Flat white.", "ada", Language.EN)
    assert isinstance(final.result, Transcript)
    assert final.result.final
    assert final.timestamp


async def test_a_partial_that_comes_after_the_final_is_dropped() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.final("One.", utterance_id="a")
        await peer.say(type="partial", text="One", utterance_id="a")
        await peer.hear_commit()
        await peer.final("Two.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert pipeline.all(InterimTranscriptionFrame) == []


async def test_a_final_that_never_comes_is_made_of_what_is_known() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.say(type="speech_final", text="Tea.", utterance_id="a", endpoint_reason="endpoint", t_ms=10)
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.2)
        assert (await pipeline.until(TranscriptionFrame)).text == "Tea."


async def test_one_utterance_is_one_transcript_however_often_it_is_told() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        for _ in range(3):
            await peer.final("Once.", utterance_id="a")
        await peer.hear_commit()
        await peer.final("Twice.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert [frame.text for frame in pipeline.all(TranscriptionFrame)] == ["Once.", "Twice."]


# Finalized


async def test_the_answer_to_a_commit_is_finalized() -> None:
    async with scripted(answer_commits) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.4)
        frame = await pipeline.until(TranscriptionFrame)
    assert frame.finalized
    assert frame.text == f"{int(0.4 * SECOND)} bytes"


async def test_a_final_of_the_server_s_own_is_not_finalized() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_audio(1000)
        await peer.final("Mid turn.", reason="endpoint", t_ms=10)
        await peer.hear_commit()
        await peer.final("The end.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.audio(0.2)
        first = await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        second = await pipeline.until(TranscriptionFrame, 2)
    assert (first.finalized, second.finalized) == (False, True)


async def test_the_answer_is_not_finalized_once_the_user_has_resumed() -> None:
    resumed = asyncio.Event()

    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await resumed.wait()
        await peer.final("First half")
        await peer.hear_commit()
        await peer.final("second half.")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.send(VADUserStartedSpeakingFrame(start_secs=0.2))
        await pipeline.until(VADUserStartedSpeakingFrame, 2)
        resumed.set()
        first = await pipeline.until(TranscriptionFrame)
        await pipeline.say(0.2)
        second = await pipeline.until(TranscriptionFrame, 2)
    assert (first.finalized, second.finalized) == (False, True)


async def test_only_the_answer_to_the_last_of_two_commits_is_finalized() -> None:
    async def talk(peer: Peer) -> None:
        await peer.hear_commit()
        await peer.hear_commit()
        await peer.final("First", utterance_id="a")
        await peer.final("second.", utterance_id="b")
        await stay(peer)

    async with scripted(talk) as server, running(hear(server)) as pipeline:
        await pipeline.say(0.2)
        await pipeline.say(0.2)
        await pipeline.until(TranscriptionFrame, 2)
    assert [frame.finalized for frame in pipeline.all(TranscriptionFrame)] == [False, True]


async def test_no_commit_without_audio() -> None:
    async with scripted(answer_commits) as server:
        service = hear(server)
        happened = Happenings(service, "on_connected")
        async with running(service) as pipeline:
            await happened.until("on_connected")
            await pipeline.say(0)
            await pipeline.say(0.2)
            await pipeline.until(TranscriptionFrame)
    assert [text["type"] for text in server.peers[0].texts] == ["commit"]
