"""Answering-machine detection: settings and decisions; the signing secret of callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pyai_voice.server.state.amd import AmdCall
from pyai_voice.webhooks import sign_webhook, verify_webhook
from tests.server.conftest import Local

CONFIG, CALLS, SECRET = "/v1/amd/config", "/v1/amd/calls", "/v1/webhooks/signing-secret"


async def test_settings_change_field_by_field(local: Local) -> None:
    assert (await local.get(CONFIG)).json() == {"object": "amd.config", "aggressiveness": 0.5, "webhook_url": None}
    hook = "https://hooks.example/amd"
    assert (await local.post(CONFIG, json={"webhook_url": hook})).json()["webhook_url"] == hook
    assert (await local.post(CONFIG, json={"aggressiveness": 0.8})).json()["webhook_url"] == hook
    changed = await local.post(CONFIG, json={"webhook_url": None})
    assert changed.json() == {"object": "amd.config", "aggressiveness": 0.8, "webhook_url": None}
    assert (await local.get(CONFIG)).json() == changed.json()


@pytest.mark.parametrize(
    "fields", [{"aggressiveness": 1.1}, {"aggressiveness": "0.5"}, {"webhook_url": "http://10.0.0.1/"}]
)
async def test_wrong_settings_are_refused(local: Local, fields: dict[str, Any]) -> None:
    answer = await local.post(CONFIG, json=fields)
    assert (answer.status_code, answer.json()["detail"].partition(":")[0]) == (400, next(iter(fields)))


async def test_decisions_are_listed_and_read(local: Local) -> None:
    amd = local.server.app.state.stores.amd
    for number in range(3):
        decision = AmdCall(
            call_id=f"C_{number}", session_label=f"l{number % 2}", answered_by="human", created_at=number
        )
        await amd.save("org_local", decision)
    await amd.save("org_local", AmdCall(call_id="C_0", answered_by="machine", created_at=9))
    page = (await local.get(f"{CALLS}?limit=2")).json()
    assert [each["call_id"] for each in page["data"]] == ["C_2", "C_1"]
    assert [each["call_id"] for each in (await local.get(f"{CALLS}?session_label=l1")).json()["data"]] == ["C_1"]
    one = (await local.get(f"{CALLS}/C_0")).json()
    assert (one["object"], one["answered_by"], one["status"]) == ("amd.call", "machine", "completed")
    assert (await local.get(f"{CALLS}/C_9")).status_code == 404


async def test_callbacks_are_signed_with_the_secret_and_a_day_long_with_the_former_one(local: Local) -> None:
    signing = local.server.app.state.stores.signing
    assert (await local.get(SECRET)).json() == {"object": "webhook.signing_secret", "configured": False, "last4": None}
    (unknown,) = await signing.secrets("org_local")
    assert await signing.secrets("org_local") == [unknown]
    first = (await local.post(SECRET)).json()["secret"]
    assert (await local.get(SECRET)).json() == {
        "object": "webhook.signing_secret",
        "configured": True,
        "last4": first[-4:],
    }
    second = (await local.post(SECRET)).json()["secret"]
    header = sign_webhook(b"{}", await signing.secrets("org_local"))
    for secret in (first, second):
        verify_webhook(b"{}", header, secret)
    assert unknown not in await signing.secrets("org_local")
    _, third, fourth = await asyncio.gather(signing.secrets("org_new"), *(signing.renew("org_new") for _ in range(2)))
    assert await signing.secrets("org_new") == [fourth, third]  # none that was shown is overwritten
    assert first not in (await local.get(SECRET)).text
