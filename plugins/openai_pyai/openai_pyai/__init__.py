"""PyAI, or AudioPod, for every client that speaks OpenAI's audio API: a small ASGI front.

from openai_pyai import OwnKey, create_app

app = create_app(OwnKey(Client(), os.environ["OPENAI_FRONT_KEY"]))      # uvicorn module:app
"""

from .access import Access, OwnKey, PassThrough
from .app import create_app
from .options import FrontOptions

__all__ = ["Access", "FrontOptions", "OwnKey", "PassThrough", "create_app"]
