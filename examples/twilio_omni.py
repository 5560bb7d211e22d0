"""A telephone number of Twilio that an agent of Omni answers.

Run it, and let the number's webhook ("A call comes in", POST) be <public address>/voice::

    export PYAI_API_KEY=...                           # and PYAI_BASE_URL for a local server
    export TWILIO_AUTH_TOKEN=...                      # who is not Twilio is refused
    export TWILIO_PUBLIC_URL=https://voice.example.com
    export TWILIO_ACCOUNT_SID=AC...                   # for transfers, and to hang up
    python examples/twilio_omni.py
"""

import os

import uvicorn
from starlette.applications import Starlette

from pyai_voice.omni_options import OmniOptions, Tool
from twilio_pyai import Access, CallControl, Started, TwilioOptions, create_app

PERSONA = (
    "You answer the telephone of a coffee bar. One or two short sentences at a time: they are spoken. "
    "The bar opens at seven in the morning and closes at six. An espresso is two dollars. "
    "When somebody wants a person, transfer to the front desk. When they say goodbye, say goodbye and hang up."
)
TOOLS = (
    Tool(name="opening_hours", description="When the bar is open on a day."),
    Tool(
        name="transfer_to_human",
        description="Connect the caller to a person.",
        parameters={"type": "object", "properties": {"destination": {"type": "string", "enum": ["front desk"]}}},
    ),
    Tool(name="end_call", description="Hang up when the conversation is over."),
)


def agent(call: Started) -> OmniOptions:
    """Return who answers this call; ``call.parameters`` say who calls which number."""
    return OmniOptions(persona=PERSONA, greeting="Hello! This is the coffee bar.", tools=TOOLS)


async def opening_hours(arguments: dict[str, object]) -> dict[str, str]:
    """Answer the tool."""
    return {"opens": "seven in the morning", "closes": "six in the evening"}


def build() -> Starlette:
    """Return the application."""
    token, account = os.environ["TWILIO_AUTH_TOKEN"], os.environ.get("TWILIO_ACCOUNT_SID", "")
    return create_app(
        Access(token, public_url=os.environ.get("TWILIO_PUBLIC_URL", "")),
        agent,
        options=TwilioOptions(transfers={"front desk": os.environ.get("FRONT_DESK", "+15550100009")}),
        handlers={"opening_hours": opening_hours},
        control=CallControl(account, token) if account else None,
    )


if __name__ == "__main__":
    uvicorn.run(build(), port=8645, ws_max_size=1 << 16, proxy_headers=False)
