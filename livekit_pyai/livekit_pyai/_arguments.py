"""Arguments of STT and TTS as the core takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, get_args

from livekit.agents import LanguageCode, NotGivenOr
from livekit.agents.utils import is_given

from pyai_voice.client import Client
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import CueOptions, TurnAuthority, TurnPolicy

__all__ = ["HearSettings", "client_of", "given", "hear_settings", "turn_policy"]

_AUTHORITIES = get_args(TurnAuthority)


class HearSettings(TypedDict, total=False):
    """What :class:`~.stt.STT` takes and its ``update_options`` changes. Absent: the service decides."""

    model: str
    """``pyai-hear``."""
    language: str
    """Any name that LiveKit knows (``en``, ``en-US``, ``english``); empty: the service detects it."""
    interim_results: bool
    """Whether partial transcripts are wanted."""
    endpointing_ms: int
    """Silence that ends an utterance, 50 to 5000 milliseconds."""
    vocabulary: Sequence[str]
    """Words to listen for; the session's keyterms come after them. The service uses at most five."""
    numerals: bool
    """Write numbers as digits."""
    smart_format: bool
    """Format dates, amounts and the like."""
    dictation: bool
    """Understand spoken punctuation."""
    drop_fillers: bool
    """Leave out um and uh."""
    grounding: bool
    """Cue: also return passages of the organisation's knowledge base."""
    eager: bool
    """Cue: predict the end of a turn, so that the reply is prepared earlier."""
    eager_threshold: float
    """Cue: how sure a prediction must be, 0 to 1 (0.6)."""


def client_of(
    client: Client | None, api_key: NotGivenOr[str | None], base_url: NotGivenOr[str | None], insecure: bool
) -> Client:
    """Return a share of ``client``, or one of its own; what is not given comes from PYAI_API_KEY and PYAI_BASE_URL.

    Raises ValueError for both, and if there is no key.
    """
    key = api_key if is_given(api_key) else None
    url = base_url if is_given(base_url) else None
    return Client.for_host(client, key, url, insecure=insecure)


def given(arguments: Mapping[str, Any], known: type) -> dict[str, Any]:
    """Return the arguments without those that are NOT_GIVEN.

    Raises ConfigurationError for a name that ``known``, a TypedDict, does not have: the core has more options than
    LiveKit can obey.
    """
    if unknown := sorted(arguments.keys() - known.__annotations__.keys()):
        options = ", ".join(sorted(known.__annotations__))
        raise ConfigurationError(
            f"{unknown[0]}: no such option here", code="invalid_option", hint=f"Use one of {options}"
        )
    return {name: value for name, value in arguments.items() if is_given(value)}


def hear_settings(arguments: Mapping[str, Any], cue: CueOptions) -> dict[str, Any]:
    """Return the arguments that are given as HearOptions takes them; those of Cue change ``cue``.

    LiveKit takes any name of a language (``en-US``, ``english``), and ``multi`` for: detect it.
    """
    settings = given(arguments, HearSettings)
    if changes := {name: settings.pop(name) for name in CueOptions.model_fields if name in settings}:
        settings["cue"] = cue.replace(**changes)
    language = settings.get("language")
    if isinstance(language, str) and language:
        code = LanguageCode(language).language
        settings["language"] = "" if code == "multi" else code
    return settings


def turn_policy(turns: TurnPolicy | TurnAuthority) -> TurnPolicy:
    """Return a policy; the name of an authority stands for one with the usual times. Raises ConfigurationError."""
    if isinstance(turns, TurnPolicy):
        return turns
    if turns not in _AUTHORITIES:
        expected = ", ".join(_AUTHORITIES)
        raise ConfigurationError(f"turns: expected {expected} (who ends a turn) or a TurnPolicy", code="invalid_option")
    return TurnPolicy(authority=turns)
