"""Calls a number with Twilio: PyAI's AMD tells who has answered before the agent says a word.

A person is greeted; a voicemail that beeps gets a message; other machines are hung up on. Run it where Twilio reaches
it, with the variables of ``twilio_omni.py``::

    python examples/twilio_amd_call.py +15551234567 +15557654321      # whom, and from which of your numbers
"""

import asyncio
import os
import sys

import uvicorn
from starlette.applications import Starlette

from pyai_voice.amd_options import AmdOptions
from pyai_voice.omni_options import OmniOptions
from twilio_pyai import Access, CallControl, TwilioOptions, create_app

AGENT = OmniOptions(
    persona="You call customers of a coffee bar to tell them that their order is ready. One short sentence at a time.",
    greeting="Hello! This is the coffee bar. Your order is ready.",
)
MESSAGE = "This is the coffee bar. Your order is ready. Goodbye."


def build(control: CallControl) -> Starlette:
    """Return the application that Twilio asks when somebody has answered."""
    return create_app(
        Access(os.environ["TWILIO_AUTH_TOKEN"], public_url=os.environ.get("TWILIO_PUBLIC_URL", "")),
        AGENT,
        options=TwilioOptions(amd=AmdOptions(), message=MESSAGE),
        control=control,
    )


async def dial(control: CallControl, number: str, from_: str) -> str:
    """Call; return Twilio's name for the call."""
    return await control.dial(number, from_, f"{os.environ['TWILIO_PUBLIC_URL']}/voice")


async def main(number: str, from_: str) -> None:
    """Serve, and call, until Ctrl-C."""
    control = CallControl(os.environ["TWILIO_ACCOUNT_SID"], os.environ["TWILIO_AUTH_TOKEN"])
    server = uvicorn.Server(uvicorn.Config(build(control), port=8645, ws_max_size=1 << 16, proxy_headers=False))
    serving = asyncio.create_task(server.serve())
    print(await dial(control, number, from_))
    await serving
    await control.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
