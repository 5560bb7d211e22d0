"""Conformance statements of the PyAI protocol for webhooks, jobs, and who answers a call."""

from __future__ import annotations

from tests.contract.requirement import Requirement

PLATFORM = (
    Requirement(
        "W-01",
        "A webhook is believed with PyAI's signature only, in time; several signatures may come while secrets change.",
        ("core/test_webhooks.py::test_the_published_example_is_right",),
    ),
    Requirement(
        "J-01",
        "A client sends exactly one source of a job: audio_url in JSON, or the part audio of a form.",
        (
            "core/test_rest_jobs.py::test_a_recording_of_ones_own_goes_as_the_part_named_audio",
            "core/test_rest_jobs.py::test_a_recording_with_an_address_goes_as_json",
        ),
    ),
    Requirement(
        "J-02",
        "The same Idempotency-Key with the same body gets the first answer again, with another body a conflict.",
        ("server/test_jobs.py::test_the_same_idempotency_key_gets_the_same_job_and_another_body_a_conflict",),
    ),
    Requirement(
        "J-03",
        "A client follows result_url where there is no result, and shows no bearer there.",
        ("core/test_rest_jobs.py::test_a_large_result_is_fetched_without_the_key",),
    ),
    Requirement(
        "M-01",
        "A server speaks Twilio's start, media and stop, takes key and options from customParameters, decides once.",
        ("server/test_amd_stream.py::test_twilio_is_told_once_who_has_answered",),
    ),
    Requirement(
        "M-02",
        "With decision_timeout_ms an inconclusive call is unknown by the rule decision_timeout.",
        ("server/test_amd_stream.py::test_an_inconclusive_call_is_unknown_at_its_time",),
    ),
)
