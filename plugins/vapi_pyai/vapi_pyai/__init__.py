"""PyAI for hosts that call by HTTP and WebSocket as Vapi does: one ASGI application.

from vapi_pyai import Access, Token, create_app

app = create_app(Access(Token(os.environ["VAPI_SECRET"])))      # uvicorn module:app
"""

from .access import Access, Signature, Token
from .app import create_app
from .model import ChatModel
from .options import EndpointingOptions, VapiOptions

__all__ = ["Access", "ChatModel", "EndpointingOptions", "Signature", "Token", "VapiOptions", "create_app"]
