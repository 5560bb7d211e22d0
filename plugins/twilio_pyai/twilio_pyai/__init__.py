"""Telephone calls of Twilio's media streams, answered by an agent of PyAI's Omni: one ASGI application.

from twilio_pyai import Access, create_app

app = create_app(Access(os.environ["TWILIO_AUTH_TOKEN"], public_url="https://voice.example.com"), OmniOptions(...))
"""

from .access import Access
from .app import create_app
from .control import CallControl, ControlError
from .options import TwilioOptions
from .refusals import Refusal
from .streams import Agent
from .twiml import connect, detect, transfer
from .webhook import Webhook
from .wire import Started

__all__ = [
    "Access",
    "Agent",
    "CallControl",
    "ControlError",
    "Refusal",
    "Started",
    "TwilioOptions",
    "Webhook",
    "connect",
    "create_app",
    "detect",
    "transfer",
]
