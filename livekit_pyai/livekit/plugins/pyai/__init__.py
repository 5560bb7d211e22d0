"""LiveKit's own import path of :mod:`livekit_pyai`: ``from livekit.plugins import pyai``."""

from livekit_pyai import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary] - one list of names, there
from livekit_pyai import __all__ as __all__

from . import realtime as realtime
