"""PyAI for Pipecat: Hear (speech to text), Speak (text to speech), Cue (turns and knowledge) and Omni (a whole agent).

from pipecat_pyai import PyAISTTService, PyAITTSService

stt = PyAISTTService()  # the key comes from PYAI_API_KEY
tts = PyAITTSService(voice="stock_emma_en_gb")
"""

from pyai_voice.amd_events import AmdDecision
from pyai_voice.amd_options import AmdOptions
from pyai_voice.options import CueOptions, TurnPolicy
from pyai_voice.passages import GroundingStyle

from ._omni_metrics import PyAIOmniUsageMetricsData
from .amd import PyAIAmdProcessor
from .cue import PyAICueTurnDetector
from .frames import PyAIAmdFrame, PyAICommitFrame, PyAIGroundingFrame
from .grounding import PyAIGroundingProcessor
from .omni import PyAIOmniLLMService
from .omni_settings import PyAIOmniSettings
from .segmented import PyAISegmentedSTTService
from .settings import PyAISTTSettings, PyAITTSSettings
from .stt import PyAISTTService
from .tts import PyAIHttpTTSService, PyAITTSService
from .turns import user_turn_strategies

__version__ = "0.2.0"

__all__ = [
    "AmdDecision",
    "AmdOptions",
    "CueOptions",
    "GroundingStyle",
    "PyAIAmdFrame",
    "PyAIAmdProcessor",
    "PyAICommitFrame",
    "PyAICueTurnDetector",
    "PyAIGroundingFrame",
    "PyAIGroundingProcessor",
    "PyAIHttpTTSService",
    "PyAIOmniLLMService",
    "PyAIOmniSettings",
    "PyAIOmniUsageMetricsData",
    "PyAISTTService",
    "PyAISegmentedSTTService",
    "PyAISTTSettings",
    "PyAITTSService",
    "PyAITTSSettings",
    "TurnPolicy",
    "__version__",
    "user_turn_strategies",
]
