"""Frames of PyAI's own, besides Pipecat's."""

from __future__ import annotations

from dataclasses import dataclass

from pipecat.frames.frames import SystemFrame

from pyai_voice.amd_events import AmdDecision
from pyai_voice.events import Passage

__all__ = ["PyAIAmdFrame", "PyAICommitFrame", "PyAIGroundingFrame"]


@dataclass
class PyAICommitFrame(SystemFrame):
    """The program says that the user has finished, for ``TurnPolicy(authority="client")``: a button, a key, a rule.

    Queue it where the audio comes in: everything heard before it belongs to the turn.
    """


@dataclass
class PyAIGroundingFrame(SystemFrame):
    """Passages of the knowledge base for an utterance; comes before its transcript, and no interruption drops it."""

    utterance: str
    """Which utterance of the service that pushed it; a later frame for the same one replaces the earlier."""
    passages: tuple[Passage, ...] | None
    """The best ones; empty: nothing was found; None: the utterance was no speech, forget its passages."""


@dataclass
class PyAIAmdFrame(SystemFrame):
    """Who has answered the call; pushed both ways, once."""

    decision: AmdDecision
    """What was decided; ask its ``is_machine()`` and ``is_human()``."""
