"""Run the demonstration: ``python -m demo``, or ``make demo``."""

from __future__ import annotations

import sys

try:  # what it needs takes seconds to import, and Ctrl-C may come already then
    from .main import run
    from .run import scene
except KeyboardInterrupt:
    print("The demo ended: stopped; nothing is left running", file=sys.stderr)
    sys.exit(130)

sys.exit(run(scene))
