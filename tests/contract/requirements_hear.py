"""Conformance statements of the PyAI protocol for Hear, Cue's part of it, and turns."""

from __future__ import annotations

from tests.contract.requirement import Requirement

HEAR = (
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
)
