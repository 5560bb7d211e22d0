"""Conformance statements of the PyAI protocol for Hear, Cue's part of it, Speak, Omni and authentication.

Each row: the statement's id, its sentence, and the tests that show it (marked ``@pytest.mark.conforms(id)``).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["REQUIREMENTS", "Requirement"]


@dataclass(frozen=True)
class Requirement:
    """One statement and where it is shown."""

    id: str
    sentence: str
    tests: tuple[str, ...]


REQUIREMENTS = (
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
    Requirement(
        "H-01",
        "The connect address has protocol, model, sample_rate, encoding and interim_results, and no language "
        "when unset.",
        ("core/test_hear_client.py::test_the_address_names_what_is_set_and_nothing_else",),
    ),
    Requirement(
        "H-02",
        "A client sends vocabulary as a compact JSON array and drops a context query.",
        ("core/test_hear_client.py::test_vocabulary_is_a_compact_json_array_and_context_is_never_sent",),
    ),
    Requirement(
        "H-03",
        "A client sends audio as untagged binary messages of whole samples.",
        ("core/test_hear_stream.py::test_audio_arrives_whole_and_drain_waits_for_the_answer_to_its_commit",),
    ),
    Requirement(
        "H-04",
        "A client commits at the end of speech and waits, bounded, for the acknowledging final before it closes.",
        ("core/test_hear_stream.py::test_audio_arrives_whole_and_drain_waits_for_the_answer_to_its_commit",),
    ),
    Requirement(
        "H-05",
        "A final of the server's own endpointing does not acknowledge a commit.",
        ("core/test_hear_client.py::test_a_final_of_the_servers_own_endpointing_answers_no_commit",),
    ),
    Requirement(
        "H-06",
        "A final with reason absent, commit or client_commit acknowledges a commit even when empty, and "
        "gives no empty transcript.",
        ("core/test_hear_client.py::test_an_empty_answer_to_a_commit_ends_the_turn_without_a_transcript",),
    ),
    Requirement(
        "H-07",
        "With two commits outstanding the client waits for two acknowledging finals.",
        ("core/test_hear_client.py::test_two_commits_need_two_answers",),
    ),
    Requirement(
        "H-08",
        "A client sends no commit when no audio followed the previous one.",
        ("core/test_hear_stream.py::test_no_commit_is_sent_where_no_audio_followed_the_last_one",),
    ),
    Requirement(
        "H-09",
        "After unknown_message_type in answer to a commit the client sends input_audio_buffer.commit once "
        "and does not raise.",
        ("core/test_hear_client.py::test_a_refused_commit_is_sent_once_more_under_its_older_name",),
    ),
    Requirement(
        "H-10",
        "A client ignores binary messages, text that is not JSON and unknown types.",
        ("core/test_hear_client.py::test_what_is_not_a_known_message_is_ignored",),
    ),
    Requirement(
        "H-11",
        "A client reads error codes from flat and nested error messages.",
        ("core/test_hear_client.py::test_errors_are_read_flat_and_nested",),
    ),
    Requirement(
        "H-12",
        "A client delivers one definitive transcript per utterance when speech_final and final are identical.",
        ("core/test_hear_client_utterances.py::test_speech_final_and_final_give_one_definitive_transcript",),
    ),
    Requirement(
        "H-13",
        "A client overwrites, never appends, the partials of an utterance.",
        ("core/test_hear_client_utterances.py::test_a_partial_replaces_the_one_before",),
    ),
    Requirement(
        "H-14",
        "Close 1011 right after a final is a normal end, 1008 an authentication error, 4429 a retryable "
        "concurrency error.",
        ("core/test_errors.py::test_close_codes_and_statuses_give_the_same_types",),
    ),
    Requirement(
        "H-15",
        "A client shows the warnings and the effective endpointing_ms of config_ack.",
        ("core/test_hear_client.py::test_the_acknowledgement_shows_endpointing_and_warnings",),
    ),
    Requirement(
        "H-16",
        "A server sends config_ack before any transcript and clamps endpointing_ms outside 50 to 5000 with a warning.",
        (
            "core/test_hear_request.py::test_endpointing_is_clamped_with_a_warning",
            "core/test_hear_server.py::test_config_ack_comes_before_any_transcript",
        ),
    ),
    Requirement(
        "H-17",
        "A server answers one commit with exactly one speech_final then one final, same utterance_id, reason "
        "client_commit.",
        (
            "core/test_hear_server.py::test_a_commit_without_words_is_answered_by_an_empty_pair",
            "core/test_hear_server.py::test_every_pair_has_a_name_of_its_own",
            "server/test_hear_stream.py::test_a_commit_is_answered_once_without_any_silence",
        ),
    ),
    Requirement(
        "H-18",
        "A server ignores end, flushes on the text EOF, and answers other unknown types with "
        "unknown_message_type without closing.",
        (
            "core/test_hear_server.py::test_an_unknown_type_is_answered_in_both_shapes",
            "core/test_hear_server.py::test_end_is_ignored",
            "core/test_hear_server.py::test_eof_asks_for_a_flush",
            "server/test_hear_stream.py::test_eof_flushes_and_the_stream_goes_on",
            "server/test_hear_stream.py::test_garbage_is_answered_and_harms_nothing",
        ),
    ),
    Requirement(
        "H-19",
        "A server emits the older fusion-v0 names when protocol is absent.",
        (
            "core/test_hear_server.py::test_the_older_wire_has_its_own_names",
            "server/test_hear_stream.py::test_without_a_protocol_the_older_wire_is_spoken",
        ),
    ),
    Requirement(
        "H-20",
        "A server accepts config in mid-session to change endpointing_ms and answers config_ack.",
        (
            "core/test_hear_server.py::test_endpointing_can_be_changed_in_mid_stream",
            "server/test_hear_stream.py::test_endpointing_is_obeyed_from_the_change_on",
        ),
    ),
    Requirement(
        "H-21",
        "A refusal before the upgrade (401, 403, 429) and after it (1008, 4429) gives the same client errors.",
        (
            "core/test_hear_reconnect.py::test_a_refusal_for_good_is_final_at_once",
            "server/test_auth.py::test_a_stream_without_its_scope_is_refused_before_the_upgrade",
            "server/test_hear_stream.py::test_one_stream_too_many_is_told_when_to_come_back_and_finds_a_place_when_one_is_free",
            "server/test_hear_stream.py::test_refusals_after_the_upgrade",
        ),
    ),
    Requirement(
        "H-22",
        "A client surfaces a handshake 429 without a body.",
        ("core/test_hear_reconnect.py::test_a_busy_server_is_asked_again_and_nothing_is_lost",),
    ),
    Requirement(
        "Q-01",
        "A client with grounding sends config with grounding true as its first text message.",
        ("core/test_hear_client_grounding.py::test_grounding_is_asked_for_first_of_all",),
    ),
    Requirement(
        "Q-02",
        "A client accepts grounding that is missing, empty or up to three passages on both finals.",
        ("core/test_hear_client_grounding.py::test_grounding_may_be_missing_empty_or_three_passages",),
    ),
    Requirement(
        "Q-03",
        "A server sends an empty grounding list when nothing is bound or retrieval is too slow.",
        (
            "core/test_hear_server.py::test_grounding_that_cannot_be_had_is_warned_of_and_empty",
            "server/test_hear_stream.py::test_grounding_is_empty_and_warned_of",
        ),
    ),
    Requirement(
        "Q-04",
        "A client with grounding that never comes says so once in the life of a stream, and goes on.",
        (
            "core/test_hear_client_grounding.py::test_grounding_that_the_server_warns_of_is_one_problem",
            "core/test_hear_client_grounding.py::test_grounding_that_two_finals_with_words_come_without_is_one_problem",
            "core/test_turn_policy.py::test_grounding_that_never_comes_is_one_problem_and_the_stream_goes_on",
        ),
    ),
    Requirement(
        "Q-05",
        "A client tells confidence and backchannel of the older wire's turn.end with the end of its utterance.",
        (
            "core/test_hear_client.py::test_only_the_older_wire_has_a_verdict",
            "core/test_turn_policy.py::test_what_the_older_wire_thinks_of_a_turn_is_told",
        ),
    ),
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
    Requirement(
        "T-01",
        "No turn stays open beyond its watchdog, whoever ends turns, with a connection and without.",
        (
            "core/test_turn_policy.py::test_at_its_watchdog_a_turn_is_ended_by_the_service_whoever_has_the_word",
            "core/test_turn_policy.py::test_the_watchdog_watches_while_there_is_no_connection",
        ),
    ),
    Requirement(
        "T-02",
        "Only where Cue ends turns, a turn ends at its deadline when the caller and the service are silent.",
        (
            "core/test_turn_policy.py::test_an_outage_that_is_longer_than_the_deadline_cuts_no_utterance_in_two",
            "core/test_turn_policy.py::test_where_another_has_the_word_there_is_no_deadline",
            "core/test_turn_policy.py::test_where_cue_has_the_word_its_silence_has_a_deadline",
            "core/test_turn_policy.py::test_while_the_caller_speaks_there_is_no_deadline",
        ),
    ),
    Requirement(
        "T-03",
        "A turn that is ended without the service keeps its words; what followed them is sent again.",
        (
            "core/test_turn_policy.py::"
            "test_without_an_answer_the_turn_ends_with_its_words_and_what_followed_them_is_sent_again",
        ),
    ),
    Requirement(
        "T-04",
        "Only an answer to the program's own commit is committed, and each of its commits gets one.",
        (
            "core/test_hear_client_utterances.py::test_an_answer_to_our_own_question_is_not_the_programs",
            "core/test_turn_policy.py::test_a_commit_of_the_program_is_answered_although_the_watchdog_ended_its_turn",
        ),
    ),
    Requirement(
        "T-05",
        "Who ends turns is chosen once for a stream, and logged.",
        ("core/test_turn_policy.py::test_the_authority_is_named_in_the_log_and_stays",),
    ),
    Requirement(
        "T-06",
        "A stream that is closed or fails ends its open turn first.",
        (
            "core/test_turn_policy.py::test_a_stream_that_ends_ends_its_turn",
            "core/test_turn_policy.py::test_a_stream_that_fails_ends_its_turn",
        ),
    ),
    Requirement(
        "T-07",
        "A predicted end of a turn is resolved once: by a withdrawal, or by the end itself.",
        ("core/test_eager.py::test_a_stream_predicts_withdraws_and_predicts_again",),
    ),
    Requirement(
        "T-08",
        "In any order of messages, drops, commits, speech and silence each turn begins once and ends once in time, "
        "and each word is told once.",
        (
            "core/test_schedules.py::test_whatever_breaks_each_word_is_told_once_and_in_order",
            "core/test_schedules.py::test_whatever_the_server_says_each_turn_begins_once_and_ends_once_in_time",
        ),
    ),
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
        "W-01",
        "A webhook is believed with PyAI's signature only, in time; several signatures may come while secrets change.",
        ("core/test_webhooks.py::test_the_published_example_is_right",),
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
