"""Conformance statements of the PyAI protocol for Speak."""

from __future__ import annotations

from tests.contract.requirement import Requirement

SPEAK = (
    Requirement(
        "S-01",
        "A client sends response_format always, and speed, seed and temperature only when set.",
        (
            "core/test_speak.py::test_a_request_says_the_format_and_nothing_that_was_not_set",
            "core/test_speak.py::test_what_was_set_is_sent",
        ),
    ),
    Requirement(
        "S-02",
        "A client yields the first audio before the response ends.",
        ("core/test_speak.py::test_the_first_audio_comes_before_the_end",),
    ),
    Requirement(
        "S-03",
        "A client carries a split sample across chunk boundaries of pcm.",
        ("core/test_speak.py::test_any_chunking_gives_the_same_whole_samples",),
    ),
    Requirement(
        "S-04",
        "A client never replays audio that was delivered, and closes the response on cancel.",
        (
            "core/test_speak_faults.py::test_a_body_cut_in_mid_sample_is_an_error_and_no_sample_comes_twice",
            "core/test_speak_connections.py::test_leaving_early_is_seen_by_the_server_at_once",
        ),
    ),
    Requirement(
        "S-05",
        "A server sets the content type of each format; G.711 is 8 kHz and another sample_rate with it is 400.",
        (
            "server/test_speech.py::test_a_file_format_holds_the_speech",
            "server/test_speech.py::test_a_wrong_field_is_refused_by_name",
            "server/test_speech.py::test_g711_is_telephone_audio_at_8000",
            "server/test_speech.py::test_pcm_comes_at_any_rate_to_the_sample",
        ),
    ),
    Requirement(
        "S-06",
        "A server refuses other formats with 400 unsupported_format.",
        ("server/test_speech.py::test_a_wrong_field_is_refused_by_name",),
    ),
    Requirement(
        "S-07",
        "A client takes a 200 with an empty body as success without audio.",
        ("core/test_speak.py::test_an_empty_answer_is_success_without_audio",),
    ),
    Requirement(
        "S-08",
        "A server accepts the OpenAI names alloy, echo, fable, onyx, nova and shimmer.",
        ("server/test_local_engines.py::test_every_preset_name_speaks",),
    ),
)
