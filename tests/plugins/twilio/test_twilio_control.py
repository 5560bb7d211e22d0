"""What needs Twilio's REST: transfers, hanging up, the apology; and TwiML."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from xml.etree import ElementTree

import pytest

from pyai_voice.amd_options import AmdOptions
from pyai_voice.errors import ConfigurationError
from pyai_voice.options import Endpoint
from tests.core.omni_service import Peer, Script, omni_service, stay
from tests.plugins.twilio.test_twilio_call import ramp
from tests.plugins.twilio.twilio_house import ACCOUNT, TOKEN, Lines, house
from tests.plugins.twilio.twilio_rest import MADE, twilio_rest
from twilio_pyai import CallControl, ControlError, TwilioOptions, connect, detect, transfer

DESK = TwilioOptions(transfers={"front desk": "+15550100009", "": "sip:desk@example.com"})


def transferring(*destinations: str) -> Script:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.4))
        for destination in destinations:
            peer.machine.call_control("transfer_to_human", destination=destination)
        await peer.stay()

    return script


@pytest.mark.parametrize(
    ("destination", "dial"),
    [
        ("front desk", "<Number>+15550100009</Number>"),
        ("", "<Sip>sip:desk@example.com</Sip>"),
    ],
)
async def test_a_transfer_comes_after_the_last_words(destination: str, dial: str, log: Lines) -> None:
    async with (
        omni_service(transferring(destination)) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, options=DESK, control=control) as twilio,
        twilio.call() as call,
    ):
        assert await call.ended() == 1000
        heard = sum(len(each.coded) for each in call.heard)
    ((sid, form),) = rest.asked
    assert sid == call.call_sid
    assert f"<Dial>{dial}</Dial>" in form["Twiml"]
    assert heard >= 3200, "the words before the transfer were cut"
    assert log.lines[-1].startswith("media transferred, ")


async def test_twilio_ends_the_stream_before_it_answers() -> None:
    async with (
        omni_service(transferring("front desk")) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, options=DESK, control=control) as twilio,
        twilio.call() as call,
    ):
        ending: list[asyncio.Task[None]] = []
        rest.on_ask = lambda: ending.append(asyncio.create_task(call.hang_up()))
        await call.ended()
        await asyncio.gather(*ending)
    assert len(rest.asked) == 1


async def test_nothing_is_dialled_that_is_not_listed(log: Lines) -> None:
    async with (
        omni_service(transferring("+15559999999", "sip:evil@example.com", "somebody", "front desk\n")) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, options=DESK, control=control) as twilio,
        twilio.call() as call,
    ):
        await call.until(lambda: len(call.sound()) >= 3200)
        await call.all_heard()
        assert call.close_code is None, "the call goes on"
        await call.hang_up()
    assert not rest.asked
    assert sum("not transferred" in line for line in log.lines) == 4


async def test_without_credentials_a_transfer_is_one_line_and_the_call_goes_on(log: Lines) -> None:
    async with (
        omni_service(transferring("front desk")) as service,
        house(service.endpoint, options=DESK) as twilio,
        twilio.call() as call,
    ):
        await call.until(lambda: len(call.sound()) >= 3200)
        await call.hang_up()
    assert [line for line in log.lines if "transfer" in line] == [
        f"call {call.call_sid}: not transferred: Twilio's credentials are needed"
    ]


async def test_the_agent_hangs_up_by_rest() -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.audio(ramp(0.2))
        peer.machine.call_control("end_call", reason="done")
        await peer.stay()

    async with (
        omni_service(script) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, control=control) as twilio,
        twilio.call() as call,
    ):
        assert await call.ended() == 1000
    assert rest.asked == [(call.call_sid, {"Status": "completed"})]


async def test_when_pyai_is_gone_for_good_twilio_apologises(log: Lines) -> None:
    async with (
        omni_service(stay, refusals=[(401, {})]) as service,
        twilio_rest() as rest,
        aclosing(rest.control()) as control,
        house(service.endpoint, options=TwilioOptions(apology="Sorry & goodbye."), control=control) as twilio,
        twilio.call() as call,
    ):
        assert await call.ended() == 1000
    ((_, form),) = rest.asked
    twiml = ElementTree.fromstring(form["Twiml"])
    assert [each.tag for each in twiml] == ["Say", "Hangup"]
    assert twiml[0].text == "Sorry & goodbye."
    assert log.lines[-1].startswith("media PyAI: ")


@pytest.mark.parametrize("trouble", ["refused", "wrong token", "dead", "slow"])
async def test_twilio_does_not_do_it_and_the_call_ends_all_the_same(trouble: str, log: Lines) -> None:
    async def script(peer: Peer) -> None:
        await peer.configured()
        peer.machine.end()
        await peer.flush()

    async with twilio_rest() as rest, omni_service(script) as service:
        rest.status = 400 if trouble == "refused" else 200
        control = rest.control("wrong_canary_0123456789" if trouble == "wrong token" else TOKEN)
        if trouble == "dead":
            control = CallControl(ACCOUNT, TOKEN, base_url="http://127.0.0.1:1")
        if trouble == "slow":
            control = rest.control(timeout=0.001)
        async with (
            aclosing(control),
            house(service.endpoint, control=control) as twilio,
            twilio.call() as call,
        ):
            assert await call.ended() == 1000
    (line,) = [line for line in log.lines if "Twilio: " in line]
    assert "canary" not in line


async def test_a_number_is_called() -> None:
    async with twilio_rest() as rest, aclosing(rest.control()) as control:
        assert await control.dial("+15550100001", "+15550100002", "https://voice.example.com/voice") == MADE
        assert rest.asked == [
            ("", {"To": "+15550100001", "From": "+15550100002", "Url": "https://voice.example.com/voice"})
        ]
        rest.status = 400
        with pytest.raises(ControlError, match="400, .*not in-progress"):
            await control.dial("+15550100001", "+15550100002", "https://voice.example.com/voice")


def test_credentials_are_needed_and_are_not_shown() -> None:
    for wrong in (("", TOKEN), (ACCOUNT, "")):
        with pytest.raises(ConfigurationError):
            CallControl(*wrong)
    assert TOKEN not in repr(CallControl(ACCOUNT, TOKEN))


# TwiML

PYAI = Endpoint(api_key="pyai_test_canary_key_0123", base_url="https://api.pyai.com")


def test_amd_is_forked_with_the_key_as_a_parameter() -> None:
    options = AmdOptions(
        aggressiveness=0.5, webhook="https://example.com/amd", decision_timeout=4, parameters={"crm": "<7>"}
    )
    twiml = ElementTree.fromstring(str(detect(PYAI, options, call_sid="CA1", hold=5)))
    assert [each.tag for each in twiml] == ["Start", "Pause"]
    (stream,) = twiml.iter("Stream")
    assert stream.attrib["url"] == "wss://api.pyai.com/v1/amd/stream", "Twilio strips the query"
    assert {each.attrib["name"]: each.attrib["value"] for each in stream} == {
        "api_key": "pyai_test_canary_key_0123",
        "aggressiveness": "0.5",
        "webhook": "https://example.com/amd",
        "decision_timeout_ms": "4000",
        "crm": "<7>",
        "call_sid": "CA1",
    }
    assert twiml[1].attrib == {"length": "5"}


def test_a_fork_can_come_before_the_conversation() -> None:
    twiml = ElementTree.fromstring(str(connect("wss://x.example/media", response=detect(PYAI))))
    assert [each.tag for each in twiml] == ["Start", "Connect"]


@pytest.mark.parametrize(
    ("url", "parameters"),
    [
        ("https://x.example/media", {}),
        ("wss://x.example/media?a=1", {}),
        ("wss://x.example/media", {"a": "b" * 500}),
        ("wss://x.example/media", {"": "b"}),
    ],
)
def test_what_twilio_does_not_take_is_refused(url: str, parameters: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        connect(url, parameters)


@pytest.mark.parametrize(
    "destination", ["112", "+0123456", "tel:+15550100009", "sip:", "sip:a b", "<Hangup/>", "+1555010000a"]
)
def test_a_destination_that_is_none(destination: str) -> None:
    with pytest.raises(ConfigurationError):
        transfer(destination)
    with pytest.raises(ConfigurationError, match="transfers"):
        TwilioOptions(transfers={"desk": destination})
