"""The logger of this plugin: LiveKit sets its level; no key can pass it."""

import logging

from pyai_voice.redact import SecretFilter

logger = logging.getLogger("livekit.plugins.pyai")
logger.addFilter(SecretFilter())
