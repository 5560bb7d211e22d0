"""How the application answers. Frozen; a wrong value raises ConfigurationError naming the option."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pyai_voice.options import CueOptions, HearOptions, LinkOptions, Options, SpeakOptions, TurnPolicy

__all__ = ["EndpointingOptions", "VapiOptions"]

Seconds = Annotated[float, Field(ge=0, le=15)]
"""Vapi takes 0 to 15."""


class EndpointingOptions(Options):
    """Seconds that Vapi shall wait before it takes the caller's turn as finished.

    The first three where Cue hears the call; the others where there are words alone. They come from reasoning, not from
    recordings.
    """

    decided: Seconds = 0.0
    """Cue has ended the turn: it has waited already."""
    predicted: Seconds = 0.3
    """Cue thinks that the caller has probably finished."""
    speaking: Seconds = 3.0
    """The turn is open: Cue will end it, with a final transcript, before this is over."""
    finished: Seconds = 0.4
    """The words read like a whole sentence."""
    possible: Seconds = 0.9
    """They may be one."""
    unfinished: Seconds = 1.8
    """They stop at a word that wants another."""


class VapiOptions(Options):
    """Settings of all five contracts."""

    speak: SpeakOptions = SpeakOptions()
    """How the custom voice sounds where the assistant names no voice; format and rate are Vapi's to say."""
    media_type: str = "application/octet-stream"
    """Content type of its audio."""
    first_audio: Annotated[float, Field(gt=0, le=60)] = 8.0
    """Seconds for the first audio, attempts and all; never more than 0.8 of what the assistant says Vapi waits."""
    max_text: Annotated[int, Field(ge=1)] = 4096
    """Characters of a voice request; a longer one gets 413."""
    hear: HearOptions = HearOptions(cue=CueOptions(eager=True), turns=TurnPolicy(authority="cue"))
    """How the custom transcriber listens; the sample rate is Vapi's to say. ``cue.grounding`` feeds the custom
    knowledge base."""
    link: LinkOptions = LinkOptions()
    """How patient its streams are."""
    assistant_channel: bool = False
    """Whether the assistant's channel is transcribed as well: a second stream, also when ``?assistant=true`` asks."""
    endpointing: EndpointingOptions = EndpointingOptions()
    """What the custom endpointing model answers."""
    knowledge_bases: tuple[str, ...] = ()
    """Ids of knowledge bases to search over REST for calls whose transcriber is not ours."""
    least_score: Annotated[float, Field(ge=0, le=1)] = 0.15
    """What a passage of such a search must have."""
    knowledge_budget: Annotated[float, Field(gt=0, le=10)] = 0.25
    """Seconds for passages; what is not found by then is not found."""
    passages: Annotated[int, Field(ge=1, le=20)] = 3
    """At most so many in an answer."""
    first_word: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for a model's first words; then Vapi is told that they are coming, and cannot be refused any more."""
    heartbeat: Annotated[float, Field(gt=0, le=60)] = 3.0
    """Seconds between two comments while they are still awaited."""
    max_body: Annotated[int, Field(ge=1024)] = 4 << 20
    """Bytes of a request; Vapi may send the call, the assistant and the conversation with each."""
    max_message: Annotated[int, Field(ge=1024)] = 1 << 20
    """Bytes of a WebSocket message."""
    most: Annotated[int, Field(ge=1)] = 256
    """Requests of one contract at once, and calls that are transcribed at once; one more gets 429."""
    stall: Annotated[float, Field(gt=0)] = 10.0
    """Seconds after which Vapi is given up that neither reads nor goes on sending."""
    idle: Annotated[float, Field(gt=0)] = 60.0
    """The same for a call without audio."""
