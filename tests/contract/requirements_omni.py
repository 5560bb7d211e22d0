"""Conformance statements of the PyAI protocol for Omni."""

from __future__ import annotations

from tests.contract.requirement import Requirement

OMNI = (
    Requirement(
        "O-01",
        "A client's first message is tagged 0x03: a JSON object of type configure without an event key.",
        (
            "core/test_omni_client.py::test_the_first_message_is_a_configure_keyed_on_type_with_what_is_set_and_nothing_else",
        ),
    ),
    Requirement(
        "O-02",
        "A configure, a digit, a delta, audio and a flush are the golden bytes.",
        (
            "core/test_omni_wire.py::test_messages_are_written_byte_by_byte_as_the_golden_ones",
            "core/test_omni_frames.py::test_the_golden_frames_are_read_and_written_alike_in_both_languages",
        ),
    ),
    Requirement(
        "O-03",
        "Caller audio is 0x01 and whole samples; an empty chunk is the tag alone.",
        ("core/test_omni_wire.py::test_an_empty_chunk_is_a_tag_alone_and_half_a_sample_is_refused",),
    ),
    Requirement(
        "O-04",
        "A client reads event first, then type, and passes on what it does not know.",
        ("core/test_omni_client_tools.py::test_event_is_read_before_type_and_what_is_not_known_is_passed_on",),
    ),
    Requirement(
        "O-05",
        "Words on 0x02 are a delta or a JSON transcript within the bounds; anything else is refused.",
        (
            "core/test_omni_wire.py::test_words_are_plain_or_json",
            "core/test_omni_wire.py::test_words_beyond_the_bounds_are_refused",
        ),
    ),
    Requirement(
        "O-06",
        "The output rate is the announced one; audio before it waits or fails.",
        (
            "core/test_omni_client.py::test_an_announcement_that_is_not_known_ends_the_connection",
            "core/test_omni_client.py::test_audio_before_the_rate_is_announced_waits_for_it",
            "core/test_omni_client.py::test_audio_whose_rate_is_never_announced_ends_the_connection",
        ),
    ),
    Requirement(
        "O-07",
        "A client sends one message of caller audio or silence for each 20 ms and never a burst of late ones.",
        (
            "core/test_omni_stream_audio.py::test_silence_is_sent_one_message_for_each_slot_and_never_more_than_real_time",
            "core/test_omni_stream_audio.py::test_what_was_missed_is_not_made_up_by_a_burst",
        ),
    ),
    Requirement(
        "O-08",
        "On flush or barge_in all undelivered agent audio is dropped; both in a row are one interruption.",
        (
            "core/test_omni_client_turns.py::test_a_flush_counts_also_when_no_reply_is_open_any_more",
            "core/test_omni_client_turns.py::test_a_flush_is_one_interruption_and_nothing_of_the_turn_comes_after_it",
        ),
    ),
    Requirement(
        "O-09",
        "A client fails without a confirmation in time and reports a mismatch of tools or voice.",
        (
            "core/test_omni_client.py::test_a_confirmation_of_something_else_says_what_was_dropped",
            "core/test_omni_client.py::test_without_a_confirmation_in_time_the_connection_fails_and_says_what_may_be_dropped",
        ),
    ),
    Requirement(
        "O-10",
        "A client takes greeting audio before the confirmation.",
        ("core/test_omni_client.py::test_a_greeting_is_taken_before_the_confirmation",),
    ),
    Requirement(
        "O-11",
        "Every tool call is answered exactly once and in time, also an unknown tool and one that fails.",
        (
            "core/test_omni_client_tools.py::test_a_tool_call_is_answered_once",
            "core/test_omni_client_tools.py::test_a_tool_call_that_cannot_be_carried_out_is_answered_at_once",
            "core/test_omni_client_tools.py::test_a_tool_call_that_fails_is_answered_with_the_error",
            "core/test_omni_client_tools.py::test_a_tool_call_whose_time_is_up_is_answered_for_it",
        ),
    ),
    Requirement(
        "O-12",
        "Call control is told and never answered.",
        ("core/test_omni_client_tools.py::test_call_control_is_told_and_never_answered",),
    ),
    Requirement(
        "O-13",
        "The id of a tool call never becomes the id of the call.",
        ("core/test_omni_client_tools.py::test_the_id_of_a_tool_call_is_not_the_calls",),
    ),
    Requirement(
        "O-14",
        "audio_position may be keyed on type; every other event keyed on type is unknown.",
        (
            "core/test_omni_client_tools.py::test_any_other_event_keyed_on_type_is_unknown",
            "core/test_omni_client_tools.py::test_the_position_of_the_audio_is_read_under_both_keys",
        ),
    ),
    Requirement(
        "O-15",
        "An interrupted reply is cut to what was spoken only where that is how it begins.",
        (
            "core/test_omni_client_turns.py::test_a_reply_is_cut_to_what_was_spoken",
            "core/test_omni_client_turns.py::test_a_reply_is_not_cut_to_what_it_does_not_begin_with",
        ),
    ),
    Requirement(
        "O-16",
        "Closing says session_ending, closes with 1000, and may be repeated.",
        ("core/test_omni_stream.py::test_closing_says_goodbye_closes_with_1000_and_may_be_repeated",),
    ),
    Requirement(
        "O-17",
        "Closes 1008, 4401 and 4403 are final; after others a new connection waits a second and configures again.",
        (
            "core/test_omni_stream_reconnect.py::test_a_refusal_for_good_is_final_at_once",
            "core/test_omni_stream_reconnect.py::test_after_a_lost_connection_a_new_call_is_configured_with_what_was_said",
        ),
    ),
    Requirement(
        "O-18",
        "Old names of the label and of the key are refused in the address.",
        ("core/test_omni_wire.py::test_old_names_of_label_and_key_are_refused_in_the_address",),
    ),
    Requirement(
        "O-19",
        "A server says hello, then session_started, before anything else, and configured once for each configure.",
        ("core/test_omni_server.py::test_hello_comes_first_and_every_configure_is_confirmed_once",),
    ),
    Requirement(
        "O-20",
        "A server drops untagged and text messages without closing, and counts them.",
        ("core/test_omni_server.py::test_what_has_no_tag_is_dropped_and_counted_and_the_call_goes_on",),
    ),
    Requirement(
        "O-21",
        "A server accepts the old address and the old names of the label; session_label wins.",
        ("server/test_omni_native.py::test_the_old_address_and_the_old_names_of_the_label",),
    ),
    Requirement(
        "O-22",
        "A server posts label and words with the bearer to a knowledge endpoint, and goes on without after 0.3 s.",
        (
            "server/test_omni_outside.py::test_an_endpoint_is_told_the_label_and_the_callers_words",
            "server/test_omni_outside.py::test_an_endpoint_that_is_slow_broken_or_elsewhere_leaves_the_agent_without_passages",
        ),
    ),
    Requirement(
        "O-23",
        "A server answers a tool call itself when its time is up and ignores what comes later.",
        (
            "core/test_omni_server.py::test_a_tool_call_whose_time_is_up_is_answered_by_the_server_and_a_late_result_ignored",
        ),
    ),
    Requirement(
        "O-24",
        "A server refuses an agent that records calls without a consent line.",
        ("server/test_agents.py::test_recordings_without_a_consent_line_are_refused",),
    ),
    Requirement(
        "O-25",
        "A session token lives at most 600 s and opens one session, for the pages it names.",
        ("server/test_agents.py::test_a_session_token_opens_one_session_of_its_page",),
    ),
)
