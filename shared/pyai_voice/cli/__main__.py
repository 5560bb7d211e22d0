"""Lets ``python -m pyai_voice.cli`` be ``pyai-voice``."""

from . import main

if __name__ == "__main__":
    main()
