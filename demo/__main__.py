"""Run the demonstration: ``python -m demo``, or ``make demo``."""

from __future__ import annotations

import sys

from .main import run
from .run import scene

sys.exit(run(scene))
