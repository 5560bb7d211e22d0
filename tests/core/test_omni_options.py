"""What an Omni agent may be: checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from pyai_voice.errors import ConfigurationError
from pyai_voice.omni_options import OmniOptions, Tool

SCHEMA = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"persona": "x" * 32_001}, "persona"),
        ({"greeting": "x" * 1_001}, "greeting"),
        ({"rate": 44_100}, "rate"),
        ({"session_label": ""}, "session_label"),
        ({"session_label": "x" * 257}, "session_label"),
        ({"session_label": "a\nb"}, "session_label"),
        ({"tools": (Tool(name="a"), Tool(name="a"))}, "two tools have the name a"),
        ({"kb_endpoint": "http://kb.example/q"}, "kb_endpoint"),
        ({"kb_endpoint": "https://user:word@kb.example/q"}, "kb_endpoint"),
        ({"kb_endpoint": "https://[kb"}, "kb_endpoint"),
        ({"kb_endpoint": "kb"}, "kb_endpoint"),
        ({"extra": {"type": "x"}}, "type is not for here"),
        ({"extra": {"event": "x"}}, "event is not for here"),
        ({"extra": {"persona": "x"}}, "persona is not for here"),
        ({"extra": {"voice_id": "x"}}, "voice_id is not for here"),
        ({"extra": {"ack_mode": object()}}, "extra"),
        ({"configure": False}, "session_label"),
        ({"configure": False, "session_label": "agent_1", "persona": "x"}, "not a part"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        OmniOptions(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "look up"},
        {"name": "a", "parameters": {}},
        {"name": "a", "parameters": {"type": "array"}},
        {"name": "a", "parameters": {"type": "object", "default": float("nan")}},
        {"name": "a", "endpoint": "http://shop.example"},
        {"name": "a", "timeout": 0},
    ],
)
def test_a_wrong_tool_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Tool(**wrong)


def test_a_schema_is_taken_under_both_its_names_and_sent_under_one() -> None:
    tools = (Tool(name="a", input_schema=SCHEMA, endpoint="https://shop.example/a", side_effect="read"),)
    assert tools == (Tool(name="a", parameters=SCHEMA, endpoint="https://shop.example/a", side_effect="read"),)
    assert OmniOptions(tools=tools).asked() == {
        "tools": [
            {
                "name": "a",
                "description": "",
                "parameters": SCHEMA,
                "endpoint": "https://shop.example/a",
                "side_effect": "read",
            }
        ]
    }


def test_only_what_is_set_is_asked_for() -> None:
    assert OmniOptions(language="auto").asked() == {}
    options = OmniOptions(
        voice="onyx",
        language="de",
        greeting="",
        kb_endpoint="http://127.0.0.1:9/kb",
        kb_token="kb-secret",
        temperature=0.0,
        extra={"barge_sensitivity": "low"},
    )
    assert options.asked() == {
        "voice_id": "onyx",
        "language": "de",
        "greeting": "",
        "kb_endpoint": "http://127.0.0.1:9/kb",
        "kb_token": "kb-secret",
        "temperature": 0.0,
        "barge_sensitivity": "low",
    }
    assert options.replace(greeting=None, kb_endpoint="http://localhost/kb").asked()["kb_endpoint"]


def test_the_knowledge_token_is_never_shown() -> None:
    canary = "kb-canary"
    assert canary not in repr(OmniOptions(kb_token=canary))
    with pytest.raises(ConfigurationError) as caught:
        OmniOptions(kb_token=canary, rate=1)
    error = caught.value
    assert canary not in f"{error!r} {error.__cause__!r} {error.__context__!r}"
