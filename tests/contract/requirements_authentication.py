"""Conformance statements of the PyAI protocol for authentication and errors."""

from __future__ import annotations

from tests.contract.requirement import Requirement

AUTHENTICATION = (
    Requirement(
        "A-01",
        "A client offers exactly two subprotocols, in this order: pyai.v1, then pyai-key.<token>.",
        ("core/test_hear_client.py::test_the_marker_is_offered_before_the_credential",),
    ),
    Requirement(
        "A-02",
        "A server selects pyai.v1 when it is offered and never echoes a value that starts with pyai-key.",
        ("server/test_auth.py::test_only_the_marker_is_ever_echoed",),
    ),
    Requirement(
        "A-03",
        "A server accepts a connection that offers only pyai-key.<KEY> and selects no subprotocol.",
        ("server/test_auth.py::test_only_the_marker_is_ever_echoed",),
    ),
    Requirement(
        "A-04",
        "A server reads the offered list with or without spaces after the commas.",
        ("server/test_auth.py::test_only_the_marker_is_ever_echoed",),
    ),
    Requirement(
        "A-05",
        "A server takes the key as ?api_key=, bearer or x-api-key; two different keys in one request are 401.",
        (
            "server/test_auth.py::test_a_key_is_found_wherever_a_request_may_carry_it",
            "server/test_auth.py::test_no_key_and_two_keys_are_refused",
            "server/test_auth.py::test_the_key_in_the_query_opens_a_stream_and_two_keys_do_not",
        ),
    ),
    Requirement(
        "A-06",
        "A client never puts the key into a log line, an exception or a repr, nor into a query other than api_key.",
        (
            "core/test_errors_http.py::test_the_key_is_nowhere",
            "core/test_hear_stream.py::test_the_key_is_nowhere",
        ),
    ),
    Requirement(
        "A-07",
        "A client maps both error envelopes to one exception with status, code, message and request id.",
        (
            "core/test_envelope.py::test_both_envelopes_and_their_relatives_are_read",
            "core/test_http.py::test_the_control_planes_envelope_is_read",
            "core/test_http.py::test_the_data_planes_envelope_is_read",
        ),
    ),
    Requirement(
        "A-08",
        "A client survives an error body that is empty or not JSON.",
        (
            "core/test_envelope.py::test_a_body_that_is_not_an_envelope_says_nothing",
            "core/test_http.py::test_a_body_that_is_no_envelope_leaves_the_status",
        ),
    ),
    Requirement(
        "A-09",
        "A client honours Retry-After as seconds and as an HTTP date, within its bounds.",
        (
            "core/test_backoff.py::test_the_server_is_asked_again_when_it_said",
            "core/test_speak_faults.py::test_a_wait_beyond_the_window_is_not_slept",
        ),
    ),
    Requirement(
        "A-10",
        "A client does not replay a write on 5xx, 429 or a network error by default; 401, 402, 403 and 409 never.",
        (
            "core/test_http.py::test_reads_that_are_refused_are_not",
            "core/test_http.py::test_writes_are_never_repeated",
            "core/test_speak_faults.py::test_a_refusal_is_one_error_and_never_repeated",
        ),
    ),
    Requirement(
        "A-11",
        "A client retries a read on 429, 500, 502, 503, 504 and a lost connection, a bounded number of times.",
        (
            "core/test_http.py::test_reads_are_repeated",
            "core/test_http.py::test_reads_are_repeated_after_a_stall",
        ),
    ),
    Requirement(
        "A-12",
        "When the server replies during an upload and closes, the client reports the reply, not a broken pipe.",
        (
            "core/test_http.py::test_a_reply_during_an_upload_beats_the_broken_pipe",
            "core/test_http_network.py::test_a_reply_during_an_upload_is_heard_through_tls",
        ),
    ),
    Requirement(
        "A-13",
        "A server treats the scopes voice:x and speak:x as equal and honours wildcards.",
        (
            "server/test_auth.py::test_another_scope_does_not",
            "server/test_auth.py::test_both_generations_of_scopes_and_wildcards_let_speak",
        ),
    ),
)
