"""The command line, ``pyai-voice``: ``serve`` runs the local server, ``kb`` keeps knowledge bases.

It comes with the extra ``server``; without that it says how to install it.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command. What a command needs is imported when it runs, so that ``--help`` is quick."""
    try:
        from .commands import app

        app(prog_name="pyai-voice")
    except ModuleNotFoundError as error:
        missing = error.name
    else:
        return
    sys.exit(f"pyai-voice needs its extra 'server' ({missing} is not here): pip install 'pyai-voice[server]'")
