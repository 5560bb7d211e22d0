"""PyAI for Pipecat: Hear (speech to text) and Speak (text to speech).

from pipecat_pyai import PyAISTTService, PyAITTSService

stt = PyAISTTService()  # the key comes from PYAI_API_KEY
tts = PyAITTSService(voice="stock_emma_en_gb")
"""

from .settings import PyAISTTSettings, PyAITTSSettings
from .stt import PyAISTTService
from .tts import PyAIHttpTTSService, PyAITTSService

__version__ = "0.2.0"

__all__ = [
    "PyAIHttpTTSService",
    "PyAISTTService",
    "PyAISTTSettings",
    "PyAITTSService",
    "PyAITTSSettings",
    "__version__",
]
