"""The translations by themselves: every word of PyAI has one of Pipecat's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import InterimTranscriptionFrame, TranscriptionFrame
from pipecat.transcriptions.language import Language
from pipecat.utils.errors import ErrorCategory

from pipecat_pyai._words import to_category, to_frame, to_iso639, to_language, to_local_category
from pyai_voice.errors import CODES, Category, ConnectivityError, PyAIError, service_error
from pyai_voice.events import Transcript

PERMANENT = {Category.CONFIGURATION, Category.AUTHENTICATION, Category.PERMISSION, Category.REQUEST}


@pytest.mark.parametrize("category", Category)
def test_every_category_has_a_word_and_only_hopeless_ones_are_permanent(category: Category) -> None:
    error = PyAIError("No.")
    error.category = category
    assert to_category(error).is_permanent is (category in PERMANENT)
    assert not to_local_category(error).is_permanent


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_category(code: str) -> None:
    assert to_category(service_error("No.", code=code)) is not ErrorCategory.UNKNOWN


def test_a_lost_connection_is_connectivity() -> None:
    assert to_category(ConnectivityError("No route.")) is ErrorCategory.CONNECTIVITY


@given(text=st.text(min_size=1), user=st.text(), final=st.booleans(), finalized=st.booleans())
def test_a_transcript_becomes_a_frame_with_its_words_and_nothing_else(
    text: str, user: str, final: bool, finalized: bool
) -> None:
    event = Transcript(text, "u1", final=final, language="en")
    frame = to_frame(event, user, finalized=finalized)
    assert isinstance(frame, TranscriptionFrame if final else InterimTranscriptionFrame)
    assert (frame.text, frame.user_id, frame.language, frame.result) == (text, user, Language.EN, event)
    assert getattr(frame, "finalized", False) is (final and finalized)


@pytest.mark.parametrize("language", Language)
def test_every_language_of_pipecat_has_a_code_without_a_region(language: Language) -> None:
    code = to_iso639(language)
    assert code.isalpha()
    assert code == code.lower()


@pytest.mark.parametrize("code", ["pt", "pt-BR", "pt_BR", "PT"])
def test_a_code_may_be_written_in_many_ways(code: str) -> None:
    assert to_iso639(code) == "pt"


@pytest.mark.parametrize(("code", "language"), [("pt-BR", Language.PT_BR), ("xx", None), ("", None), (None, None)])
def test_an_unknown_language_is_none(code: str | None, language: Language | None) -> None:
    assert to_language(code) is language
