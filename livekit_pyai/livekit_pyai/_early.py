"""Imports what libraries below would import at their first use, in the middle of a call, where it stops the event loop
for a tenth of a second and more. LiveKit's worker imports its plugins before it has jobs.
"""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

__all__: list[str] = []

for _late in ("anyio._backends._asyncio", "soxr"):  # of httpx, and of the core's resampler
    with suppress(ModuleNotFoundError):  # anyio may call its own otherwise; then it is late again
        import_module(_late)
