"""Words follow their sound: none before it is heard, all of them in the end."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from livekit_pyai.realtime.captions import Captions
from livekit_pyai.realtime.generation import Generation

SENTENCE = "One two three four five six seven eight nine ten."  # 49 characters: 3.5 s


def test_words_that_lead_their_sound_come_at_the_pace_of_speech():
    captions = Captions()
    captions.say(SENTENCE, True, received=0.0)
    assert captions.due(0.0) == ""
    assert captions.due(1.0) == "One two three"
    assert captions.due(1.0) == ""
    captions.say("Next.", True, received=2.0)  # the first sentence was spoken faster than usual
    assert captions.due(2.0) == " four five six seven eight nine ten."
    assert captions.due(2.3) == "" and captions.due(2.5) == " Next." and captions.empty


def test_words_that_follow_their_sound_are_spread_over_it():
    captions = Captions()
    captions.say(SENTENCE, True, received=5.0)
    assert captions.due(2.5) == "One two three four five"
    captions.say("Next one.", True, received=6.0)
    assert captions.due(6.0) == " six seven eight nine ten. Next one."


def test_a_segment_that_grows_is_shown_once_and_its_last_word_when_it_is_whole():
    captions = Captions()
    captions.say("Go", False, received=0.0)
    captions.say("Good mor", False, received=0.1)
    captions.say("Good morning", False, received=0.2)
    assert captions.text == "Good"
    captions.say("Good morning.", True, received=0.4)
    captions.end(1.0)
    assert captions.text == captions.due(1.0) == "Good morning."
    captions.say("Contradicted entirely", False, received=1.0)
    captions.say("Something else.", True, received=1.0)
    assert captions.text == "Good morning. Contradicted"


@given(st.lists(st.tuples(st.text(alphabet="ab .", max_size=30), st.booleans(), st.floats(0, 3)), max_size=12))
def test_every_word_is_shown_once_in_order_by_the_end(segments: list[tuple[str, bool, float]]):
    captions, received, shown = Captions(), 0.0, ""
    for text, final, more in segments:
        captions.say(text.strip(), final, received)
        shown += captions.due(received / 2)
        received += more
    captions.end(received)
    assert shown + captions.due(received) == captions.text and captions.empty


async def test_a_message_whose_sound_nobody_takes_shows_its_words_at_once_and_a_cut_one_no_more():
    generation = Generation("r1")
    generation.say("Hello there.", final=True)
    generation.audio(bytes(48_000), 24_000)
    message = await anext(aiter(generation.event(requested=False).message_stream))
    assert await anext(aiter(message.text_stream)) == "Hello there."
    assert not generation.playing  # its words are read, its sound is not
    generation.say("And more.", final=True)
    generation.cut()
    assert [words async for words in message.text_stream] == []
    assert [frame async for frame in message.audio_stream] == []


async def test_the_rest_of_the_words_comes_when_the_last_frame_was_accepted():
    generation = Generation("r1")
    generation.say(SENTENCE, final=True)
    for _ in range(5):
        generation.audio(bytes(2 * 2_400), 24_000)  # 0.1 s each, in frames of 0.04 s: sums that are not exact
    message = await anext(aiter(generation.event(requested=False).message_stream))
    words: list[str] = []
    sound = aiter(message.audio_stream)
    await anext(sound)

    async def read() -> None:
        words.extend([part async for part in message.text_stream])

    reading = asyncio.create_task(read())
    generation.end()
    assert len([frame async for frame in sound]) == 14
    async with asyncio.timeout(5):
        await reading
    assert "".join(words) == SENTENCE and not generation.playing
