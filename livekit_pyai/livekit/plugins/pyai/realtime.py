"""LiveKit's own import path of :mod:`livekit_pyai.realtime`."""

from livekit_pyai.realtime import *  # noqa: F403  # pyright: ignore[reportWildcardImportFromLibrary] - as in the package
from livekit_pyai.realtime import __all__ as __all__
