"""Settings: checked when made, named in the complaint, and never a key in it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from pyai_voice.errors import ConfigurationError, UnsupportedError
from pyai_voice.options import Endpoint, HearOptions, LinkOptions, SpeakOptions
from pyai_voice.provider import AUDIOPOD, PYAI

KEY = "pyai_test_canary-options-0123456789"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYAI_API_KEY", "PYAI_BASE_URL", "AUDIOPOD_API_KEY", "AUDIOPOD_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def complaint(**values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Endpoint(**values)
    assert caught.value.__context__ is None
    assert caught.value.code == "invalid_option"
    return str(caught.value)


# Endpoint


@pytest.mark.parametrize(
    ("given_url", "address"),
    [
        ("", "https://api.pyai.com/v1/me"),
        ("https://api.pyai.com", "https://api.pyai.com/v1/me"),
        ("https://api.pyai.com/v1/", "https://api.pyai.com/v1/me"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/me"),
        ("http://localhost:8080/", "http://localhost:8080/v1/me"),
        ("http://[::1]:8080", "http://[::1]:8080/v1/me"),
        ("https://gateway.example/pyai/v1", "https://gateway.example/pyai/v1/me"),
    ],
)
def test_a_base_url_may_be_given_with_or_without_its_path(given_url: str, address: str) -> None:
    assert Endpoint(api_key=SecretStr(KEY), base_url=given_url).url("/me") == address


def test_websockets_have_the_same_origin() -> None:
    assert Endpoint(api_key=SecretStr(KEY)).websocket_url("/a") == "wss://api.pyai.com/v1/a"
    local = Endpoint(api_key=SecretStr(KEY), base_url="http://127.0.0.1:1")
    assert local.websocket_url("/a") == "ws://127.0.0.1:1/v1/a"
    assert local.is_loopback()


@pytest.mark.parametrize(
    "base_url",
    [
        "api.pyai.com",
        "ftp://api.pyai.com",
        "https://",
        "https://[::1",
        "https://api.pyai.com:port",
        "https://api.pyai.com:99999",
        "https://user:word@api.pyai.com",
        f"https://api.pyai.com?api_key={KEY}",
        "https://api.pyai.com#x",
        "http://api.pyai.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.1",
    ],
)
def test_a_wrong_base_url_is_named(base_url: str) -> None:
    said = complaint(api_key=KEY, base_url=base_url)
    assert "base_url: " in said
    assert KEY not in said and "word" not in said


def test_plain_http_needs_a_word() -> None:
    assert Endpoint(api_key=SecretStr(KEY), base_url="http://10.0.0.1", insecure=True).url("") == "http://10.0.0.1/v1"


@pytest.mark.parametrize(
    "key", ["", " ", f"{KEY} ", f"{KEY}\n", "key with spaces", 'key"quoted', "clé", "k" * 513, "a,b", "a\x00b"]
)
def test_a_malformed_key_is_refused_and_not_repeated(key: str) -> None:
    said = complaint(api_key=key)
    assert "api_key: not a key" in said
    assert not key.strip() or key.strip() not in said


@pytest.mark.parametrize("key", [42, b"pyai key", ["pyai_live_k"]])
def test_a_key_that_is_no_text_is_refused_by_name(key: Any) -> None:
    with pytest.raises(ConfigurationError, match="api_key"):
        Endpoint.from_env(key)


def test_a_key_is_in_no_repr() -> None:
    endpoint = Endpoint(api_key=SecretStr(KEY))
    for text in (repr(endpoint), str(endpoint), f"{endpoint.replace(insecure=True)!r}", str(endpoint.model_dump())):
        assert KEY not in text


def test_an_unknown_option_is_named() -> None:
    assert "api_kye" in complaint(api_key=KEY, api_kye=KEY)


def test_a_missing_key_says_where_it_goes() -> None:
    with pytest.raises(ValueError, match=r"PyAI API key is required .*PYAI_API_KEY"):
        Endpoint.from_env()
    with pytest.raises(ConfigurationError, match="AUDIOPOD_API_KEY"):
        Endpoint.audiopod()


def test_the_environment_is_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYAI_API_KEY", KEY)
    monkeypatch.setenv("PYAI_BASE_URL", "http://127.0.0.1:7000/v1")
    endpoint = Endpoint.from_env()
    assert endpoint.api_key.get_secret_value() == KEY
    assert endpoint.base_url == "http://127.0.0.1:7000"
    other = Endpoint.from_env("pyai_test_other-one", "https://eu.pyai.com")
    assert (other.api_key.get_secret_value(), other.base_url) == ("pyai_test_other-one", "https://eu.pyai.com")
    assert Endpoint.from_env(SecretStr("a-secret")).api_key.get_secret_value() == "a-secret"


def test_audiopod_has_its_own_base_path_and_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIOPOD_API_KEY", "ap_0123456789")
    monkeypatch.setenv("PYAI_API_KEY", KEY)
    endpoint = Endpoint.audiopod()
    assert endpoint.api_key.get_secret_value() == "ap_0123456789"
    assert endpoint.url("/audio/speech") == "https://api.audiopod.ai/api/v1/audio/speech"
    assert Endpoint.audiopod("ap_1", "https://api.audiopod.ai/api/v1").base_url == "https://api.audiopod.ai"


def test_endpoints_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Endpoint(api_key=SecretStr(KEY)).insecure = True  # type: ignore[misc] - what the test is about


# Other options


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (SpeakOptions, {"sample_rate": 7999}, "sample_rate"),
        (SpeakOptions, {"sample_rate": 48001}, "sample_rate"),
        (SpeakOptions, {"response_format": "midi"}, "response_format"),
        (SpeakOptions, {"speed": 5}, "speed"),
        (SpeakOptions, {"speed": 0.1}, "speed"),
        (SpeakOptions, {"temperature": -1}, "temperature"),
        (SpeakOptions, {"sped": 1}, "sped"),
        (HearOptions, {"sample_rate": 96000}, "sample_rate"),
        (HearOptions, {"endpointing_ms": 10}, "endpointing_ms"),
        (HearOptions, {"vocabulary": "Smith"}, "vocabulary"),
        (LinkOptions, {"ride_through": -1}, "ride_through"),
        (LinkOptions, {"ping": 0}, "ping"),
    ],
)
def test_a_wrong_option_is_named(kind: type, values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{named}: ") as caught:
        kind(**values)
    assert caught.value.__context__ is None
    assert isinstance(caught.value, ValueError)


def test_a_copy_is_checked_again() -> None:
    options = SpeakOptions(sample_rate=8000)
    assert options.replace(voice="v") == SpeakOptions(sample_rate=8000, voice="v")
    with pytest.raises(ConfigurationError, match="sample_rate"):
        options.replace(sample_rate=1)


@pytest.mark.parametrize("language", ["", "auto", None])
def test_automatic_language_is_no_language(language: str | None) -> None:
    assert HearOptions(language=language).language is None


@given(st.lists(st.text(max_size=8)))
def test_vocabulary_has_no_blank_and_no_double_terms(terms: list[str]) -> None:
    assert HearOptions(vocabulary=None).vocabulary == ()  # type: ignore[arg-type] - of a host, where None is no choice
    kept = HearOptions(vocabulary=tuple(terms)).vocabulary
    assert len(set(kept)) == len(kept)
    assert set(kept) == {term.strip() for term in terms if term.strip()}


def test_options_survive_a_pickle() -> None:
    options = SpeakOptions(voice="v", speed=2)
    assert pickle.loads(pickle.dumps(options)) == options


# Providers


@pytest.mark.parametrize("feature", ["hear_stream", "models", "me", "voice"])
def test_what_audiopod_lacks_is_named(feature: str) -> None:
    with pytest.raises(UnsupportedError, match=f"AudioPod does not offer {feature}"):
        AUDIOPOD.require(feature)
    PYAI.require(feature)


def test_formats_and_fields_that_a_provider_lacks_are_named() -> None:
    with pytest.raises(UnsupportedError, match=r"g711_ulaw.*Use one of aac, flac, mp3, opus, pcm, wav"):
        AUDIOPOD.require_format("g711_ulaw")
    with pytest.raises(UnsupportedError, match="^seed, temperature: AudioPod"):
        AUDIOPOD.require_fields(["temperature", "speed", "seed"], AUDIOPOD.speech_fields)


@given(st.integers(8000, 48000))
def test_the_rate_asked_for_is_never_lower_where_a_higher_exists(rate: int) -> None:
    assert PYAI.native_rate(rate) >= rate
    assert PYAI.native_rate(rate) in PYAI.pcm_rates
    assert AUDIOPOD.native_rate(rate) == 24000
