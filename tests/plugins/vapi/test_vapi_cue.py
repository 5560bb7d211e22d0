"""Custom endpointing and custom knowledge base: joined with the transcriber of the same call, and without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from pyai_voice.client import Client
from pyai_voice.errors import ConnectivityError
from pyai_voice.events import (
    Connected,
    Disconnected,
    Grounding,
    HearEvent,
    Passage,
    PredictionWithdrawn,
    SpeechStarted,
    Transcript,
    TurnEnded,
    TurnPredicted,
    Usage,
)
from pyai_voice.options import CueOptions, HearOptions, TurnPolicy
from pyai_voice.testing import coded_speech, silence
from tests.core.scripted_http import hang
from tests.plugins.vapi.test_vapi_transcriber import begin, send, until_final
from tests.plugins.vapi.vapi_house import (
    CALL,
    House,
    Lines,
    endpointing_request,
    house,
    knowledge_request,
    over,
    stereo,
)
from vapi_pyai import EndpointingOptions, VapiOptions
from vapi_pyai.calls import Call, Calls
from vapi_pyai.endpointing import seconds_to_wait

WAITS = EndpointingOptions()
GROUNDED = VapiOptions(
    hear=HearOptions(cue=CueOptions(grounding=True, eager=True), turns=TurnPolicy(authority="cue")),
    knowledge_budget=5.0,  # a busy machine is no failure here
)


async def waits(there: House, text: str, call: str = CALL) -> float:
    response = await there.http.post("/endpointing", json=endpointing_request(text, call))
    assert response.status_code == 200
    return response.json()["timeoutSeconds"]


BY_WORDS: list[tuple[str, float]] = [
    ("I would like a coffee and", WAITS.unfinished),
    ("My number is um", WAITS.unfinished),
    ("I would like a coffee.", WAITS.finished),
    ("a coffee", WAITS.possible),
    ("", WAITS.unfinished),
]


async def test_without_our_transcriber_the_words_decide(log: Lines) -> None:
    async with house() as there:
        for text, seconds in BY_WORDS:
            assert await waits(there, text) == seconds, text
    assert set(log.lines) == {f"endpointing 200, call {CALL!r}, words alone"}


async def test_either_form_of_the_conversation_is_enough() -> None:
    async with house() as there:
        for name in ("messages", "messagesOpenAIFormatted"):
            asked = endpointing_request("And")["message"]
            del asked[name]
            response = await there.http.post("/endpointing", json={"message": asked})
            assert response.json() == {"timeoutSeconds": WAITS.unfinished}


ODD: list[list[Any]] = [
    [],
    [None, 7, "user", {"role": None, "message": "And"}, {"message": "And"}],
    [{"role": "bot", "message": "And"}, {"role": "user"}, {"role": "user", "message": " "}],
]


async def test_a_conversation_without_the_callers_words_is_one_that_goes_on() -> None:
    async with house() as there:
        for said in ODD:
            body = {"message": {"type": "call.endpointing.request", "messages": said, "messagesOpenAIFormatted": said}}
            response = await there.http.post("/endpointing", json=body)
            assert (response.status_code, response.json()) == (200, {"timeoutSeconds": WAITS.unfinished}), said
        odd_beside_words = {"messages": [*ODD[1], {"role": "user", "message": "A coffee, please."}, {"role": "tool"}]}
        body = {"message": {"type": "call.endpointing.request", **odd_beside_words}}
        assert (await there.http.post("/endpointing", json=body)).json() == {"timeoutSeconds": WAITS.finished}


@asynccontextmanager
async def talking(there: House, query: str = f"?call_id={CALL}", **start: Any) -> AsyncGenerator[ClientConnection]:
    async with there.transcriber(query) as socket:
        await begin(socket, **start)
        yield socket


@pytest.mark.parametrize(("query", "start"), [(f"?call_id={CALL}", {}), ("", {"call": {"id": CALL}})])
async def test_cue_decides_where_it_hears_the_call(log: Lines, query: str, start: dict[str, Any]) -> None:
    async with house() as there, talking(there, query, **start) as socket:
        await send(socket, stereo(coded_speech(60)))
        partial = json.loads(await socket.recv())["transcription"]
        assert await waits(there, partial) == WAITS.speaking
        assert await waits(there, partial, "another call") == WAITS.finished
        await send(socket, stereo(silence(1.5)))
        final = (await until_final(socket))[-1]["transcription"]
        assert await waits(there, final) == WAITS.decided
        await send(socket, stereo(coded_speech(30, first=100)))
        await socket.recv()
        assert await waits(there, final) == WAITS.speaking
    assert f"endpointing 200, call {CALL!r}, turn open" in log.lines
    assert f"endpointing 200, call {CALL!r}, turn ended" in log.lines


async def test_a_header_may_name_the_call() -> None:
    async with house() as there:
        headers = {"x-vapi-secret": there.http.headers["x-vapi-secret"], "x-call-id": CALL}
        async with there.transcriber(additional_headers=headers) as socket:
            await begin(socket)
            await send(socket, stereo(coded_speech(60)))
            await socket.recv()
            assert await waits(there, "x") == WAITS.speaking


async def test_the_words_tell_the_call_where_vapi_does_not_name_it() -> None:
    async with house() as there, talking(there, "") as one, talking(there, "") as other:
        await send(one, stereo(coded_speech(30, first=10000) + coded_speech(30, first=15000)))
        await send(other, stereo(coded_speech(30, first=20000) + coded_speech(30, first=25000)))
        said = ""
        while len(said) < len("10000-10029 15000-15001."):
            said = json.loads(await one.recv())["transcription"]
        assert await waits(there, "We said nothing of the kind") == WAITS.possible
        assert await waits(there, f"Before that. {said}") == WAITS.speaking
        assert await waits(there, "Yes.") == WAITS.speaking  # it is known by its id now
        assert await waits(there, "Yes.", "another call") == WAITS.finished


async def fill(there: House, *texts: str) -> str:
    """Make a knowledge base with one document for each text; return its id when all can be found."""
    async with Client(there.pyai.endpoint) as client:
        base = await client.knowledge.create("House")
        for number, text in enumerate(texts):
            await client.knowledge.add(base.id, f"{number}.txt", text)
        for _ in range(400):
            if {each.status for each in (await client.knowledge.get(base.id)).documents} == {"indexed"}:
                break
            await asyncio.sleep(0.05)
    return base.id


async def documents(there: House, text: str) -> list[dict[str, Any]]:
    response = await there.http.post("/knowledge", json=knowledge_request(text))
    assert response.status_code == 200
    return response.json()["documents"]


async def test_the_passages_of_the_call_answer_where_cue_hears_it(log: Lines) -> None:
    async with house(GROUNDED) as there:
        await fill(there, "Between 0 and 49 the door is open.", "Coffee is two euros.")
        async with talking(there) as socket:
            await send(socket, stereo(coded_speech(50) + silence(1.5)))
            final = (await until_final(socket))[-1]["transcription"]
            (found,) = await documents(there, f"Well. {final}")
            assert "door is open" in found["content"]
            assert 0 < found["similarity"] <= 1
            assert await documents(there, "Something else altogether.") == []
        assert await documents(there, final) == []  # the call is over
    assert f"knowledge 200, call {CALL!r}, 1 passages" in log.lines


async def test_knowledge_bases_are_searched_over_rest_for_other_calls() -> None:
    async with house() as unused:
        base = await fill(unused, "Coffee is two euros.", "The door is open.")
        options = VapiOptions(knowledge_bases=(base,), knowledge_budget=5.0)
        async with answering_from(unused, options) as there:
            (found, *_) = await documents(there, "How much is a coffee?")
            assert "two euros" in found["content"]
            assert await documents(there, "Do you repair bicycles?") == []
            await unused.pyai.stop()
            assert await documents(there, "How much is a coffee?") == []


@asynccontextmanager
async def answering_from(other: House, options: VapiOptions) -> AsyncGenerator[House]:
    """A second application over the same PyAI server."""
    import httpx

    from pyai_voice.server.serving import bind, serving
    from pyai_voice.server.settings import Settings
    from vapi_pyai import Access, Token, create_app

    secret = other.http.headers["x-vapi-secret"]
    async with Client(other.pyai.endpoint, retry_window=0.2) as client:
        app = create_app(Access(Token(secret)), client, options)
        async with (
            serving(app, Settings(), bind()) as (_, url),
            httpx.AsyncClient(base_url=url, headers={"x-vapi-secret": secret}, trust_env=False) as http,
        ):
            yield House(other.pyai, http, url)


async def test_a_knowledge_base_without_documents_answers_with_none(log: Lines) -> None:
    async with house() as unused:
        async with Client(unused.pyai.endpoint) as client:
            base = await client.knowledge.create("Empty")
        options = VapiOptions(knowledge_bases=(base.id, "kb_unknown"), knowledge_budget=5.0)
        async with answering_from(unused, options) as there:
            assert await documents(there, "How much is a coffee?") == []
    assert log.lines[-1] == f"knowledge 200, call {CALL!r}, 0 passages"


async def test_a_search_that_takes_too_long_finds_nothing() -> None:
    options = VapiOptions(knowledge_bases=("kb_1",), knowledge_budget=0.1)
    async with over(hang, options) as http:
        response = await http.post("/knowledge", json=knowledge_request("How much is a coffee?"))
    assert (response.status_code, response.json()) == (200, {"documents": []})


async def test_without_a_knowledge_base_that_is_said() -> None:
    async with house() as there:
        response = await there.http.post("/knowledge", json=knowledge_request("coffee"))
    assert response.status_code == 501


# One call, without a network


UTTERANCE = "u1"
PASSAGE = Passage("Coffee is two euros.", 0.7)


def call_after(*events: HearEvent) -> Call:
    call = Call(CALL)
    for event in (Connected(1, 0.0, 0.0), *events):
        call.take(event)
    return call


STARTED = SpeechStarted(UTTERANCE, 0.0)
SAID = Transcript("how much is a coffee", UTTERANCE)
FINAL = Transcript("How much is a coffee?", UTTERANCE, final=True)
ENDED = TurnEnded(UTTERANCE, "endpoint", 1.0)


@pytest.mark.parametrize(
    ("events", "seconds"),
    [
        ([], WAITS.finished),
        ([STARTED], WAITS.speaking),
        ([STARTED, SAID], WAITS.speaking),
        ([STARTED, SAID, TurnPredicted(UTTERANCE, SAID.text, 0.8)], WAITS.predicted),
        ([STARTED, SAID, TurnPredicted(UTTERANCE, SAID.text, 0.8), PredictionWithdrawn(UTTERANCE)], WAITS.speaking),
        ([STARTED, SAID, Transcript("coffee", UTTERANCE, endpointed=True)], WAITS.decided),
        ([STARTED, SAID, FINAL, ENDED], WAITS.decided),
        ([STARTED, SAID, FINAL, ENDED, Usage(1.0)], WAITS.decided),
        ([STARTED, SAID, FINAL, TurnEnded(UTTERANCE, "max_utterance", 30.0)], WAITS.finished),
        ([STARTED, SAID, FINAL, ENDED, SpeechStarted("u2", 2.0)], WAITS.speaking),
        ([STARTED, SAID, Disconnected(ConnectivityError("lost"))], WAITS.finished),
    ],
)
def test_what_cue_thinks_of_the_turn_becomes_seconds(events: list[HearEvent], seconds: float) -> None:
    assert seconds_to_wait("How much is a coffee?", call_after(*events).turn, WAITS) == seconds


async def test_the_passages_of_an_open_utterance_are_waited_for() -> None:
    call = call_after(STARTED, SAID)
    asking = asyncio.create_task(call.passages("How much is a coffee?", 5.0))
    await asyncio.sleep(0)
    for event in (Grounding((PASSAGE,), UTTERANCE), FINAL, ENDED):
        call.take(event)
    assert await asking == (PASSAGE,)


async def test_passages_that_do_not_come_are_not_waited_for_longer() -> None:
    assert await call_after(STARTED, SAID).passages("How much is a coffee?", 0.01) == ()
    assert await call_after(STARTED, SAID, FINAL, ENDED).passages("How much is a coffee?", 5.0) == ()


async def test_the_passages_of_all_utterances_in_a_question_answer_it() -> None:
    second = Passage("Cakes are three.", 0.9)
    call = call_after(
        *(STARTED, Grounding((PASSAGE,), UTTERANCE), FINAL, ENDED),
        *(SpeechStarted("u2", 2.0), Grounding((second,), "u2"), Transcript("And a cake?", "u2", final=True)),
    )
    assert await call.passages("How much is a coffee? And a cake?", 5.0) == (PASSAGE, second)


def test_words_that_two_calls_have_said_tell_neither() -> None:
    calls, one, other = Calls(), call_after(STARTED, FINAL), call_after(STARTED, FINAL)
    one.identity = other.identity = ""
    with calls.live(one), calls.live(other):
        assert calls.find(CALL, "How much is a coffee?") is None
    with calls.live(one):
        assert calls.find("", "How much is a coffee?") is None
        assert calls.find(CALL, "a coffee?") is None
        assert calls.find(CALL, "Hello. How much is a coffee?") is one
        assert calls.find("another", "How much is a coffee?") is None
    assert calls.find(CALL, "How much is a coffee?") is None


def test_few_words_tell_no_call() -> None:
    call = call_after(STARTED, Transcript("Yes please.", UTTERANCE, final=True))
    assert not call.said("Yes please.")
