"""Arguments that STT and TTS have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit.agents import LanguageCode, NotGivenOr
from livekit.agents.utils import is_given

from pyai_voice.options import Endpoint

__all__ = ["endpoint_of", "given", "hear_settings"]


def endpoint_of(api_key: NotGivenOr[str | None], base_url: NotGivenOr[str | None], insecure: bool) -> Endpoint:
    """Build the endpoint; what is not given comes from PYAI_API_KEY and PYAI_BASE_URL. Raises ValueError."""
    key = api_key if is_given(api_key) else None
    url = base_url if is_given(base_url) else None
    return Endpoint.from_env(key, url, insecure=insecure)


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments without those that are NOT_GIVEN."""
    return {name: value for name, value in arguments.items() if is_given(value)}


def hear_settings(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that are given, with the language as PyAI names it.

    LiveKit takes any name of a language (``en-US``, ``english``), and ``multi`` for: detect it.
    """
    settings = given(arguments)
    if language := settings.get("language"):
        code = LanguageCode(language).language
        settings["language"] = "" if code == "multi" else code
    return settings
